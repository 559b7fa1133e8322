// SPDX-License-Identifier: GPL-2.0-or-later
// zone.mjs: an imgportd that is the host of a zone, and real guests in it
//
//     const z = await startZone();                 z.d the daemon, z.alice, z.api her SDK
//     const ImageId = await z.importGuest("good"); of tests/guests
//     const id = await z.run(ImageId, { ... });    one instance
//     const said = await z.speaks(id, word);       what the guest says of itself
//
// A guest speaks on its serial console, in lines "WORD key=value" and at last "WORD end", where
// the word is one that nobody said before.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { here, require, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const Zone = "ap-guangzhou-1", Region = "ap-guangzhou";
const BOOT_S = Number(process.env.IMGPORT_BOOT_SECONDS ?? 900);

export const nonce = () => `SAID-${crypto.randomBytes(8).toString("hex")}`;
export const base64 = (text) => Buffer.from(text).toString("base64");
export const guestFile = (name) => execFileSync(here("../guests/build.sh"), ["--file", name], { encoding: "utf8" }).trim();
export const isHashOf = (hash, password) => execFileSync("python3", ["-W", "ignore", "-c",
  "import crypt, sys; print(crypt.crypt(sys.argv[1], sys.argv[2]) == sys.argv[2])", password, hash], { encoding: "utf8" }).trim() === "True";

// Shell: the facts that every guest tells, with say() for more.
export const telling = (word) => `say() { printf '%s\\n' "$*" >/dev/ttyS0; }
say "${word} host=$(hostname)"
say "${word} address=$(ip -4 -o addr show scope global | awk '{ print $4 }')"
say "${word} gateway=$(ip route | awk '/^default/ { print $3 }')"
say "${word} shadow=$(getent shadow root | cut -d: -f2)"
say "${word} keys=$(cat /root/.ssh/authorized_keys | tr '\\n' ';')"
say "${word} machine=$(cat /etc/machine-id)"
say "${word} hostkey=$(sha256sum /etc/ssh/ssh_host_ed25519_key.pub)"
say "${word} mark=$(cat /root/mark)"
say "${word} metadata=$(python3 -c 'import urllib.request as u; print(u.urlopen("http://169.254.0.23/latest/meta-data/instance-id", timeout=30).read().decode())')"
`;

// User data that run these lines of shell.
export const userData = (lines) => `#cloud-config
locale: false
runcmd:
  - |
${lines.trimEnd().split("\n").map((line) => `    ${line}`).join("\n")}
`;

// Shell: this text as a file in the guest.
export const placing = (text, at) => `echo ${gzipSync(text).toString("base64")} | base64 -d | gzip -d >${at}\n`;

// A copy of a guest of tests/guests with files in it, as root would install them; for what has no
// cloud-init.  `files`: [path, text, mode]; `units`: names of those that start with the system.
export function dressed(name, to, files, units) {
  const from = guestFile(name), scratch = fs.mkdtempSync(path.join(path.dirname(to), "dressed-"));
  const commands = files.flatMap(([at, text, mode = "644"], n) => {
    fs.writeFileSync(path.join(scratch, `${n}`), text);
    const file = path.basename(at);
    return [`mkdir ${path.dirname(at)}`, `cd ${path.dirname(at)}`, `rm ${file}`, `write ${path.join(scratch, `${n}`)} ${file}`,
      `sif ${file} mode 0100${mode}`, "cd /"];
  });
  commands.push("cd /etc/systemd/system/multi-user.target.wants", ...units.map((unit) => `symlink ${unit} /etc/systemd/system/${unit}`));
  execFileSync("cp", ["--sparse=always", from, to]);
  fs.writeFileSync(path.join(scratch, "commands"), commands.join("\n"));
  execFileSync("debugfs", ["-w", "-f", path.join(scratch, "commands"), `${to}?offset=1048576`], { stdio: "ignore" });
  fs.rmSync(scratch, { recursive: true });
}

// A unit that runs a script when all else is there.
export const unitOf = (script) => `[Unit]
After=multi-user.target network.target ssh.service
[Service]
Type=oneshot
ExecStart=/bin/sh ${script}
`;

export async function startZone({ conf = "", ...options } = {}) {
  // Before the daemon's own folder goes, which says which there are.
  const d = await startDaemon({ ...options, conf: `[instances]
zone = ${Zone}
dns = 10.66.0.1
power-off-seconds = 300
[instance-type T1.MICRO]
memory = 512MiB
${conf}` });
  const alice = d.account("alice", "--import"), api = d.client(alice, { language: "en-US" });
  const folder = path.join(d.dir, "data/instances");
  const instances = () => fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.startsWith("ins-")) : [];
  const get = async (InstanceId) => (await api.DescribeInstances({ InstanceIds: [InstanceId] })).InstanceSet[0];
  const image = async (ImageId) => (await api.DescribeImages({ ImageIds: [ImageId] })).ImageSet[0];
  const says = (id) => {
    const file = path.join(folder, id, "serial.log");
    return fs.existsSync(file) ? fs.readFileSync(file, "latin1") : "";
  };
  const cos = () => new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
  const Bucket = `b-${alice.appId}`;
  let Expires = 3600; // two links of one second would be one link, which serves once

  const z = {
    d, alice, api, folder, get, image, instances,
    console: says,
    settled: (id) => until(async () => {
      const i = await get(id);
      return i && i.LatestOperationState !== "OPERATING" && i;
    }, 600),
    // The guest's own words, without what else is on its console.
    words: (id, word) => Object.fromEntries([...says(id).matchAll(new RegExp(`${word} (\\w+)=([^\\r\\n]*)`, "g"))]
      .map((m) => [m[1], m[2]])),
    // Until its console is as wanted, else its last lines are shown.
    watch: (id, wanted, seconds = BOOT_S) => until(() => wanted(says(id)), seconds).catch((e) => {
      console.error(says(id).slice(-4000));
      throw e;
    }),
    async speaks(id, word, seconds = BOOT_S) {
      await z.watch(id, (text) => {
        assert.doesNotMatch(text, /Kernel panic|Gave up waiting/);
        return text.includes(`${word} end`);
      }, seconds);
      return z.words(id, word);
    },
    async run(ImageId, more) {
      const { InstanceIdSet } = await api.RunInstances({ Placement: { Zone }, ImageId, InstanceType: "T1.MICRO",
        SystemDisk: { DiskSize: 4 }, ...more });
      return more.InstanceCount ? InstanceIdSet : InstanceIdSet[0];
    },
    async upload(disk, Key) {
      const file = path.join(d.dir, Key);
      execFileSync(process.env.IMGPORT, ["convert", "-c", "zstd", disk, file], { stdio: "ignore" });
      await cos().putBucket({ Bucket, Region }).catch((e) => assert.equal(e.code, "BucketAlreadyOwnedByYou"));
      await cos().uploadFile({ Bucket, Region, Key, FilePath: file, SliceSize: 8 << 20 });
      fs.rmSync(file);
    },
    // What comes of an import of what was uploaded.
    async import(Key, ImageName, more = {}) {
      const { ImageId } = await api.ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12", ImageName,
        ImageUrl: cos().getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: Expires++, Protocol: "http:" }), ...more });
      return until(async () => {
        const i = await image(ImageId);
        return i.ImageState !== "IMPORTING" && i;
      }, 300);
    },
    async importGuest(name) {
      await z.upload(guestFile(name), `${name}.qcow2`);
      const i = await z.import(`${name}.qcow2`, name);
      assert.equal(i.ImageState, "NORMAL");
      return i.ImageId;
    },
    async keyPair(KeyName) {
      const file = path.join(d.dir, KeyName);
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", KeyName, "-f", file]);
      const PublicKey = fs.readFileSync(`${file}.pub`, "utf8").trim();
      return { PublicKey, KeyId: (await api.ImportKeyPair({ KeyName, PublicKey, ProjectId: 0 })).KeyId };
    },
    async terminate(...InstanceIds) {
      await api.TerminateInstances({ InstanceIds });
      for (const id of InstanceIds) await until(async () => !(await get(id)));
    },
  };
  return z;
}
