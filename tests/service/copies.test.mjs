// SPDX-License-Identifier: GPL-2.0-or-later
// SyncImages: copies to other regions, of shared images, and why there is none.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { here, refused, require, sha256, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const regions = "ap-guangzhou ap-shanghai ap-beijing na-siliconvalley";
const d = await startDaemon({ regions });
const alice = d.account("alice", "--language", "en"), bob = d.account("bob", "--language", "zh");
const api = d.client(alice), there = d.client(alice, { region: "ap-shanghai" });

const stored = () => d.blobs.list("image/");
const see = async (client, id) => (await client.DescribeImages({ ImageIds: [id] })).ImageSet[0];
const ended = (client, id) => until(async () => {
  const image = await see(client, id);
  return !/ING$/.test(image.ImageState) && image;
});
const task = async (who, ImageId, region) =>
  (await d.own(who, "DescribeImportTasks", { ImageId }, { region })).TaskSet[0];
const message = async (who, ImageId) => (await d.own(who, "DescribeMessages", { ImageId })).MessageSet[0];

// One real image, from a guest.
const imported = async (name) => {
  const Bucket = `disks-${alice.appId}`, Region = "ap-guangzhou", Key = `${name}.qcow2`;
  const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:",
    Ip: `127.0.0.1:${d.port}` });
  const guest = execFileSync(here("../guests/build.sh"), ["--file", "good"],
    { encoding: "utf8" }).trim();
  const file = path.join(d.dir, Key);
  execFileSync(process.env.IMGPORT, ["convert", "-c", "zstd", guest, file], { stdio: "ignore" });
  await cos.putBucket({ Bucket, Region });
  await cos.uploadFile({ Bucket, Region, Key, FilePath: file, SliceSize: 8 << 20 });
  const ImageUrl = cos.getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: 3600, Protocol: "http:" });
  const { ImageId } = await api.ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12", ImageUrl,
    ImageName: name, ImageDescription: "from a guest" });
  assert.equal((await ended(api, ImageId)).ImageState, "NORMAL");
  return ImageId;
};
const good = await imported("good");

test("the sum of an image is taken once it can be used, and nobody is told", async () => {
  const [sum] = await until(() => {
    const sums = d.sql(`SELECT sha256 FROM image WHERE id = '${good}'`);
    return sums[0] && sums;
  });
  assert.equal(sum, sha256(d.blobs.get(stored()[0])));
  const { TaskSet } = await d.own(alice, "DescribeImportTasks", { ImageId: good });
  assert.deepEqual(TaskSet.map((t) => t.Kind), ["import"]);
});

test("an image is copied to the regions that are named", async () => {
  const call = { ImageIds: [good], DestinationRegions: ["ap-shanghai", "ap-beijing"], ImageSetRequired: true };
  assert.deepEqual((await api.SyncImages({ ...call, DryRun: true })).ImageSet, []);
  const { ImageSet } = await api.SyncImages(call);
  assert.deepEqual(ImageSet.map((i) => i.Region), ["ap-shanghai", "ap-beijing"]);
  for (const { ImageId, Region } of ImageSet) {
    const client = d.client(alice, { region: Region });
    const image = await ended(client, ImageId);
    const source = await see(api, good);
    assert.deepEqual([image.ImageState, image.SyncPercent], ["NORMAL", 100]);
    for (const same of ["ImageName", "ImageDescription", "OsName", "ImageSize", "Platform", "Architecture",
      "ImageSource", "IsSupportCloudinit", "LicenseType"]) assert.equal(image[same], source[same], same);
    assert.equal(image.SnapshotSet[0].DiskSize, source.SnapshotSet[0].DiskSize);
    assert.notEqual(image.SnapshotSet[0].SnapshotId, source.SnapshotSet[0].SnapshotId);
    const t = await task(alice, ImageId, Region);
    assert.deepEqual([t.Kind, t.State, t.Region], ["copy", "DONE", Region]);
    assert.ok(t.BytesTotal > 0 || t.Step === "finish");
    const { Type, Body } = await message(alice, ImageId);
    assert.equal(Type, "copy-succeeded");
    assert.ok(Body.includes(good) && Body.includes(Region), Body);
    const { TaskSet: [whole] } = await d.own(alice, "DescribeImportTasks", { ImageId, WithReport: true },
      { region: Region });
    assert.equal(whole.Report.verdict, "accepted");
  }
});

test("deleting one image does not take the bytes of its copy", async () => {
  const [key] = stored();
  assert.equal(stored().length, 1);
  const bytes = d.blobs.get(key);
  const { ImageSet: [{ ImageId }] } = await api.SyncImages({ ImageIds: [good], DestinationRegions: ["ap-shanghai"],
    ImageName: "second", ImageSetRequired: true });
  assert.equal((await ended(there, ImageId)).ImageName, "second");
  await there.DeleteImages({ ImageIds: [ImageId] });
  assert.ok(d.blobs.get(key).equals(bytes));
});

test("a shared image becomes an own one, in its region", async () => {
  await api.ModifyImageSharePermission({ ImageId: good, AccountIds: [bob.uin], Permission: "SHARE" });
  const his = d.client(bob);
  await refused(his.SyncImages({ ImageIds: [good], DestinationRegions: ["ap-shanghai"] }),
    "InvalidParameterValue.InvalidRegion");
  const answer = await his.SyncImages({ ImageIds: [good], DestinationRegions: ["ap-guangzhou"] });
  assert.deepEqual(answer.ImageSet, []);
  const { ImageSet: [{ ImageId }] } = await his.DescribeImages({
    Filters: [{ Name: "image-type", Values: ["PRIVATE_IMAGE"] }] });
  const image = await ended(his, ImageId);
  assert.deepEqual([image.ImageState, image.ImageType, image.ImageCreator], ["NORMAL", "PRIVATE_IMAGE", bob.uin]);
  assert.match((await message(bob, ImageId)).Body, /副本/);
  await api.ModifyImageSharePermission({ ImageId: good, AccountIds: [bob.uin], Permission: "CANCEL" });
  await his.ModifyImageAttribute({ ImageId, ImageName: "mine" });
  await his.DeleteImages({ ImageIds: [ImageId] });
});

test("bytes that are not what was stored are not copied on", async () => {
  d.blobs.put(stored()[0], "damaged");
  const copy = () => api.SyncImages({ ImageIds: [good], DestinationRegions: ["na-siliconvalley"], ImageSetRequired: true });
  const { ImageSet: [{ ImageId }] } = await copy();
  const west = d.client(alice, { region: "na-siliconvalley" });
  const image = await ended(west, ImageId);
  assert.deepEqual([image.ImageState, image.SyncPercent], ["CREATEFAILED", null]);
  const t = await task(alice, ImageId, "na-siliconvalley");
  assert.deepEqual([t.State, t.Reason, t.SubCause], ["FAILED", "InternalError", "bytes-damaged"]);
  const { Type, Body } = await message(alice, ImageId);
  assert.equal(Type, "copy-failed");
  assert.ok(Body.includes(`${t.TaskId}`) && /not those that were stored/.test(Body), Body);
  // What failed holds no name.
  const { ImageSet: [again] } = await copy();
  assert.equal((await ended(west, again.ImageId)).ImageState, "CREATEFAILED");
});

test("the last image takes the bytes", async () => {
  await api.DeleteImages({ ImageIds: [good] });
  for (const Region of ["ap-shanghai", "ap-beijing"]) {
    assert.equal(stored().length, 1);
    const client = d.client(alice, { region: Region });
    const { ImageSet } = await client.DescribeImages({});
    await client.DeleteImages({ ImageIds: ImageSet.map((i) => i.ImageId) });
  }
  assert.deepEqual(stored(), []);
});

test("what is wrong with the request is said at once", async () => {
  const [own, , importing, failed, disks, open] = d.seed(
    { owner: alice.uin, name: "own" }, { owner: alice.uin, name: "there", region: "ap-shanghai" },
    { owner: alice.uin, name: "importing", state: "IMPORTING" }, { owner: alice.uin, name: "failed", state: "IMPORTFAILED" },
    { owner: alice.uin, name: "disks", disks: '[{"blob":"image/1"}]' },
    { owner: alice.uin, name: "open", kind: "public" });
  const call = (more) => api.SyncImages({ ImageIds: [own], DestinationRegions: ["ap-shanghai"], ...more });
  await refused(call({ ImageIds: ["own"] }), "InvalidImageId.Malformed");
  await refused(call({ ImageIds: ["img-00000000"] }), "InvalidImageId.NotFound");
  await refused(call({ ImageIds: [own, own] }), "InvalidParameterValue.LimitExceeded");
  await refused(call({ ImageIds: [importing] }), "InvalidParameterValue.InvalidImageState");
  await refused(call({ ImageIds: [failed] }), "InvalidImageId.IncorrectState");
  await refused(call({ ImageIds: [disks] }), "InvalidParameter.InstanceImageNotSupport");
  await refused(call({ ImageIds: [open] }), "InvalidParameterValue.InvalidImageId");
  await refused(call({ DestinationRegions: ["ap-nowhere"] }), "InvalidRegion.NotFound");
  await refused(call({ DestinationRegions: ["ap-guangzhou"] }), "InvalidParameterValue.InvalidRegion");
  await refused(call({ DestinationRegions: ["ap-shanghai", "ap-shanghai"] }), "InvalidParameterValue.InvalidRegion");
  await refused(call({ ImageName: "there" }), "InvalidImageName.Duplicate");
  await refused(call({ Encrypt: true }), "UnsupportedOperation.SyncEncryptImageNotSupport");
  await refused(call({ KmsKeyId: "key" }), "InvalidParameter.InvalidKmsKeyId");
  await refused(d.client(bob).SyncImages({ ImageIds: [own], DestinationRegions: ["ap-shanghai"] }), "InvalidImageId.NotFound");
  // Refused in one region: nothing was begun in the other.
  await refused(call({ DestinationRegions: ["ap-beijing", "ap-shanghai"], ImageName: "there" }), "InvalidImageName.Duplicate");
  assert.equal((await d.client(alice, { region: "ap-beijing" }).DescribeImages({
    Filters: [{ Name: "image-name", Values: ["there"] }] })).TotalCount, 0);
});

test("the quota is that of the region a copy goes to", async () => {
  const carol = d.account("carol", "--images", "2");
  const [one] = d.seed({ owner: carol.uin, name: "one" }, { owner: carol.uin, name: "x", region: "ap-shanghai" },
    { owner: carol.uin, name: "y", region: "ap-shanghai" });
  const hers = d.client(carol);
  await refused(hers.SyncImages({ ImageIds: [one], DestinationRegions: ["ap-shanghai"] }), "ImageQuotaLimitExceeded");
  await hers.SyncImages({ ImageIds: [one], DestinationRegions: ["ap-beijing"], DryRun: true });
});

test("while a copy is made its source stays, and the copy can be canceled", async () => {
  const idle = await startDaemon({ regions, conf: "[jobs]\nrun = no\n" });
  const erin = idle.account("erin"), [source] = idle.seed({ owner: erin.uin, name: "source", blob: "image/none" });
  const hers = idle.client(erin), east = idle.client(erin, { region: "ap-shanghai" });
  const { ImageSet: [{ ImageId }] } = await hers.SyncImages({ ImageIds: [source], DestinationRegions: ["ap-shanghai"],
    ImageSetRequired: true });
  const image = await see(east, ImageId);
  assert.deepEqual([image.ImageState, image.SyncPercent], ["SYNCING", 0]);
  assert.equal((await see(hers, source)).ImageState, "NORMAL");
  await refused(hers.DeleteImages({ ImageIds: [source] }), "MutexOperation.TaskRunning");
  await refused(east.DeleteImages({ ImageIds: [ImageId] }), "InvalidImageId.IncorrectState");
  await refused(east.SyncImages({ ImageIds: [ImageId], DestinationRegions: ["ap-beijing"] }),
    "InvalidParameterValue.InvalidImageState");
  const { TaskSet: [t] } = await idle.own(erin, "DescribeImportTasks", { ImageId }, { region: "ap-shanghai" });
  assert.deepEqual([t.State, t.BytesTotal, t.SecondsLeft], ["QUEUED", 1 << 30, null]);
  await idle.own(erin, "CancelImportTask", { TaskId: t.TaskId }, { region: "ap-shanghai" });
});

test("in 2023 copies stay within the mainland, overseas, or among finance regions", async () => {
  const groups = [["ap-guangzhou", "ap-shanghai"], ["ap-shenzhen-fsi", "ap-shanghai-fsi"],
    ["ap-hongkong", "ap-singapore", "na-siliconvalley"], ["ap-taipei"]];
  const now = await startDaemon({ regions: groups.flat().join(" "), service: "profile = tencent-2023" });
  const zoe = now.account("zoe");
  for (const from of groups.flat()) {
    const [id] = now.seed({ owner: zoe.uin, name: "image", region: from }), client = now.client(zoe, { region: from });
    for (const to of groups.flat().filter((r) => r !== from)) {
      const call = client.SyncImages({ ImageIds: [id], DestinationRegions: [to], DryRun: true, ImageName: "copy" });
      if (to === "ap-taipei") await refused(call, "InvalidRegion.Unavailable");
      else if (!groups.some((g) => g.includes(from) && g.includes(to))) await refused(call, "UnsupportedOperation.Region");
      else await call;
    }
  }
});

test("in 2016 there are five operations a day, four regions, and no copies of shares", async () => {
  const old = await startDaemon({ regions, service: "profile = tencent-2016" });
  const zoe = old.account("zoe", "--import"), yves = old.account("yves", "--import");
  const [mine, shared, west] = old.seed({ owner: zoe.uin, name: "mine" }, { owner: yves.uin, name: "shared" },
    { owner: zoe.uin, name: "west", region: "na-siliconvalley" });
  const hers = old.client(zoe);
  const copy = (n, more) => hers.SyncImages({ ImageIds: [mine], DestinationRegions: ["ap-shanghai"], ImageName: `copy-${n}`, ...more });
  await old.client(yves).ModifyImageSharePermission({ ImageId: shared, AccountIds: [zoe.uin], Permission: "SHARE" });
  await refused(copy(0, { DestinationRegions: ["na-siliconvalley"] }), "InvalidRegion.Unavailable");
  await refused(old.client(zoe, { region: "na-siliconvalley" }).SyncImages({ ImageIds: [west],
    DestinationRegions: ["ap-shanghai"] }), "UnsupportedOperation.Region");
  await refused(copy(0, { ImageIds: [shared], DestinationRegions: ["ap-guangzhou"] }), "InvalidParameterValue.InvalidImageId");
  for (let n = 1; n <= 5; n++) {
    await copy(n, { DryRun: true });
    await copy(n);
  }
  await refused(copy(6), "LimitExceeded");
});
