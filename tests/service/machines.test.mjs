// SPDX-License-Identifier: GPL-2.0-or-later
// Machines that really run, on disks on which nothing can start: what their host does with them.
// instances_boot.test.mjs has those with a system.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { sleep, startDaemon, until } from "./lib.mjs";

const Zone = "ap-guangzhou-1";
const d = await startDaemon({ conf: `[instances]
zone = ${Zone}
power-off-seconds = 2
at-once = 2
[jobs]
lease-seconds = 2
[instance-type T1.NANO]
memory = 128MiB
` });
const alice = d.account("alice", "--images", "50");
// The port is another one after each start.
const api = new Proxy({}, { get: (_, action) => (params) => d.client(alice, { language: "en-US" })[action](params) });
const folder = path.join(d.dir, "data/instances"), bases = path.join(folder, "images");

// An image without anything on it.
const disk = path.join(d.dir, "empty.qcow2");
execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
const image = (name, bytes = fs.readFileSync(disk), more = {}) => {
  const blob = `image/${name}-1-0`;
  if (bytes) d.blobs.put(blob, bytes);
  return d.seed({ owner: alice.uin, name, blob, size_gib: 1, virtual_size: 64 << 20, file_size: 1, ...more })[0];
};
const run = async (ImageId, more = {}) => (await api.RunInstances({ Placement: { Zone }, ImageId, InstanceType: "T1.NANO",
  SystemDisk: { DiskSize: 1 }, LoginSettings: { Password: "correct-Horse-7" }, ...more })).InstanceIdSet;
const get = async (id) => (await api.DescribeInstances({ InstanceIds: [id] })).InstanceSet[0];
const settled = (id) => until(async () => {
  const i = await get(id);
  return i && i.LatestOperationState !== "OPERATING" && i;
}, 60);
const state = async (id) => (await settled(id)).InstanceState;
const seen = (id, want) => until(async () => (await get(id)).InstanceState === want, 30);
const processes = (id) => fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).map(Number).filter((pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(id);
  } catch {
    return false;
  }
});
const qemu = (id) => processes(id).find((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("qemu-system"));
// Whatever becomes of the tests.
after(() => {
  for (const one of fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.startsWith("ins-")) : [])
    for (const pid of processes(one)) process.kill(pid, "SIGKILL");
});
const basesOf = () => fs.readdirSync(bases).sort();

const first = image("first"), second = image("second");
let id;

test("an instance runs, and again with each start", async () => {
  [id] = await run(first);
  assert.equal(await state(id), "RUNNING");
  assert.ok(qemu(id), "no machine");
  assert.deepEqual(basesOf(), ["image_first-1-0.qcow2"]);
  await api.StopInstances({ InstanceIds: [id], StopType: "HARD" });
  assert.equal(await state(id), "STOPPED");
  assert.deepEqual(processes(id), []);
  await api.StartInstances({ InstanceIds: [id] });
  assert.equal(await state(id), "RUNNING");
  const had = qemu(id);
  await api.RebootInstances({ InstanceIds: [id], StopType: "HARD" });
  assert.equal(await state(id), "RUNNING");
  assert.ok(qemu(id) && qemu(id) !== had);
});

test("a guest that is deaf stays on when it is only asked, and goes off when that is not all", async () => {
  await api.StopInstances({ InstanceIds: [id] });
  const i = await settled(id);
  assert.deepEqual([i.InstanceState, i.LatestOperation, i.LatestOperationState], ["RUNNING", "StopInstances", "FAILED"]);
  assert.ok(i.LatestOperationErrorMsg);
  await api.StopInstances({ InstanceIds: [id], ForceStop: true });
  assert.equal(await state(id), "STOPPED");
  await api.StartInstances({ InstanceIds: [id] });
  assert.equal(await state(id), "RUNNING");
});

test("machines outlive their daemon, and are adopted", async () => {
  const had = qemu(id);
  await d.stop("SIGKILL");
  assert.equal(qemu(id), had);
  await d.start();
  assert.equal((await get(id)).InstanceState, "RUNNING");
  assert.equal(qemu(id), had);
  assert.ok(d.lines().some((line) => line.event === "instance-adopted"));
  await sleep(1500);
  assert.equal((await get(id)).InstanceState, "RUNNING");
});

test("a machine that is killed is told as stopped, also when no daemon saw it", async () => {
  process.kill(qemu(id), "SIGKILL");
  await seen(id, "STOPPED");
  await api.StartInstances({ InstanceIds: [id] });
  assert.equal(await state(id), "RUNNING");
  await d.stop("SIGKILL");
  process.kill(qemu(id), "SIGKILL");
  await d.start();
  assert.equal((await get(id)).InstanceState, "STOPPED");
});

test("a start that was cut is done again by the next daemon", async () => {
  await api.StartInstances({ InstanceIds: [id] });
  await d.stop("SIGKILL");
  await d.start();
  assert.equal(await state(id), "RUNNING");
  assert.equal(processes(id).filter((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("qemu-system")).length, 1);
});

test("a reset stands on the new image alone", async () => {
  await assert.rejects(api.DeleteImages({ ImageIds: [first] }), { code: "InvalidImageId.IncorrectState" });
  await api.ResetInstance({ InstanceId: id, ImageId: second, LoginSettings: { Password: "another-Horse-8" }, HostName: "anew" });
  const i = await settled(id);
  assert.deepEqual([i.InstanceState, i.ImageId, i.LatestOperationState], ["RUNNING", second, "SUCCESS"]);
  await until(() => basesOf().length === 1);
  assert.deepEqual(basesOf(), ["image_second-1-0.qcow2"]);
  await api.DeleteImages({ ImageIds: [first] });
  await assert.rejects(api.DeleteImages({ ImageIds: [second] }), { code: "InvalidImageId.IncorrectState" });
});

test("an image is made of one that runs only when it holds still", async () => {
  const { ImageId } = await api.CreateImage({ InstanceId: id, ImageName: "frozen" });
  const i = await settled(id);
  assert.deepEqual([i.InstanceState, i.LatestOperation, i.LatestOperationState], ["RUNNING", "CreateImage", "FAILED"]);
  const { ImageSet: [failed] } = await api.DescribeImages({ ImageIds: [ImageId] });
  assert.equal(failed.ImageState, "CREATEFAILED");
  const { MessageSet: [told] } = await d.own(alice, "DescribeMessages", { ImageId }, { language: "en-US" });
  assert.match(told.Body, /NoGuestAgent/);
});

test("an image is made of one that is powered off for it, and goes on", async () => {
  const had = qemu(id), { ImageId } = await api.CreateImage({ InstanceId: id, ImageName: "made", ForcePoweroff: "true" });
  const i = await settled(id);
  assert.deepEqual([i.InstanceState, i.LatestOperationState, i.LatestOperationErrorMsg], ["RUNNING", "SUCCESS", null]);
  assert.ok(qemu(id) && qemu(id) !== had);
  const { ImageSet: [made] } = await api.DescribeImages({ ImageIds: [ImageId] });
  assert.deepEqual([made.ImageState, made.ImageSize, made.ImageSource], ["NORMAL", 1, "CREATE_IMAGE"]);
  const blob = d.blobs.list("image/").find((key) => /^image\/\d+-\d+-0$/.test(key));
  fs.writeFileSync(path.join(d.dir, "made.qcow2"), d.blobs.get(blob));
  const info = JSON.parse(execFileSync("qemu-img", ["info", "--output=json", path.join(d.dir, "made.qcow2")]));
  assert.deepEqual([info["virtual-size"], info["backing-filename"]], [1 << 30, undefined]);
  assert.ok(!fs.existsSync(path.join(folder, id, "snapshot.qcow2")));
  const [other] = await run(ImageId);
  assert.equal(await state(other), "RUNNING");
  await api.TerminateInstances({ InstanceIds: [other] });
  await until(async () => !(await get(other)));
  await api.DeleteImages({ ImageIds: [ImageId] });
});

test("what is terminated leaves nothing", async () => {
  await api.TerminateInstances({ InstanceIds: [id] });
  await until(async () => !(await get(id)));
  assert.ok(!fs.existsSync(path.join(folder, id)));
  await until(() => basesOf().length === 0);
  assert.deepEqual(processes(id), []);
  await api.DeleteImages({ ImageIds: [second] });
});

test("an instance without the bytes of its image fails to launch, and can be put away", async () => {
  const lost = image("lost", null), [one] = await run(lost);
  assert.equal(await state(one), "LAUNCH_FAILED");
  assert.ok(!fs.existsSync(path.join(folder, one)));
  await api.DeleteImages({ ImageIds: [lost] });
  await api.TerminateInstances({ InstanceIds: [one] });
  await until(async () => !(await get(one)));
});

test("what has no cloud-init finds its keys beside os.conf, which has no place for them", async () => {
  const PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtBtHcPxb7cHNKXL4hQHcrGDa2VGTOeyUIKwJjmoKMd me@here";
  const { KeyId } = await api.ImportKeyPair({ KeyName: "mine", PublicKey, ProjectId: 0 });
  const [one] = await run(image("forced", undefined, { cloud_init: false }), { LoginSettings: { KeyIds: [KeyId] }, HostName: "forced-1" });
  assert.equal(await state(one), "RUNNING");
  const to = path.join(d.dir, "qcloud_action"), drive = path.join(folder, one, "drive.iso");
  execFileSync("xorriso", ["-osirrox", "on", "-indev", drive, "-extract", "/qcloud_action", to], { stdio: "ignore" });
  assert.equal(fs.readFileSync(path.join(to, "authorized_keys"), "utf8"), `${PublicKey}\n`);
  assert.match(fs.readFileSync(path.join(to, "os.conf"), "utf8"), /^hostname=forced-1\neth0_/);
  await api.TerminateInstances({ InstanceIds: [one] });
  await until(async () => !(await get(one)));
});

test("several come up at once, each with a disk of its own", async () => {
  const many = image("many"), ids = await run(many, { InstanceCount: 3, HostName: "node{R:1}" });
  for (const one of ids) assert.equal(await state(one), "RUNNING");
  assert.deepEqual(basesOf(), ["image_many-1-0.qcow2"]);
  assert.equal(new Set((await Promise.all(ids.map(get))).map((i) => i.PrivateIpAddresses[0])).size, 3);
  await api.TerminateInstances({ InstanceIds: ids });
  for (const one of ids) await until(async () => !(await get(one)));
  assert.deepEqual(ids.flatMap(processes), []);
});
