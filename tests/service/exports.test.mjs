// SPDX-License-Identifier: GPL-2.0-or-later
// ExportImages: custom images as objects of a bucket, and why there are none.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { here, refused, require, sleep, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const d = await startDaemon();
const alice = d.account("alice", "--language", "en"), bob = d.account("bob", "--language", "zh");
const api = d.client(alice);
const cosOf = (who) => new COS({ SecretId: who.secretId, SecretKey: who.secretKey, Protocol: "http:",
  Ip: `127.0.0.1:${d.port}` });
const cos = cosOf(alice);
const BucketName = `exports-${alice.appId}`, Region = "ap-guangzhou", far = `far-${alice.appId}`, his = `his-${bob.appId}`;
await cos.putBucket({ Bucket: BucketName, Region });
await cos.putBucket({ Bucket: far, Region: "ap-shanghai" });
await cosOf(bob).putBucket({ Bucket: his, Region });

const task = async (TaskId, who = alice) =>
  (await d.own(who, "DescribeImportTasks", { TaskIds: [`${TaskId}`] })).TaskSet[0];
const ended = (TaskId) => until(async () => {
  const t = await task(TaskId);
  return t.EndedTime && t;
});
const message = async (TaskId) => (await d.own(alice, "DescribeMessages", { TaskId })).MessageSet[0];
const fetched = async (CosPath) => {
  const Key = CosPath.slice(1), file = path.join(d.dir, path.basename(Key));
  const { headers } = await cos.getObject({ Bucket: BucketName, Region, Key, Output: fs.createWriteStream(file) });
  return { file, headers };
};
const digest = (hash, file) => crypto.createHash(hash).update(fs.readFileSync(file)).digest("hex");
const keys = async () => (await cos.getBucket({ Bucket: BucketName, Region })).Contents.map((o) => o.Key).sort();

// Disks with something on them, as images that were imported.
const disk = (name, mib) => {
  const raw = path.join(d.dir, `${name}.raw`), file = path.join(d.dir, `${name}.qcow2`);
  fs.writeFileSync(raw, "");
  fs.truncateSync(raw, mib << 20);
  const fd = fs.openSync(raw, "r+");
  fs.writeSync(fd, crypto.randomBytes(1 << 20), 0, 1 << 20, 3 << 20);
  fs.closeSync(fd);
  execFileSync("qemu-img", ["convert", "-O", "qcow2", raw, file]);
  d.blobs.put(`image/${name}`, fs.readFileSync(file));
  return raw;
};
const snaps = (n) => JSON.stringify(["SYSTEM_DISK", "DATA_DISK"].slice(0, n).map((DiskUsage, i) =>
  ({ SnapshotId: `snap-${i}${crypto.randomBytes(3).toString("hex")}`, DiskUsage, DiskSize: 1 })));
const system = disk("9-1-0", 16), data = disk("9-1-1", 8);
const [one, two] = d.seed(
  { owner: alice.uin, name: "one", blob: "image/9-1-0", virtual_size: 16 << 20, file_size: 2 << 20, snapshots: snaps(1) },
  { owner: alice.uin, name: "two", blob: "image/9-1-0", virtual_size: 16 << 20, file_size: 2 << 20, snapshots: snaps(2),
    disks: JSON.stringify([{ blob: "image/9-1-1" }]) });

for (const [ExportFormat, format] of [[undefined, "raw"], ["QCOW2", "qcow2"], ["VHD", "vpc"], ["VMDK", "vmdk"]]) {
  test(`an image is exported as ${ExportFormat ?? "RAW, if nothing else is said"}`, async () => {
    const { TaskId, CosPaths } = await api.ExportImages({ BucketName, ImageIds: [one], ExportFormat });
    assert.match(CosPaths[0], new RegExp(`^/${one}_system_snap-[0-9a-f]{7}\\.${(ExportFormat ?? "RAW").toLowerCase()}$`));
    assert.equal(CosPaths.length, 1);
    const t = await ended(TaskId);
    assert.deepEqual([t.Kind, t.State, t.ImageId], ["export", "DONE", one], t.Detail);
    const { file, headers } = await fetched(CosPaths[0]);
    execFileSync("qemu-img", ["compare", "-f", format, "-F", "raw", file, system]);
    assert.equal(headers.etag, `"${digest("md5", file)}"`);
    assert.equal(headers["x-cos-meta-sha256"], digest("sha256", file));
    const { Type, Body } = await message(TaskId);
    assert.equal(Type, "export-succeeded");
    assert.ok(Body.includes(`${BucketName}${CosPaths[0]}`), Body);
  });
}

// A store of objects gives no second name.
if (!process.env.S3_ENDPOINT)
  test("an image that is stored in the format takes no space again", async () => {
    const names = () => fs.statSync(path.join(d.dir, "data/objects/image/9-1-0")).nlink, before = names();
    const { TaskId } = await api.ExportImages({ BucketName, ImageIds: [one], ExportFormat: "QCOW2", FileNamePrefixList: ["link"] });
    assert.equal((await ended(TaskId)).State, "DONE");
    assert.equal(names(), before + 1);
  });

test("data disks, several images and names of one's own", async () => {
  const call = { BucketName, ImageIds: [one, two], ExportFormat: "QCOW2", FileNamePrefixList: ["a", "dir/b"] };
  const before = await keys();
  const { TaskId, CosPaths } = await api.ExportImages({ ...call, DryRun: true });
  assert.equal(TaskId, undefined);
  assert.deepEqual(CosPaths.map((p) => p.replace(/snap-\w+/, "snap")), [`/a_${one}_system_snap.qcow2`,
    `/dir/b_${two}_system_snap.qcow2`, `/dir/b_${two}_data_snap.qcow2`]);
  const real = await api.ExportImages(call);
  assert.deepEqual(real.CosPaths, CosPaths);
  assert.equal((await ended(real.TaskId)).State, "DONE");
  assert.deepEqual((await keys()).filter((k) => !before.includes(k)), CosPaths.map((p) => p.slice(1)).sort());
  execFileSync("qemu-img", ["compare", "-F", "raw", (await fetched(CosPaths[2])).file, data]);
  const root = await api.ExportImages({ ...call, ImageIds: [two], FileNamePrefixList: ["c"], OnlyExportRootDisk: true });
  assert.deepEqual(root.CosPaths.map((p) => p.replace(/snap-\w+/, "snap")), [`/c_${two}_system_snap.qcow2`]);
  assert.equal((await ended(root.TaskId)).State, "DONE");
});

test("an export that is done again replaces its object, and nothing is left of the first", async () => {
  const stored = () => d.blobs.list("export/").length;
  const n = stored();
  const { TaskId } = await api.ExportImages({ BucketName, ImageIds: [one], ExportFormat: "QCOW2" });
  assert.equal((await ended(TaskId)).State, "DONE");
  assert.equal(stored(), n);
  for (const Key of await keys()) await cos.deleteObject({ Bucket: BucketName, Region, Key });
  assert.equal(stored(), 0);
});

test("a guest that was imported is the same when it was exported", async () => {
  const Key = "good.qcow2", file = path.join(d.dir, Key);
  const guest = execFileSync(here("../guests/build.sh"), ["--file", "good"],
    { encoding: "utf8" }).trim();
  execFileSync(process.env.IMGPORT, ["convert", "-c", "zstd", guest, file], { stdio: "ignore" });
  await cos.uploadFile({ Bucket: BucketName, Region, Key, FilePath: file, SliceSize: 8 << 20 });
  const ImageUrl = cos.getObjectUrl({ Bucket: BucketName, Region, Key, Sign: true, Expires: 3600, Protocol: "http:" });
  const { ImageId } = await api.ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12", ImageUrl,
    ImageName: "good" });
  const { TaskSet: [import_] } = await d.own(alice, "DescribeImportTasks", { ImageId });
  assert.equal((await ended(import_.TaskId)).State, "DONE");
  const { TaskId, CosPaths } = await api.ExportImages({ BucketName, ImageIds: [ImageId], ExportFormat: "VMDK" });
  const t = await ended(TaskId);
  assert.equal(t.State, "DONE", t.Detail);
  execFileSync("qemu-img", ["compare", guest, (await fetched(CosPaths[0])).file]);
});

test("an image whose bytes are gone is not exported", async () => {
  const [lost] = d.seed({ owner: alice.uin, name: "lost", blob: "image/8-1-0", virtual_size: 1 << 20, file_size: 1 });
  const t = await ended((await api.ExportImages({ BucketName, ImageIds: [lost] })).TaskId);
  assert.deepEqual([t.State, t.Reason, t.SubCause], ["FAILED", "InternalError", "bytes-missing"]);
  const { Type, Body } = await message(t.TaskId);
  assert.equal(Type, "export-failed");
  assert.match(Body, /not in the store/);
});

test("what is wrong with the request is said at once", async () => {
  const call = (more) => api.ExportImages({ BucketName, ImageIds: [one], ...more });
  const seeds = d.seed(
    { owner: bob.uin, name: "public", kind: "public" }, { owner: bob.uin, name: "market", kind: "market" },
    { owner: alice.uin, name: "windows", os_type: "Windows Server 2016", platform: "Windows" },
    { owner: alice.uin, name: "redhat", os_type: "Redhat" }, { owner: alice.uin, name: "importing", state: "IMPORTING" },
    { owner: alice.uin, name: "large", virtual_size: 2 ** 40, blob: "image/7-1-0" }, { owner: bob.uin, name: "shared" });
  const shared = seeds.at(-1);
  await d.client(bob).ModifyImageSharePermission({ ImageId: shared, AccountIds: [alice.uin], Permission: "SHARE" });
  const codes = ["UnsupportedOperation.PublicImageExportUnsupported", "UnsupportedOperation.MarketImageExportUnsupported",
    "UnsupportedOperation.WindowsImageExportUnsupported", "UnsupportedOperation.RedHatImageExportUnsupported",
    "InvalidParameterValue.InvalidImageState", "UnsupportedOperation.ImageTooLargeExportUnsupported",
    "UnsupportedOperation.SharedImageExportUnsupported"];
  for (const [i, code] of codes.entries()) await refused(call({ ImageIds: [seeds[i]] }), code);
  const [wide] = d.seed({ owner: alice.uin, name: "wide", blob: "image/7-1-1", snapshots: snaps(2),
    disks: JSON.stringify([{ blob: "image/7-1-2", size: 1, virtual_size: 2 ** 40 }]) });
  await refused(call({ ImageIds: [wide] }), "UnsupportedOperation.ImageTooLargeExportUnsupported");
  await call({ ImageIds: [wide], ExportFormat: "QCOW2", DryRun: true });
  await call({ ImageIds: [wide], OnlyExportRootDisk: true, DryRun: true });
  await refused(call({ ImageIds: ["one"] }), "InvalidImageId.Malformed");
  await refused(call({ ImageIds: ["img-00000000"] }), "InvalidImageId.NotFound");
  await refused(call({ ImageIds: [one, one] }), "InvalidParameterValue.InvalidImageId");
  await refused(call({ SnapshotIds: ["snap-1"] }), "UnknownParameter");
  await refused(call({ ImageIds: undefined }), "InvalidParameter.ImageIdsSnapshotIdsMustOne");
  await refused(call({ FileNamePrefixList: ["a", "b"] }), "InvalidParameterValue.InvalidFileNamePrefixList");
  await refused(call({ FileNamePrefixList: ["/a"] }), "InvalidParameterValue.InvalidFileNamePrefixList");
  await refused(call({ RoleName: "another" }), "AuthFailure.CamRoleNameAuthenticateFailed");
  await call({ RoleName: "CVM_QcsRole", DryRun: true });
  await refused(call({ BucketName: "no-app-id" }), "InvalidParameterValue.InvalidAppIdFormat");
  await refused(call({ BucketName: `none-${alice.appId}` }), "InvalidParameterValue.BucketNotFound");
  await refused(call({ BucketName: far }), "InvalidParameterValue.BucketNotFound");
  await refused(call({ BucketName: his }), "InvalidParameterValue.InvalidBucketPermissionForExport");
  await refused(d.client(bob).ExportImages({ BucketName: his, ImageIds: [one] }), "InvalidImageId.NotFound");
});

test("exports that wait: so many, what they read stays, and their bucket may go", async () => {
  const idle = await startDaemon({ conf: "[jobs]\nrun = no\n" });
  const erin = idle.account("erin"), hers = idle.client(erin), Bucket = `b-${erin.appId}`;
  await new COS({ SecretId: erin.secretId, SecretKey: erin.secretKey, Protocol: "http:", Ip: `127.0.0.1:${idle.port}` })
    .putBucket({ Bucket, Region });
  const ids = idle.seed({ owner: erin.uin, name: "a", blob: "image/1-1-0" }, { owner: erin.uin, name: "b", blob: "image/2-1-0" });
  const call = () => hers.ExportImages({ BucketName: Bucket, ImageIds: ids });
  const { TaskId } = await call();
  for (const id of ids) await refused(hers.DeleteImages({ ImageIds: [id] }), "MutexOperation.TaskRunning");
  const rest = [];
  for (let i = 0; i < 9; i++) rest.push((await call()).TaskId);
  await refused(call(), "LimitExceeded.ExportImageTaskLimitExceeded");
  await idle.own(erin, "CancelImportTask", { TaskId });
  for (const id of rest.slice(1)) await idle.own(erin, "CancelImportTask", { TaskId: id });
  idle.blobs.put("image/1-1-0", fs.readFileSync(path.join(d.dir, "9-1-1.qcow2")));
  idle.blobs.put("image/2-1-0", fs.readFileSync(path.join(d.dir, "9-1-1.qcow2")));
  await new COS({ SecretId: erin.secretId, SecretKey: erin.secretKey, Protocol: "http:", Ip: `127.0.0.1:${idle.port}` })
    .deleteBucket({ Bucket, Region });
  await idle.stop();
  fs.writeFileSync(idle.config, fs.readFileSync(idle.config, "utf8").replace("run = no", "run = yes"));
  await idle.start();
  const end = (id) => until(async () => {
    const { TaskSet: [t] } = await idle.own(erin, "DescribeImportTasks", { TaskIds: [`${id}`] });
    return t.EndedTime && t;
  });
  assert.equal((await end(TaskId)).State, "CANCELED");
  const t = await end(rest[0]);
  assert.deepEqual([t.State, t.Reason, t.SubCause], ["FAILED", "BucketNotFound", "bucket-gone"]);
  assert.deepEqual(idle.blobs.list("export/"), []);
});

test("killed at any moment, an export ends whole, once, and leaves nothing behind", async () => {
  const k = await startDaemon({ conf: "[jobs]\nlease-seconds = 1\n" });
  const zoe = k.account("zoe"), Bucket = `b-${zoe.appId}`;
  const store = () => new COS({ SecretId: zoe.secretId, SecretKey: zoe.secretKey, Protocol: "http:", Ip: `127.0.0.1:${k.port}` });
  await store().putBucket({ Bucket, Region });
  k.blobs.put("image/1-1-0", d.blobs.get("image/9-1-0"));
  const [id] = k.seed({ owner: zoe.uin, name: "a", blob: "image/1-1-0", virtual_size: 16 << 20, file_size: 2 << 20 });
  for (let round = 0; round < 8; round++) {
    const ExportFormat = ["RAW", "QCOW2", "VHD", "VMDK"][round % 4];
    const { TaskId, CosPaths: [at] } = await k.client(zoe).ExportImages({ BucketName: Bucket, ImageIds: [id], ExportFormat });
    await sleep(Math.random() * 120);
    await k.stop("SIGKILL");
    await k.start();
    const t = await until(async () => {
      const { TaskSet: [now] } = await k.own(zoe, "DescribeImportTasks", { TaskIds: [`${TaskId}`] });
      return now.EndedTime && now;
    });
    assert.equal(t.State, "DONE", t.Detail);
    const file = path.join(k.dir, `exported-${round}`);
    await store().getObject({ Bucket, Region, Key: at.slice(1), Output: fs.createWriteStream(file) });
    execFileSync("qemu-img", ["compare", "-f", ExportFormat.toLowerCase().replace("vhd", "vpc"), "-F", "raw", file, system]);
    assert.equal((await k.own(zoe, "DescribeMessages", { TaskId })).TotalCount, 1);
  }
  await k.stop();
  await k.start();
  // Four names, each written twice.
  assert.equal(k.blobs.list("export/").length, 4);
  assert.deepEqual(k.blobs.unfinished(), []);
  assert.deepEqual(k.blobs.list("image/"), ["image/1-1-0"]);
});
