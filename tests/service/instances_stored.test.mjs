// SPDX-License-Identifier: GPL-2.0-or-later
// By the rules of 2016, whose guests find their settings in a file of their disk; run over a
// radosgw, where what the disk stands on lies in S3.  One start.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { dressed, nonce, startZone, unitOf } from "./zone.mjs";

const z = await startZone({ service: "profile = tencent-2016" }), { api, d } = z;
const word = nonce(), ini = "/etc/qcloud-network-config.ini";

const tell = `say() { printf '%s\\n' "$*" >/dev/ttyS0; }
n=0
while IFS= read -r line; do
    n=$((n + 1))
    say "${word} line$n=$line"
done <${ini}
say "${word} lines=$n"
say "${word} mode=$(stat -c '%a %U %F' ${ini})"
say "${word} mounted=$(findmnt -n -o SOURCE -T ${ini})"
say "${word} end"
`;

let image;

test("a guest is imported", async () => {
  const disk = path.join(d.dir, "old.raw");
  dressed("no-cloud-init", disk, [
    ["/etc/systemd/system/tell.service", unitOf("/usr/sbin/tell")],
    ["/usr/sbin/tell", tell],
  ], ["tell.service"]);
  await z.upload(disk, "old.qcow2");
  fs.rmSync(disk);
  image = await z.import("old.qcow2", "old");
  assert.equal(image.ImageState, "NORMAL");
  assert.equal(d.blobs.list("image/").length, 1);
  assert.ok(process.env.S3_ENDPOINT, "this wants a store of its own");
  assert.ok(!fs.existsSync(path.join(d.dir, "data/objects")), "no bytes of it lie here");
});

test("an instance comes up, and its disk has the file with its address", async () => {
  const id = await z.run(image.ImageId, { HostName: "old-1", LoginSettings: { Password: "correct-Horse-7" } });
  const i = await z.settled(id);
  assert.deepEqual([i.InstanceState, i.LatestOperationState, i.LatestOperationErrorMsg ?? ""], ["RUNNING", "SUCCESS", ""]);
  const said = await z.speaks(id, word);
  const lines = Array.from({ length: Number(said.lines) }, (_, n) => said[`line${n + 1}`]).filter(Boolean);
  assert.deepEqual(lines.map((line) => line.replace(/\s*=\s*/, "=")),
    ["[ip]", "ip=10.66.0.2", "mask=255.255.240.0", "gateway=10.66.0.1", "[dns]", "dns=10.66.0.1"]);
  assert.deepEqual([said.mode, said.mounted], ["600 root regular file", "/dev/vda1"]);
  // What its disk stands on is here now, and goes with the last disk.
  const bases = path.join(z.folder, "images");
  assert.equal(fs.readdirSync(bases).length, 1);
  await z.terminate(id);
  assert.deepEqual(fs.readdirSync(bases), []);
  await api.DeleteImages({ ImageIds: [image.ImageId] });
});
