// SPDX-License-Identifier: GPL-2.0-or-later
// The life of instances with a real system: import, run, image of it, another one of that image,
// reset, terminate. Three starts, emulated: some minutes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { here, require, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const Zone = "ap-guangzhou-1", BOOT_S = Number(process.env.IMGPORT_BOOT_SECONDS ?? 900);
const d = await startDaemon({ conf: `[instances]
zone = ${Zone}
dns = 10.66.0.1
power-off-seconds = 300
[instance-type T1.MICRO]
memory = 512MiB
` });
const alice = d.account("alice"), api = d.client(alice, { language: "en-US" });
const folder = path.join(d.dir, "data/instances");

const get = async (InstanceId) => (await api.DescribeInstances({ InstanceIds: [InstanceId] })).InstanceSet[0];
const settled = (id) => until(async () => {
  const i = await get(id);
  return i && i.LatestOperationState !== "OPERATING" && i;
}, 600);

// What the guest says of itself, once a start, with a word that nobody said before.
const told = (word) => `#cloud-config
locale: false
runcmd:
  - |
    say() { printf '%s\\n' "$*" >/dev/ttyS0; }
    say "${word} host=$(hostname)"
    say "${word} address=$(ip -4 -o addr show scope global | awk '{ print $4 }')"
    say "${word} gateway=$(ip route | awk '/^default/ { print $3 }')"
    say "${word} shadow=$(getent shadow root | cut -d: -f2)"
    say "${word} keys=$(cat /root/.ssh/authorized_keys | tr '\\n' ';')"
    say "${word} machine=$(cat /etc/machine-id)"
    say "${word} hostkey=$(sha256sum /etc/ssh/ssh_host_ed25519_key.pub)"
    say "${word} mark=$(cat /root/mark)"
    say "${word} metadata=$(python3 -c 'import urllib.request as u; print(u.urlopen("http://169.254.0.23/latest/meta-data/instance-id", timeout=30).read().decode())')"
    echo "of ${word}" >/root/mark
    sync
    say "${word} end"
`;
const console_ = (id) => {
  const file = path.join(folder, id, "serial.log");
  return fs.existsSync(file) ? fs.readFileSync(file, "latin1") : "";
};
const speaks = async (id, word) => {
  await until(() => {
    const text = console_(id);
    assert.doesNotMatch(text, /Kernel panic|Gave up waiting/);
    return text.includes(`${word} end`);
  }, BOOT_S).catch((e) => {
    console.error(console_(id).slice(-4000));
    throw e;
  });
  return Object.fromEntries([...console_(id).matchAll(new RegExp(`${word} (\\w+)=([^\\r\\n]*)`, "g"))].map((m) => [m[1], m[2]]));
};
const nonce = () => `SAID-${crypto.randomBytes(8).toString("hex")}`;
const isHashOf = (hash, password) => execFileSync("python3", ["-W", "ignore", "-c",
  "import crypt, sys; print(crypt.crypt(sys.argv[1], sys.argv[2]) == sys.argv[2])", password, hash], { encoding: "utf8" }).trim() === "True";
const keyPair = async (KeyName) => {
  const file = path.join(d.dir, KeyName);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", KeyName, "-f", file]);
  const PublicKey = fs.readFileSync(`${file}.pub`, "utf8").trim();
  return { PublicKey, KeyId: (await api.ImportKeyPair({ KeyName, PublicKey, ProjectId: 0 })).KeyId };
};
const run = async (ImageId, word, more) => (await api.RunInstances({ Placement: { Zone }, ImageId, InstanceType: "T1.MICRO",
  SystemDisk: { DiskSize: 4 }, UserData: Buffer.from(told(word)).toString("base64"), ...more })).InstanceIdSet[0];

let base, made, first, said;
const password = "correct-Horse-7", words = [nonce(), nonce(), nonce()];

test("a guest is imported", async () => {
  const guest = execFileSync(here("../guests/build.sh"), ["--file", "good"], { encoding: "utf8" }).trim();
  const file = path.join(d.dir, "good.qcow2"), Region = "ap-guangzhou", Bucket = `b-${alice.appId}`, Key = "good.qcow2";
  execFileSync(process.env.IMGPORT, ["convert", "-c", "zstd", guest, file], { stdio: "ignore" });
  const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
  await cos.putBucket({ Bucket, Region });
  await cos.uploadFile({ Bucket, Region, Key, FilePath: file, SliceSize: 8 << 20 });
  fs.rmSync(file);
  const { ImageId } = await api.ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12", ImageName: "good",
    ImageUrl: cos.getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: 3600, Protocol: "http:" }) });
  const image = await until(async () => {
    const { ImageSet: [i] } = await api.DescribeImages({ ImageIds: [ImageId] });
    return i.ImageState !== "IMPORTING" && i;
  }, 300);
  assert.equal(image.ImageState, "NORMAL");
  base = ImageId;
});

test("an instance of it has its name, its password, its address, and answers of its own", async () => {
  first = await run(base, words[0], { HostName: "first-1", LoginSettings: { Password: password } });
  assert.equal((await settled(first)).InstanceState, "RUNNING");
  said = await speaks(first, words[0]);
  assert.equal(said.host, "first-1");
  assert.equal(said.address, "10.66.0.2/20");
  assert.equal(said.gateway, "10.66.0.1");
  assert.match(said.shadow, /^\$6\$/);
  assert.ok(isHashOf(said.shadow, password));
  assert.equal(said.metadata, first);
  assert.equal(said.mark, "");
});

test("it powers off when it is asked, and an image is made of it", async () => {
  await api.StopInstances({ InstanceIds: [first] });
  const i = await settled(first);
  assert.deepEqual([i.InstanceState, i.LatestOperationState], ["STOPPED", "SUCCESS"]);
  const { ImageId } = await api.CreateImage({ InstanceId: first, ImageName: "made" });
  await settled(first);
  const { ImageSet: [image] } = await api.DescribeImages({ ImageIds: [ImageId] });
  assert.equal(image.ImageState, "NORMAL", JSON.stringify(await get(first)));
  made = ImageId;
});

test("another one of that image has an identity and settings of its own", async () => {
  const key = await keyPair("second");
  const second = await run(made, words[1], { HostName: "second-2", LoginSettings: { KeyIds: [key.KeyId] } });
  assert.equal((await settled(second)).InstanceState, "RUNNING");
  const other = await speaks(second, words[1]);
  assert.equal(other.host, "second-2");
  assert.equal(other.address, "10.66.0.3/20");
  assert.ok(other.keys.includes(key.PublicKey.split(" ")[1]), other.keys);
  assert.notEqual(other.machine, said.machine);
  assert.notEqual(other.hostkey, said.hostkey);
  assert.equal(other.mark, `of ${words[0]}`, "the disk is that of the first");
  assert.equal(other.metadata, second);
  await api.TerminateInstances({ InstanceIds: [second] });
  await until(async () => !(await get(second)));
});

test("a reset gives the first a clean disk of the other image, and new settings", async () => {
  const before = await get(first), key = await keyPair("third");
  await api.ResetInstance({ InstanceId: first, ImageId: base, HostName: "third-3", LoginSettings: { KeyIds: [key.KeyId] },
    UserData: Buffer.from(told(words[2])).toString("base64") });
  const i = await settled(first);
  assert.deepEqual([i.InstanceState, i.ImageId, i.Uuid], ["RUNNING", base, before.Uuid]);
  const anew = await speaks(first, words[2]);
  assert.equal(anew.host, "third-3");
  assert.equal(anew.address, "10.66.0.2/20");
  assert.ok(anew.keys.includes(key.PublicKey.split(" ")[1]));
  assert.equal(anew.mark, "");
  await api.TerminateInstances({ InstanceIds: [first] });
  await until(async () => !(await get(first)));
  assert.deepEqual(fs.readdirSync(folder).filter((name) => name.startsWith("ins-")), []);
  await api.DeleteImages({ ImageIds: [base, made] });
});
