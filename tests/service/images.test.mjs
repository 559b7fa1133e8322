// SPDX-License-Identifier: GPL-2.0-or-later
// Which images there are, and the rules of changing, sharing and deleting them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, startDaemon } from "./lib.mjs";

const d = await startDaemon({ regions: "ap-guangzhou ap-shanghai" });
const alice = d.account("alice", "--language", "en");
const bob = d.account("bob", "--language", "en");
const api = d.client(alice);
const other = d.client(bob);
const image = (name, more = {}) => d.seed({ owner: alice.uin, name, ...more })[0];
const ids = (answer) => answer.ImageSet.map((i) => i.ImageId);
const see = async (client, id) => (await client.DescribeImages({ ImageIds: [id] })).ImageSet[0];

test("an image has every field of the vendor's", async () => {
  const id = image("fields", { description: "two\n\"lines\"", tags: { team: "web" }, architecture: "arm_64" });
  const got = await see(api, id);
  const { CreatedTime, ...rest } = got;
  assert.match(CreatedTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(rest, {
    ImageId: id, OsName: "Debian 12 64位", ImageType: "PRIVATE_IMAGE", ImageName: "fields",
    ImageDescription: "two\n\"lines\"", ImageSize: 10, Architecture: "arm", ImageState: "NORMAL",
    Platform: "Debian", ImageCreator: alice.uin, ImageSource: "EXTERNAL_IMPORT", SyncPercent: null,
    IsSupportCloudinit: true,
    SnapshotSet: [{ SnapshotId: "snap-0a1b2c3d", DiskUsage: "SYSTEM_DISK", DiskSize: 10 }],
    Tags: [{ Key: "team", Value: "web" }], LicenseType: "TencentCloud", ImageFamily: "",
    ImageDeprecated: false, CdcCacheStatus: null,
  });
});

test("two accounts never see each other's images", async () => {
  const id = image("mine");
  assert.equal(await see(other, id), undefined);
  await refused(other.ModifyImageAttribute({ ImageId: id, ImageName: "theirs" }), "InvalidImageId.NotFound");
  await refused(other.DeleteImages({ ImageIds: [id] }), "InvalidImageId.NotFound");
  await refused(other.DescribeImageSharePermission({ ImageId: id }), "InvalidImageId.NotFound");
  await refused(other.ModifyImageSharePermission({ ImageId: id, AccountIds: [bob.uin], Permission: "SHARE" }),
    "InvalidImageId.NotFound");
  assert.equal((await see(api, id)).ImageName, "mine");
});

test("an image is in its region only", async () => {
  const id = image("here");
  const there = d.client(alice, { region: "ap-shanghai" });
  assert.equal(await see(there, id), undefined);
  await refused(there.DeleteImages({ ImageIds: [id] }), "InvalidImageId.NotFound");
});

test("pages are of the whole, newest first", async () => {
  const carol = d.account("carol");
  const made = d.seed({ owner: carol.uin, name: "page", count: 25 });
  const client = d.client(carol);
  const mine = { Filters: [{ Name: "image-type", Values: ["PRIVATE_IMAGE"] }] };
  const first = await client.DescribeImages(mine);
  assert.deepEqual([first.TotalCount, first.ImageSet.length], [25, 20]);
  const rest = await client.DescribeImages({ ...mine, Offset: 20, Limit: 100 });
  assert.deepEqual([rest.TotalCount, rest.ImageSet.length], [25, 5]);
  assert.deepEqual([...ids(first), ...ids(rest)].sort(), [...made].sort());
  assert.deepEqual(ids(await client.DescribeImages({ ...mine, Offset: 25 })), []);
});

const filtered = d.account("filtered");
const [web, db, win, failed] = d.seed(
  { owner: filtered.uin, name: "Web-1", platform: "Ubuntu", tags: { team: "web", stage: "prod" }, family: "front" },
  { owner: filtered.uin, name: "db_1", platform: "Debian", tags: { team: "data" }, architecture: "arm_64" },
  { owner: filtered.uin, name: "100%", platform: "Windows", os_name: "Windows Server 2016 64位" },
  { owner: filtered.uin, name: "broken", state: "IMPORTFAILED" });
const [official] = d.seed({ owner: bob.uin, name: "Official", kind: "public", source: "OFFICIAL" });
const filters = [
  ["image-id", [web, db], [web, db]],
  ["image-type", ["PRIVATE_IMAGE"], [web, db, win, failed]],
  ["image-type", ["PUBLIC_IMAGE"], [official]],
  ["image-type", ["SHARED_IMAGE"], []],
  ["image-type", ["PUBLIC_IMAGE", "PRIVATE_IMAGE"], [web, db, win, failed, official]],
  ["image-name", ["web"], [web]],
  ["image-name", ["%"], [win]],
  ["image-name", ["_"], [db]],
  ["platform", ["ubu"], [web]],
  ["tag-key", ["team"], [web, db]],
  ["tag-value", ["data"], [db]],
  ["tag:team", ["web"], [web]],
  ["tag:team", ["prod"], []],
  ["image-state", ["IMPORTFAILED"], [failed]],
  ["image-family", ["front"], [web]],
  ["architecture", ["arm_64"], [db]],
  ["os-name", ["Windows"], [win]],
  ["cdc-cache-status", ["CACHED"], []],
  ["dedicated-cluster-id", ["cluster-1"], []],
];
for (const [Name, Values, want] of filters)
  test(`filter ${Name} = ${Values}`, async () => {
    const answer = await d.client(filtered).DescribeImages({ Filters: [{ Name, Values }] });
    assert.deepEqual(ids(answer).sort(), [...want].sort());
    assert.equal(answer.TotalCount, want.length);
  });
test("filters are joined by and", async () => {
  const answer = await d.client(filtered).DescribeImages({ Filters: [
    { Name: "tag-key", Values: ["team"] }, { Name: "platform", Values: ["debian"] }] });
  assert.deepEqual(ids(answer), [db]);
});

const eleven = Array.from({ length: 11 }, () => ({ Name: "platform", Values: ["a"] }));
const wrong = [
  ["ids and filters together", { ImageIds: [web], Filters: [{ Name: "platform", Values: ["a"] }] },
    "InvalidParameter.InvalidParameterCoexistImageIdsFilters"],
  ["an id of another form", { ImageIds: ["img-1"] }, "InvalidImageId.Malformed"],
  ["an id of another form in a filter", { Filters: [{ Name: "image-id", Values: ["x"] }] }, "InvalidImageId.Malformed"],
  ["an unknown filter", { Filters: [{ Name: "colour", Values: ["red"] }] }, "InvalidFilter"],
  ["an unknown type", { Filters: [{ Name: "image-type", Values: ["red"] }] }, "InvalidParameterValue"],
  ["eleven filters", { Filters: eleven }, "InvalidFilterValue.LimitExceeded"],
  ["six values", { Filters: [{ Name: "platform", Values: ["1", "2", "3", "4", "5", "6"] }] }, "InvalidFilterValue.LimitExceeded"],
  ["a filter without values", { Filters: [{ Name: "platform", Values: [] }] }, "MissingParameter"],
  ["a limit of 101", { Limit: 101 }, "InvalidParameterValue.InvalidParameterValueLimit"],
  ["a limit of 0", { Limit: 0 }, "InvalidParameterValue.InvalidParameterValueLimit"],
  ["an offset below 0", { Offset: -1 }, "InvalidParameterValue.InvalidParameterValueLimit"],
  ["a limit that is a text", { Limit: "20" }, "InvalidParameter"],
  ["a type of instances that is none", { InstanceType: "large" }, "InvalidInstanceType.Malformed"],
  ["a list that is none", { ImageIds: web }, "InvalidParameter"],
  ["an unknown member of a filter", { Filters: [{ Name: "platform", Values: ["a"], Op: "=" }] }, "UnknownParameter"],
];
for (const [name, params, code] of wrong)
  test(`DescribeImages refuses ${name}`, () => refused(d.client(filtered).DescribeImages(params), code));

test("attributes change, and only those that are given", async () => {
  const id = image("before", { description: "kept" });
  await api.ModifyImageAttribute({ ImageId: id, ImageName: "after", ImageFamily: "fam", ImageDeprecated: true });
  const got = await see(api, id);
  assert.deepEqual([got.ImageName, got.ImageDescription, got.ImageFamily, got.ImageDeprecated],
    ["after", "kept", "fam", true]);
  await api.ModifyImageAttribute({ ImageId: id, ImageDescription: "", ImageDeprecated: false });
  assert.equal((await see(api, id)).ImageDescription, "");
});
test("ModifyImageAttribute refuses", async () => {
  const id = image("modify");
  image("taken");
  const modify = (more) => api.ModifyImageAttribute({ ImageId: id, ...more });
  await refused(modify({ ImageName: "taken" }), "InvalidImageName.Duplicate");
  await refused(modify({ ImageName: "n".repeat(61) }), "InvalidParameterValue.TooLarge");
  await modify({ ImageName: "名".repeat(60) });
  await refused(modify({ ImageDescription: "d".repeat(257) }), "InvalidParameterValue.TooLarge");
  await refused(modify({ ImageFamily: "a b" }), "InvalidParameterValue.InvalidImageFamily");
  await refused(modify({ ImageName: 1 }), "InvalidParameter");
  await refused(api.ModifyImageAttribute({ ImageName: "x" }), "MissingParameter", /ImageId/);
  await refused(api.ModifyImageAttribute({ ImageId: "img-00000000", ImageName: "x" }), "InvalidImageId.NotFound");
  await refused(api.ModifyImageAttribute({ ImageId: "nonsense", ImageName: "x" }), "InvalidImageId.Malformed");
  await refused(api.ModifyImageAttribute({ ImageId: official, ImageName: "x" }), "InvalidImageId.NotFound");
  const busy = image("busy", { state: "IMPORTING" });
  await refused(api.ModifyImageAttribute({ ImageId: busy, ImageName: "x" }), "InvalidImageId.IncorrectState");
});

test("a share is seen, and nothing more", async () => {
  const id = image("shared");
  await api.ModifyImageSharePermission({ ImageId: id, AccountIds: [bob.uin], Permission: "SHARE" });
  const seen = await see(other, id);
  assert.deepEqual([seen.ImageType, seen.ImageCreator], ["SHARED_IMAGE", alice.uin]);
  assert.deepEqual(ids(await other.DescribeImages({ Filters: [{ Name: "image-type", Values: ["SHARED_IMAGE"] }] })), [id]);
  assert.equal(await see(d.client(bob, { region: "ap-shanghai" }), id), undefined);
  await refused(other.ModifyImageAttribute({ ImageId: id, ImageName: "x" }), "UnsupportedOperation.SharedImageModifyUnsupported");
  await refused(other.ModifyImageAttribute({ ImageId: id, ImageDescription: "x" }), "UnsupportedOperation.SharedImageModifyUnsupported");
  await refused(other.DeleteImages({ ImageIds: [id] }), "InvalidParameterValue.InvalidImageIdIsShared");
  await refused(other.ModifyImageSharePermission({ ImageId: id, AccountIds: [alice.uin], Permission: "SHARE" }),
    "UnauthorizedOperation.ImageNotBelongToAccount");
  await refused(other.DescribeImageSharePermission({ ImageId: id }), "UnauthorizedOperation.ImageNotBelongToAccount");
  // Its owner cancels first.
  await refused(api.DeleteImages({ ImageIds: [id] }), "InvalidImageId.InShared");
  await refused(api.ModifyImageAttribute({ ImageId: id, ImageName: "x" }), "UnsupportedOperation.SharedImageModifyUnsupported");
  const { SharePermissionSet } = await api.DescribeImageSharePermission({ ImageId: id });
  assert.deepEqual(SharePermissionSet.map((s) => s.AccountId), [bob.uin]);
  assert.match(SharePermissionSet[0].CreatedTime, /Z$/);
  await api.ModifyImageSharePermission({ ImageId: id, AccountIds: [bob.uin], Permission: "CANCEL" });
  assert.equal(await see(other, id), undefined);
  assert.deepEqual((await api.DescribeImageSharePermission({ ImageId: id })).SharePermissionSet, []);
  await api.DeleteImages({ ImageIds: [id] });
});
test("a share uses nobody's quota", async () => {
  const rich = d.account("rich", "--images", "1");
  const id = image("lent");
  d.seed({ owner: rich.uin, name: "own" });
  await api.ModifyImageSharePermission({ ImageId: id, AccountIds: [rich.uin], Permission: "SHARE" });
  assert.equal((await d.client(rich).DescribeImages({ Filters: [{ Name: "image-type", Values: ["PRIVATE_IMAGE", "SHARED_IMAGE"] }] })).TotalCount, 2);
  assert.equal((await d.client(rich).DescribeImageQuota({})).ImageNumQuota, 1);
});
test("ModifyImageSharePermission refuses", async () => {
  const id = image("share");
  const share = (accounts, more = {}) => api.ModifyImageSharePermission(
    { ImageId: id, AccountIds: accounts, Permission: "SHARE", ...more });
  await refused(share([alice.uin]), "FailedOperation.AccountIsYourSelf");
  await refused(share(["100999999999"]), "InvalidAccountId.NotFound");
  await refused(share(["bob"]), "InvalidAccountId.NotFound");
  await refused(share([]), "MissingParameter");
  await refused(share([bob.uin], { Permission: "GIVE" }), "InvalidParameterValue");
  await share([bob.uin]);
  await refused(share([bob.uin]), "FailedOperation.AccountAlreadyExists");
  await refused(share([bob.uin], { ImageId: image("state", { state: "IMPORTING" }) }), "InvalidParameterValue.InvalidImageState");
  await refused(share([bob.uin], { ImageId: image("rhel", { os_type: "Redhat", license: "BYOL" }) }), "FailedOperation.RImageShareFailed");
  await refused(share([bob.uin], { ImageId: image("byol", { license: "BYOL" }) }), "FailedOperation.BYOLImageShareFailed");
  await refused(share([bob.uin], { ImageId: image("disks", { disks: '[{"x":1}]' }) }), "InvalidParameter.InstanceImageNotSupport");
  await refused(share([bob.uin], { ImageId: official }), "UnauthorizedOperation.ImageNotBelongToAccount");
});
test("an image is shared with as many as the account may, and all or none", async () => {
  const few = d.account("few", "--shares", "2");
  const [id] = d.seed({ owner: few.uin, name: "few" });
  const client = d.client(few);
  const share = (...accounts) => client.ModifyImageSharePermission({ ImageId: id, AccountIds: accounts, Permission: "SHARE" });
  await refused(share(alice.uin, bob.uin, filtered.uin), "OverQuota");
  assert.deepEqual((await client.DescribeImageSharePermission({ ImageId: id })).SharePermissionSet, []);
  await share(alice.uin, bob.uin);
  await refused(share(filtered.uin), "OverQuota");
});

test("DeleteImages deletes all or none", async () => {
  const [one, two] = [image("one"), image("two")];
  await refused(api.DeleteImages({ ImageIds: [one, "img-00000000"] }), "InvalidImageId.NotFound");
  await refused(api.DeleteImages({ ImageIds: [one, official] }), "InvalidParameterValue.InvalidImageId");
  await refused(api.DeleteImages({ ImageIds: [one, "x"] }), "InvalidImageId.Malformed");
  await refused(api.DeleteImages({ ImageIds: [] }), "MissingParameter");
  for (const state of ["CREATING", "IMPORTING", "SYNCING"])
    await refused(api.DeleteImages({ ImageIds: [one, image(state, { state })] }), "InvalidImageId.IncorrectState");
  await api.DeleteImages({ ImageIds: [one, two], DryRun: true });
  assert.ok(await see(api, one), "a dry run deleted");
  await api.DeleteImages({ ImageIds: [one, two] });
  assert.equal(await see(api, one), undefined);
  assert.equal(await see(api, two), undefined);
  await refused(api.DeleteImages({ ImageIds: [one] }), "InvalidImageId.NotFound");
  await api.DeleteImages({ ImageIds: [image("gone wrong", { state: "IMPORTFAILED" })] });
});

test("the newest usable image of a family", async () => {
  const dave = d.account("dave");
  const client = d.client(dave);
  const find = async () => (await client.DescribeImageFromFamily({ ImageFamily: "f" })).Image?.ImageId;
  assert.equal(await find(), undefined);
  const [id] = d.seed({ owner: dave.uin, name: "f1", family: "f" });
  d.seed({ owner: dave.uin, name: "f2", family: "f", state: "IMPORTING" });
  assert.equal(await find(), id);
  await client.ModifyImageAttribute({ ImageId: id, ImageDeprecated: true });
  assert.equal(await find(), undefined);
  await refused(client.DescribeImageFromFamily({}), "MissingParameter");
});

test("quota, systems, zones", async () => {
  assert.equal((await api.DescribeImageQuota({})).ImageNumQuota, 10);
  const os = await api.DescribeImportImageOs({});
  assert.ok(os.ImportImageOsListSupported.Windows.includes("Windows Server 2016"));
  assert.ok(os.ImportImageOsListSupported.Linux.includes("Debian"));
  const debian = os.ImportImageOsVersionSet.find((o) => o.OsName === "Debian");
  assert.ok(debian.OsVersions.includes("12"));
  assert.deepEqual(debian.Architecture, ["x86_64", "i386"]);
  assert.equal((await api.DescribeZones({})).ZoneSet[0].ZoneName, "Guangzhou Zone 1");
});

test("the bytes of a deleted image go, those of an image that stands on them as well stay", async () => {
  const blobs = ["image/00/system", "image/00/data", "image/00/common"];
  for (const key of blobs) d.blobs.put(key, "bytes");
  const there = () => d.blobs.list("image/00/");
  const id = image("bytes", { blob: "image/00/system",
    disks: '[{"blob":"image/00/data"},{"blob":"image/00/common"}]' });
  image("copy", { blob: "image/00/common" });
  await api.DeleteImages({ ImageIds: [id], DryRun: true });
  assert.equal(there().length, 3);
  await api.DeleteImages({ ImageIds: [id] });
  assert.deepEqual(there(), ["image/00/common"]);
});
