// SPDX-License-Identifier: GPL-2.0-or-later
// Without cloud-init: a forced import takes its settings by dist/os-config, an image is made of the
// instance while it runs, held still by its guest agent, and another one starts of that.  Two
// starts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { here, processesOf } from "./lib.mjs";
import { dressed, isHashOf, nonce, startZone, telling, unitOf } from "./zone.mjs";

const z = await startZone(), { api, d } = z;
const word = nonce(), passwords = ["correct-Horse-7", "battery-Staple-9"];
const dist = (name) => fs.readFileSync(here(`../../dist/os-config/${name}`), "utf8");

// It speaks at each start, then writes on its disk and says so, until it is off: what is frozen
// keeps quiet.  The agent's own log lies in the journal.
const tell = `${telling(word)}say "${word} dns=$(awk '/^nameserver/ { print $2 }' /etc/resolv.conf | tr '\\n' ' ')"
say "${word} cloudinit=$(command -v cloud-init)"
echo "of $(hostname)" >/root/mark
echo secret >/root/.bash_history
sync
say "${word} end"
n=0
while sleep 1; do
    n=$((n + 1))
    echo "$n" >/root/ticks
    sync
    say "${word} tick=$n"
    if [ -e /run/thawed ] && [ ! -e /run/told ]; then
        touch /run/told
        say "${word} journal=$(journalctl -o cat -t qemu-ga -t qemu-guest-agent | grep -c 'guest-fsfreeze called')"
    fi
done
`;
// The agent runs it before it freezes and after it has thawed.
const hook = `#!/bin/sh
echo "${word} hook=$1" >/dev/ttyS0
[ "$1" != thaw ] || touch /run/thawed
`;

let image, first, said, made;

test("an image without cloud-init comes in by force only", async () => {
  const disk = path.join(d.dir, "forced.raw");
  dressed("run-agent", disk, [
    ["/usr/sbin/imgport-os-config", dist("imgport-os-config"), "755"],
    ["/etc/systemd/system/imgport-os-config.service", dist("imgport-os-config.service")],
    ["/etc/systemd/system/tell.service", unitOf("/usr/sbin/tell")],
    ["/usr/sbin/tell", tell],
    ["/etc/qemu/fsfreeze-hook", hook, "755"],
    ["/etc/qemu/qemu-ga.conf", "[general]\nfsfreeze-hook=/etc/qemu/fsfreeze-hook\n"],
  ], ["imgport-os-config.service", "tell.service"]);
  await z.upload(disk, "forced.qcow2");
  fs.rmSync(disk);
  const refused = await z.import("forced.qcow2", "unforced");
  assert.equal(refused.ImageState, "IMPORTFAILED");
  image = await z.import("forced.qcow2", "forced", { Force: true });
  assert.deepEqual([image.ImageState, image.IsSupportCloudinit], ["NORMAL", false]);
});

test("its instance has name, password and address out of os.conf", async () => {
  first = await z.run(image.ImageId, { HostName: "forced-1", LoginSettings: { Password: passwords[0] } });
  assert.equal((await z.settled(first)).InstanceState, "RUNNING");
  said = await z.speaks(first, word);
  assert.equal(said.cloudinit, "");
  assert.equal(said.host, "forced-1");
  assert.deepEqual([said.address, said.gateway, said.dns.trim()], ["10.66.0.2/20", "10.66.0.1", "10.66.0.1"]);
  assert.ok(isHashOf(said.shadow, passwords[0]), said.shadow);
  assert.equal(said.metadata, first);
  assert.equal(said.mark, "");
  assert.match(said.hostkey, /^[0-9a-f]{64}/);
});

// Of the image's disk, as root on another machine sees it.
const raw = path.join(d.dir, "made.raw"), root = `${raw}?offset=1048576`;
const tool = (...words) => execFileSync(words[0], words.slice(1), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"],
  env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8" } });
const debugfs = (command) => tool("debugfs", "-R", command, root);

test("an image is made of it while it runs; its filesystems are held still for that", async () => {
  const processes = processesOf(first), boots = z.console(first).match(/Linux version/g).length;
  const had = new Set(d.blobs.list("image/"));
  assert.ok(processes.length);
  const { ImageId } = await api.CreateImage({ InstanceId: first, ImageName: "made" });
  const i = await z.settled(first);
  assert.deepEqual([i.InstanceState, i.LatestOperationState], ["RUNNING", "SUCCESS"], JSON.stringify(i));
  made = await z.image(ImageId);
  assert.deepEqual([made.ImageState, made.IsSupportCloudinit], ["NORMAL", false]);
  // The agent called its hook for both, in this order, once.
  await z.watch(first, (text) => text.includes(`${word} journal=`), 300);
  const hooks = [...z.console(first).matchAll(new RegExp(`${word} hook=(\\w+)`, "g"))].map((m) => m[1]);
  assert.deepEqual(hooks, ["freeze", "thaw"]);
  assert.equal(z.words(first, word).journal, "1");
  // It goes on as it was, and writes.
  const after = z.console(first).lastIndexOf(`${word} hook=thaw`);
  await z.watch(first, (text) => (text.slice(after).match(/ tick=/g) ?? []).length > 3, 300);
  assert.deepEqual(processesOf(first), processes);
  assert.equal(z.console(first).match(/Linux version/g).length, boots);

  const keys = d.blobs.list("image/").filter((key) => !had.has(key));
  assert.equal(keys.length, 1);
  const blob = path.join(d.dir, "made.qcow2");
  fs.writeFileSync(blob, d.blobs.get(keys[0]));
  tool("qemu-img", "convert", "-f", "qcow2", "-O", "raw", blob, raw);
  fs.rmSync(blob);
  // What is mounted has a journal to recover, but for when it is frozen.
  assert.doesNotMatch(tool("dumpe2fs", "-h", root), /needs_recovery/);
  tool("e2fsck", "-f", "-n", root);
  assert.match(debugfs("cat /root/mark"), /^of forced-1$/m);
  assert.match(debugfs("cat /root/ticks"), /^\d+$/m);
  assert.equal(debugfs("cat /etc/machine-id"), "");
  assert.doesNotMatch(debugfs("ls /etc/ssh"), /ssh_host_/);
  assert.doesNotMatch(debugfs("ls /root"), /bash_history/);
  fs.rmSync(raw);
});

test("another one starts of that image, with settings and an identity of its own", async () => {
  await z.terminate(first);
  const second = await z.run(made.ImageId, { HostName: "forced-2", LoginSettings: { Password: passwords[1] },
    VirtualPrivateCloud: { VpcId: "DEFAULT", SubnetId: "DEFAULT", PrivateIpAddresses: ["10.66.0.77"] } });
  assert.equal((await z.settled(second)).InstanceState, "RUNNING");
  const other = await z.speaks(second, word);
  assert.equal(other.host, "forced-2");
  assert.deepEqual([other.address, other.gateway], ["10.66.0.77/20", "10.66.0.1"]);
  assert.ok(isHashOf(other.shadow, passwords[1]), other.shadow);
  assert.equal(other.metadata, second);
  assert.equal(other.mark, "of forced-1", "the disk is that of the first");
  assert.match(other.machine, /^[0-9a-f]{32}$/);
  assert.match(other.hostkey, /^[0-9a-f]{64}/);
  assert.notEqual(other.machine, said.machine);
  assert.notEqual(other.hostkey.slice(0, 64), said.hostkey.slice(0, 64));
  await z.terminate(second);
});
