// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of instances when something fails around them: the store, the disk of their host,
// the host.  No guest of these has a system.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { refused, sleep, startDaemon, until } from "./lib.mjs";
import { startS3 } from "./s3.mjs";

const Zone = "ap-guangzhou-1";
const conf = (more = "") => `[instances]
zone = ${Zone}
power-off-seconds = 2
${more}[jobs]
lease-seconds = 2
[instance-type T1.NANO]
memory = 64MiB
`;
const wait = () => {
  let open;
  const until = new Promise((done) => (open = done));
  return { until, open };
};

// A daemon as a test sees it.
function world(d) {
  const alice = d.account("alice", "--images", "50");
  const api = new Proxy({}, { get: (_, action) => (params) => d.client(alice, { language: "en-US" })[action](params) });
  const folder = path.join(d.dir, "data/instances");
  const get = async (id) => (await api.DescribeInstances({ InstanceIds: [id] })).InstanceSet[0];
  const processes = (id) => fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).map(Number).filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(id);
    } catch {
      return false;
    }
  });
  const ids = [];
  // Whatever becomes of the tests.
  after(() => ids.flatMap(processes).forEach((pid) => process.kill(pid, "SIGKILL")));
  return {
    d, alice, api, folder, get, processes,
    image: (name, more = {}) => d.seed({ owner: alice.uin, name, blob: `image/${name}-1-0`, size_gib: 1,
      virtual_size: 64 << 20, file_size: 1, ...more })[0],
    async run(ImageId, more = {}) {
      const { InstanceIdSet } = await api.RunInstances({ Placement: { Zone }, ImageId, InstanceType: "T1.NANO",
        SystemDisk: { DiskSize: 1 }, LoginSettings: { Password: "correct-Horse-7" }, ...more });
      ids.push(...InstanceIdSet);
      return InstanceIdSet[0];
    },
    settled: (id) => until(async () => {
      const i = await get(id);
      return i && i.LatestOperationState !== "OPERATING" && i;
    }, 60),
    seen: (id, want) => until(async () => (await get(id)).InstanceState === want, 30),
    qemu: (id) => processes(id).find((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("qemu-system")),
    said: (id, event) => d.lines().filter((l) => l.event === event && l.message.includes(id)),
  };
}

// ---- a store that is slow

const s3 = await startS3();
const w = world(await startDaemon({ s3, conf: conf("at-once = 3\n") }));
const empty = path.join(w.d.dir, "empty.qcow2");
execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", empty, "64M"]);
const put = (name, bytes = fs.readFileSync(empty)) => {
  s3.objects.set(`image/${name}-1-0`, bytes);
  return w.image(name);
};
const slow = put("slow"), quick = put("quick");
let id;

test("an image that is slow to come holds up its own instances only", async () => {
  const gate = wait();
  s3.hold = ({ method, key }) => method === "GET" && key.includes("slow") && gate.until;
  const late = await w.run(slow), another = await w.run(slow);
  await until(async () => (await w.api.DescribeInstances({})).InstanceSet.length === 2);
  await sleep(500);
  id = await w.run(quick);
  assert.equal((await w.settled(id)).InstanceState, "RUNNING");
  assert.equal((await w.get(late)).InstanceState, "PENDING");
  gate.open();
  for (const one of [late, another]) assert.equal((await w.settled(one)).InstanceState, "RUNNING");
  await w.api.TerminateInstances({ InstanceIds: [late, another] });
  for (const one of [late, another]) await until(async () => !(await w.get(one)));
});

test("a daemon that stops does not wait for an image to come", async () => {
  const large = put("large", Buffer.concat([fs.readFileSync(empty), Buffer.alloc(40 << 20)]));
  s3.hold = ({ method, key }) => method === "GET" && key.includes("large") && sleep(250);
  const first = await w.run(large), second = await w.run(large);
  await until(() => fs.readdirSync(path.join(w.folder, "images")).some((name) => name.includes("large")));
  const began = Date.now();
  assert.equal(await w.d.stop(), 0);
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
  s3.hold = () => undefined;
  await w.d.start();
  for (const one of [first, second]) assert.equal((await w.settled(one)).InstanceState, "RUNNING");
  await w.api.TerminateInstances({ InstanceIds: [first, second] });
});

// ---- an image is being made of it

// Its copy is there, and the store does not take the image until the gate opens.
async function making(ImageName) {
  const gate = wait(), had = w.qemu(id), reached = wait();
  s3.hold = ({ method }) => {
    if (method === "GET") return undefined;
    reached.open();
    return gate.until;
  };
  const { ImageId } = await w.api.CreateImage({ InstanceId: id, ImageName, ForcePoweroff: "true" });
  await reached.until;
  await until(() => w.qemu(id) && w.qemu(id) !== had);
  return { gate, ImageId };
}

test("a machine that ends while an image is made of it is told as stopped", async () => {
  const { gate, ImageId } = await making("killed");
  process.kill(w.qemu(id), "SIGKILL");
  await w.seen(id, "STOPPED");
  assert.equal((await w.get(id)).LatestOperationState, "OPERATING");
  gate.open();
  const i = await w.settled(id);
  assert.deepEqual([i.InstanceState, i.LatestOperationState], ["STOPPED", "SUCCESS"]);
  assert.equal((await w.api.DescribeImages({ ImageIds: [ImageId] })).ImageSet[0].ImageState, "NORMAL");
  assert.equal(w.qemu(id), undefined);
  await w.api.StartInstances({ InstanceIds: [id] });
  assert.equal((await w.settled(id)).InstanceState, "RUNNING");
});

test("a daemon that starts while an image is made adopts the machine", async () => {
  const { gate } = await making("adopted"), had = w.qemu(id);
  await w.d.stop("SIGKILL");
  const before = w.said(id, "instance-adopted").length;
  await w.d.start();
  await until(() => w.said(id, "instance-adopted").length > before, 5);
  assert.equal((await w.get(id)).LatestOperationState, "OPERATING");
  gate.open();
  s3.hold = () => undefined;
  const i = await w.settled(id);
  assert.deepEqual([i.InstanceState, i.LatestOperationState], ["RUNNING", "SUCCESS"]);
  assert.equal(w.qemu(id), had);
});

// ---- a machine that hangs

test("a machine that does not answer is told of once, and once when it answers again", async () => {
  const told = () => w.said(id, "instance-trouble").length, had = told(), pid = w.qemu(id);
  process.kill(pid, "SIGSTOP");
  await until(() => told() > had);
  await sleep(3000);
  assert.equal(told(), had + 1);
  process.kill(pid, "SIGCONT");
  await until(() => w.said(id, "instance-answers").length === 1);
  // Nor does one that cannot be adopted.
  await w.d.stop();
  process.kill(pid, "SIGSTOP");
  await w.d.start();
  await until(() => told() > had + 1);
  await sleep(3000);
  assert.equal(told(), had + 2);
  process.kill(pid, "SIGCONT");
  await until(() => w.said(id, "instance-answers").length === 2);
  assert.deepEqual([(await w.get(id)).InstanceState, w.qemu(id)], ["RUNNING", pid]);
});

test("a machine that does not answer holds up nobody else's looks, and is seen when it ends", async () => {
  // Looks are at the newest first.
  const silent = await w.run(quick);
  assert.equal((await w.settled(silent)).InstanceState, "RUNNING");
  process.kill(w.qemu(silent), "SIGSTOP");
  await until(() => w.said(silent, "instance-trouble").length === 1);
  // So long as it is asked, nobody else is: from now on it is not, for a while.
  const ends = async (one) => {
    const began = Date.now();
    process.kill(w.qemu(one), "SIGKILL");
    await w.seen(one, "STOPPED");
    assert.ok(Date.now() - began < 4500, `${one}: ${Date.now() - began} ms`);
  };
  await ends(id);
  await ends(silent);
  await w.api.TerminateInstances({ InstanceIds: [silent] });
  await w.api.StartInstances({ InstanceIds: [id] });
  assert.equal((await w.settled(id)).InstanceState, "RUNNING");
});

// ---- no room for its disk

test("a disk that there is no room for stands still, and goes on when there is", async () => {
  const small = world(await startDaemon({ disk: "20m", at: "data/instances", conf: conf("disk = 20MiB\ndisk-overcommit = 9000\n") }));
  // A boot record that writes from the second MiB to the 32nd, and halts.
  const record = Buffer.alloc(1 << 20);
  record.write("31c08ed88ed0bc007cbe307cb80043b280cd138306387c4083163a7c00833e3a7c0172e5f4ebfd", "hex");
  record.write("10004000000000100008000000000000", 0x30, "hex");
  record.write("55aa", 510, "hex");
  const raw = path.join(small.d.dir, "writes.raw"), disk = path.join(small.d.dir, "writes.qcow2");
  fs.writeFileSync(raw, record);
  execFileSync("qemu-img", ["convert", "-q", "-f", "raw", "-O", "qcow2", raw, disk]);
  small.d.blobs.put("image/writes-1-0", fs.readFileSync(disk));
  const id = await small.run(small.image("writes"));
  // Ninety times as much is promised, 1 GiB.
  await refused(small.run(small.image("more"), { SystemDisk: { DiskSize: 3 } }), "ResourceInsufficient.CloudDiskSoldOut");
  assert.equal((await small.settled(id)).InstanceState, "RUNNING");
  await until(async () => /no room/.test((await small.get(id)).LatestOperationErrorMsg));
  await sleep(2500);
  assert.equal(small.said(id, "instance-stalled").length, 1);
  assert.equal((await small.get(id)).InstanceState, "RUNNING");
  const pid = small.qemu(id);
  small.d.mount("size=128m");
  await until(async () => !(await small.get(id)).LatestOperationErrorMsg);
  const size = () => Number(small.d.shell(`stat -c %s ${id}/disk.qcow2`));
  await until(() => size() > 28 << 20);
  assert.deepEqual([small.qemu(id), small.said(id, "instance-goes-on").length], [pid, 1]);
});

test("of what its filesystem has some is promised to nobody", async () => {
  // 2 GiB and a little, beside the 1 GiB that stays.
  const some = world(await startDaemon({ disk: "3112m", at: "data/instances", conf: conf("disk-overcommit = 100\n") }));
  some.d.blobs.put("image/plain-1-0", fs.readFileSync(empty));
  const image = some.image("plain"), sized = (DiskSize) => some.run(image, { SystemDisk: { DiskSize } });
  await refused(sized(3), "ResourceInsufficient.CloudDiskSoldOut");
  assert.equal((await some.settled(await sized(2))).InstanceState, "RUNNING");
  await refused(sized(1), "ResourceInsufficient.CloudDiskSoldOut");
});

// ---- the host

// Shares the catalogue and does nothing.
const viewer = await startDaemon({ beside: w.d, s3, conf: "[jobs]\nrun = no\n[notice]\nrun = no\n[instance-type T1.NANO]\nmemory = 64MiB\n" });

test("a zone has one host, and another one when that is not heard of", async () => {
  const other = (more) => startDaemon({ beside: w.d, s3, conf: conf(more) });
  await assert.rejects(other(), /another imgportd is the host of zone ap-guangzhou-1/);
  await assert.rejects(other(`folder = ${w.folder}\n`), /another imgportd has the instances in/);
  await w.d.stop("SIGKILL");
  await assert.rejects(other(), /another imgportd is the host/);
  const takeOver = () => execFileSync(process.env.IMGPORTD, ["--take-over"], { env: { ...process.env, IMGPORTD_CONF: w.d.config }, stdio: "pipe" });
  assert.throws(takeOver, /or an imgportd is it/);
  await sleep(3000);
  // Its machines run on: nobody else has the zone but on purpose.
  await assert.rejects(other(), /zone ap-guangzhou-1 has instances on another host or in another folder/);
  takeOver();
  const next = await other();
  await assert.rejects(w.d.start(), /another imgportd is the host/);
  assert.equal(await next.stop(), 0);
  // One that ended by itself keeps nobody waiting.
  await assert.rejects(w.d.start(), /has instances on another host/);
  takeOver();
  await w.d.start();
});

test("what was given up while its host was away does not come back with it", async () => {
  await w.api.StartInstances({ InstanceIds: [id] }).catch(() => {}); // the host of before knew nothing of it
  assert.equal((await w.settled(id)).InstanceState, "RUNNING");
  await w.d.stop();
  const api = viewer.client(w.alice, { language: "en-US" });
  const run = () => api.RunInstances({ Placement: { Zone }, ImageId: quick, InstanceType: "T1.NANO", SystemDisk: { DiskSize: 1 } });
  const { InstanceIdSet: [waits] } = await run();
  w.d.sql("UPDATE zone SET seen = seen - 61");
  await refused(run(), "ResourceInsufficient.AvailabilityZoneSoldOut");
  assert.equal((await api.DescribeZones({})).ZoneSet[0].ZoneState, "UNAVAILABLE");
  const pid = w.qemu(id);
  assert.ok(pid);
  await api.TerminateInstances({ InstanceIds: [id, waits] });
  assert.equal((await api.DescribeInstances({})).InstanceSet.some((i) => [id, waits].includes(i.InstanceId)), false);
  assert.equal(w.qemu(id), pid);
  await w.d.start();
  await until(() => w.processes(id).length === 0 && !fs.existsSync(path.join(w.folder, id)));
  assert.equal((await api.DescribeZones({})).ZoneSet[0].ZoneState, "AVAILABLE");
  assert.ok(!fs.existsSync(path.join(w.folder, waits)));
});
