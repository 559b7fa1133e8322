// SPDX-License-Identifier: GPL-2.0-or-later
// What is said of instances before a machine is made: who may ask for what, in which state.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { refused, require, startDaemon } from "./lib.mjs";

// Jobs stay where they are put, so every state can be seen.
const d = await startDaemon({ conf: `[jobs]
run = no
[instances]
per-account = 6
[instance-type S5.SMALL1]
cpu = 1
memory = 1GiB
price = 1200
[instance-type S5.LARGE4]
cpu = 2
memory = 4GiB
price = 2500
` });
d.zone("ap-guangzhou-1", { memory: 8192, prefix: 24 });
const alice = d.account("alice", "--images", "50"), bob = d.account("bob"), carol = d.account("carol");
const api = d.client(alice, { language: "en-US" });
const seed = (owner, name, more = {}) => d.seed({ owner: owner.uin, name, blob: `image/${name}`, ...more })[0];
const base = seed(alice, "base"), windows = seed(alice, "windows", { os_type: "Windows Server 2016", platform: "Windows" });
const Zone = "ap-guangzhou-1", Password = "correct-Horse-7";
const wanted = (more = {}) => ({ Placement: { Zone }, ImageId: base, InstanceType: "S5.SMALL1",
  LoginSettings: { Password }, ...more });
const run = async (more, client = api) => (await client.RunInstances(wanted(more))).InstanceIdSet;
const get = async (id, client = api) => (await client.DescribeInstances({ InstanceIds: [id] })).InstanceSet[0];
const image = async (id) => (await api.DescribeImages({ ImageIds: [id] })).ImageSet[0];
// As the zone's daemon would: what works on it ends, in this state.
const settle = (id, state, more = "") => d.sql(`UPDATE instance SET state = ${state}, task = 0,
  operation_state = 2${more} WHERE id = '${id}'; UPDATE task SET state = 2, due = NULL WHERE due IS NOT NULL`);
const RUNNING = 2, STOPPED = 3, LAUNCH_FAILED = 1;
const gone = (...ids) => ids.forEach((id) => d.sql(`DELETE FROM instance WHERE id = '${id}'`));

test("an instance is there at once, with what it was asked for", async () => {
  const [id] = await run({ InstanceName: "web", HostName: "web-1", SystemDisk: { DiskSize: 60, DiskType: "CLOUD_SSD" },
    TagSpecification: [{ ResourceType: "instance", Tags: [{ Key: "use", Value: "test" }] }] });
  assert.match(id, /^ins-[0-9a-z]{8}$/);
  const i = await get(id);
  assert.equal(i.InstanceState, "PENDING");
  assert.equal(i.InstanceName, "web");
  assert.deepEqual([i.CPU, i.Memory, i.InstanceType], [1, 1, "S5.SMALL1"]);
  assert.deepEqual(i.SystemDisk, { DiskType: "CLOUD_SSD", DiskId: i.SystemDisk.DiskId, DiskSize: 60 });
  assert.match(i.SystemDisk.DiskId, /^disk-[0-9a-z]{8}$/);
  assert.deepEqual(i.PrivateIpAddresses, ["10.66.0.2"]);
  assert.deepEqual([i.ImageId, i.Placement.Zone, i.RestrictState], [base, Zone, "NORMAL"]);
  assert.deepEqual(i.Tags, [{ Key: "use", Value: "test" }]);
  assert.match(i.Uuid, /^[0-9a-f-]{36}$/);
  assert.deepEqual([i.LatestOperation, i.LatestOperationState], ["RunInstances", "OPERATING"]);
  assert.deepEqual([i.HostName, i.LicenseType, i.RenewFlag, i.ExpiredTime], ["web-1", "TencentCloud", null, null]);
  assert.deepEqual([i.OsName, i.DefaultLoginUser, i.DefaultLoginPort], [(await image(base)).OsName, "root", 22]);
  assert.deepEqual([i.CpuTopology, i.IsolatedSource, i.IPv6Addresses], [{ CoreCount: 1, ThreadPerCore: 1 }, "NOTISOLATED", []]);
  const status = await api.DescribeInstancesStatus({ InstanceIds: [id] });
  assert.deepEqual(status.InstanceStatusSet, [{ InstanceId: id, InstanceState: "PENDING" }]);
  assert.equal(status.TotalCount, 1);
  gone(id);
});

test("an instance has what the SDK's model has, but for what no machine here is", async () => {
  const licensed = seed(alice, "licensed", { license: "BYOL" }), [id] = await run({ ImageId: licensed });
  const i = await get(id);
  assert.equal(i.LicenseType, "BYOL");
  const models = fs.readFileSync(require.resolve("tencentcloud-sdk-nodejs-cvm/tencentcloud/services/cvm/v20170312/cvm_models.d.ts"), "utf8");
  const fields = [.../^export interface Instance \{\n([^]*?)^\}/m.exec(models)[1].matchAll(/^    (\w+)\?:/gm)].map((m) => m[1]);
  assert.ok(fields.length > 40);
  assert.deepEqual(fields.filter((name) => !(name in i)).sort(), ["GPUInfo", "Metadata", "PartitionNumber"]);
  assert.deepEqual(Object.keys(i).filter((name) => !fields.includes(name)), []);
  gone(id);
});

test("several have names that count, and addresses of their own", async () => {
  const ids = await run({ InstanceCount: 3, InstanceName: "node-{R:8,F:3}", HostName: "node{R:8}" });
  const all = await Promise.all(ids.map((id) => get(id)));
  assert.deepEqual(all.map((i) => i.InstanceName), ["node-008", "node-009", "node-010"]);
  assert.deepEqual(all.map((i) => i.PrivateIpAddresses[0]), ["10.66.0.2", "10.66.0.3", "10.66.0.4"]);
  assert.deepEqual(d.sql(`SELECT hostname FROM instance ORDER BY no`), ["node8", "node9", "node10"]);
  gone(...ids);
  const two = await run({ InstanceCount: 2, InstanceName: "plain" });
  assert.deepEqual((await Promise.all(two.map((id) => get(id)))).map((i) => i.InstanceName), ["plain1", "plain2"]);
  assert.deepEqual(d.sql(`SELECT hostname FROM instance ORDER BY no`), ["VM-0-2-debian", "VM-0-3-debian"]);
  gone(...two);
  await refused(run({ InstanceName: "{X:1}" }), "InvalidParameterValue", /pattern/);
});

test("an address may be chosen", async () => {
  const at = (...PrivateIpAddresses) => ({ VirtualPrivateCloud: { VpcId: "DEFAULT", SubnetId: "DEFAULT", PrivateIpAddresses } });
  const [id] = await run(at("10.66.0.77"));
  assert.deepEqual((await get(id)).PrivateIpAddresses, ["10.66.0.77"]);
  await refused(run(at("10.66.0.77")), "VpcIpIsUsed");
  await refused(run(at("10.66.1.7")), "VpcAddrNotInSubNet");
  await refused(run(at("10.66.0.1")), "VpcAddrNotInSubNet");
  await refused(run(at("ten")), "InvalidParameterValue.IPAddressMalformed");
  await refused(run(at("10.66.0.78", "10.66.0.79")), "InvalidParameterValue");
  await refused(run({ VirtualPrivateCloud: { VpcId: "vpc-1", SubnetId: "DEFAULT" } }), "InvalidParameterValue.VpcIdNotExist");
  await refused(run({ VirtualPrivateCloud: { VpcId: "DEFAULT", SubnetId: "subnet-1" } }), "InvalidParameterValue.SubnetNotExist");
  gone(id);
});

test("what a zone does not have is refused", async () => {
  for (const [more, code] of [
    [{ Placement: { Zone: "ap-guangzhou-2" } }, "InvalidParameterValue.ZoneNotSupported"],
    [{ Placement: { Zone: "ap-shanghai-1" } }, "InvalidZone.MismatchRegion"],
    [{ Placement: { Zone: "ap-guangzhou-99" } }, "InvalidZone.MismatchRegion"],
    [{ Placement: {} }, "MissingParameter"],
    [{ InstanceType: "S5.HUGE" }, "InvalidParameterValue.InstanceTypeNotFound"],
    [{ InstanceType: "huge" }, "InvalidInstanceType.Malformed"],
    [{ DataDisks: [{ DiskSize: 10 }] }, "UnsupportedOperation.InvalidDisk"],
    [{ SecurityGroupIds: ["sg-1"] }, "InvalidSecurityGroupId.NotFound"],
    [{ InternetAccessible: { PublicIpAssigned: true } }, "InvalidParameter.InternetAccessibleNotSupported"],
    [{ InternetAccessible: { InternetMaxBandwidthOut: 5 } }, "InvalidParameter.InternetAccessibleNotSupported"],
    [{ InstanceChargeType: "PREPAID" }, "InvalidParameterValue"],
    [{ SystemDisk: { DiskSize: 5 } }, "InvalidParameterValue.Range"],
    [{ SystemDisk: { DiskType: "FLOPPY" } }, "InvalidParameterValue"],
    [{ SystemDisk: { DiskSize: 2000 } }, "InvalidParameterValue.Range"],
    [{ InstanceCount: 501 }, "InvalidParameterValue"],
    [{ InstanceCount: 2, MinCount: 3 }, "InvalidParameterValue.InvalidParameterMinCount"],
    [{ InstanceName: "x".repeat(129) }, "InvalidInstanceName.TooLong"],
    [{ TagSpecification: [{ ResourceType: "instance", Tags: [{ Key: "a" }, { Key: "a" }] }] },
      "InvalidParameterValue.DuplicateTags"],
  ]) await refused(run(more), code);
  assert.equal((await api.DescribeInstances({})).TotalCount, 0);
});

test("images that do not start are refused", async () => {
  const image = (name, more) => ({ ImageId: seed(alice, name, more) });
  await refused(run({ ImageId: "img-none" }), "InvalidImageId.Malformed");
  await refused(run({ ImageId: "img-00000000" }), "InvalidImageId.NotFound");
  await refused(run({ ImageId: seed(bob, "his") }), "InvalidImageId.NotFound");
  await refused(run(image("importing", { state: "IMPORTING" })), "InvalidParameterValue.InvalidImageState");
  await refused(run(image("arm", { architecture: "arm_64" })), "InvalidParameterValue.InvalidImageForGivenInstanceType");
  await refused(run(image("disks", { disks: '[{"x":1}]' })), "InvalidParameter.InstanceImageNotSupport");
});

test("images of every kind that the account may use start", async () => {
  const shared = seed(bob, "shared"), open = seed(bob, "open", { kind: "public" }), sold = seed(bob, "sold", { kind: "market" });
  await d.client(bob).ModifyImageSharePermission({ ImageId: shared, AccountIds: [alice.uin], Permission: "SHARE" });
  for (const ImageId of [shared, open, sold]) gone(...await run({ ImageId }));
});

test("passwords, keys and names have rules", async () => {
  const login = (LoginSettings, more = {}) => run({ LoginSettings, ...more });
  for (const weak of ["Short7", "onlyletters", "x7".repeat(16)])
    await refused(login({ Password: weak }), "InvalidParameterValue.InvalidPassword");
  await refused(login({ Password: "Eightch7" }, { ImageId: windows }), "InvalidParameterValue.InvalidPassword");
  await refused(login({ KeyIds: ["skey-00000000"] }), "InvalidParameterValue.KeyPairNotFound");
  await refused(login({ KeyIds: ["my key"] }), "InvalidKeyPairId.Malformed");
  await refused(login({ KeyIds: ["skey-00000000"] }, { ImageId: windows }), "UnsupportedOperation.KeyPairUnsupportedWindows");
  await refused(login({ Password, KeyIds: ["skey-00000000"] }), "InvalidParameter.ParameterConflict");
  await refused(login({ Password, KeepImageLogin: "TRUE" }), "InvalidParameter.ParameterConflict");
  const open = seed(bob, "plain-public", { kind: "public" });
  await refused(login({ KeepImageLogin: "TRUE" }, { ImageId: open }), "InvalidParameterValue.InvalidImageId");
  for (const HostName of ["-a", "a-", "a_b", "a", "x".repeat(61), "a..b"])
    await refused(run({ HostName }), "InvalidParameterValue.IllegalHostName");
  await refused(run({ HostName: "sixteen-letters-", ImageId: windows }), "InvalidParameterValue.IllegalHostName");
  await refused(run({ HostName: "12345", ImageId: windows }), "InvalidParameterValue.IllegalHostName");
  await refused(run({ UserData: "not base64!" }), "InvalidParameterValue.InvalidUserDataFormat");
  await refused(run({ UserData: Buffer.alloc(16385).toString("base64") }), "InvalidParameterValue.InvalidUserDataFormat");
  gone(...await run({ UserData: Buffer.alloc(16384).toString("base64"), HostName: "a.b-c.d" }));
});

test("only a hash of a password is kept, but for Windows, which has no use for one", async () => {
  const [id] = await run(), [other] = await run({ ImageId: windows, LoginSettings: { Password: "correct-Horse-7x" } });
  const [hash] = d.sql(`SELECT password FROM instance WHERE id = '${id}'`);
  assert.match(hash, /^\$6\$[./0-9A-Za-z]{8,16}\$[./0-9A-Za-z]{86}$/);
  assert.deepEqual(d.sql(`SELECT secret FROM instance WHERE id = '${id}'`), [""]);
  assert.deepEqual(d.sql(`SELECT secret FROM instance WHERE id = '${other}'`), ["correct-Horse-7x"]);
  gone(id, other);
});

test("a password that nobody gave is told by a message", async () => {
  const ids = await run({ LoginSettings: undefined, InstanceCount: 2 });
  const { MessageSet } = await d.own(alice, "DescribeMessages", { Type: "instance-password" });
  assert.equal(MessageSet.length, 2);
  const made = MessageSet.map((m) => /password of root is (\S{16})$/m.exec(m.Body)[1]);
  assert.notEqual(made[0], made[1]);
  assert.ok(MessageSet.some((m) => m.Subject.includes(ids[0])));
  gone(...ids);
  gone(...await run({ LoginSettings: { KeepImageLogin: "TRUE" } }));
  assert.equal((await d.own(alice, "DescribeMessages", { Type: "instance-password" })).TotalCount, 2);
});

test("a token is answered once, and the same again", async () => {
  const more = { ClientToken: "token-1", InstanceCount: 2 };
  const first = await run(more);
  assert.deepEqual(await run(more), first);
  assert.equal((await api.DescribeInstances({})).TotalCount, 2);
  await refused(run({ ...more, InstanceCount: 1 }), "InvalidParameterValue.Duplicate");
  const same = { ClientToken: "token-2" };
  const all = await Promise.all([run(same), run(same), run(same)]);
  assert.equal(new Set(all.flat()).size, 1);
  await refused(run({ ClientToken: "x".repeat(65) }), "InvalidClientToken.TooLong");
  await refused(run({ ClientToken: "a b" }), "InvalidParameterValue.IncorrectFormat");
  gone(...first, ...all[0]);
});

test("a dry run leaves nothing", async () => {
  const had = (await d.own(alice, "DescribeMessages", {})).TotalCount;
  assert.deepEqual(await run({ DryRun: true, LoginSettings: undefined, ClientToken: "dry" }), []);
  assert.equal((await api.DescribeInstances({})).TotalCount, 0);
  assert.equal((await d.own(alice, "DescribeMessages", {})).TotalCount, had);
  gone(...await run({ ClientToken: "dry" }));
});

test("a zone has room for so many disks", async () => {
  const disk = (gib) => d.sql(`UPDATE zone SET disk_gib = ${gib}`), sold = "ResourceInsufficient.CloudDiskSoldOut";
  disk(120);
  await refused(run({ InstanceCount: 3 }), sold);
  const ids = await run({ InstanceCount: 3, MinCount: 1 });
  assert.equal(ids.length, 2);
  settle(ids[0], STOPPED);
  settle(ids[1], RUNNING);
  await refused(run(), sold);
  await refused(api.ResetInstance({ InstanceId: ids[0], SystemDisk: { DiskSize: 71 } }), sold);
  await api.ResetInstance({ InstanceId: ids[0], SystemDisk: { DiskSize: 65 } });
  // Of what the reset makes nobody else gets anything, though the disk is as it was until it is there.
  assert.equal((await get(ids[0])).SystemDisk.DiskSize, 50);
  await refused(api.ResetInstance({ InstanceId: ids[1], SystemDisk: { DiskSize: 56 } }), sold);
  disk(4096);
  gone(...ids);
});

test("an instance that stands still for want of room says so", async () => {
  const [id] = await run();
  settle(id, RUNNING, ", stalled = 1");
  assert.match((await get(id)).LatestOperationErrorMsg, /stands still/);
  settle(id, STOPPED);
  assert.equal((await get(id)).LatestOperationErrorMsg, null);
  gone(id);
});

test("a zone whose host is away takes nothing, and lets go of what it had", async () => {
  const zone = async () => (await api.DescribeZones({})).ZoneSet[0].ZoneState;
  const ids = await run({ InstanceCount: 2 });
  assert.equal(await zone(), "AVAILABLE");
  await refused(api.TerminateInstances({ InstanceIds: [ids[0]] }), "UnsupportedOperation.InstanceStatePending");
  d.sql("UPDATE zone SET seen = 1");
  assert.equal(await zone(), "UNAVAILABLE");
  const { InstanceTypeQuotaSet: [offer] } = await api.DescribeZoneInstanceConfigInfos({});
  assert.equal(offer.Status, "SOLD_OUT");
  await refused(run(), "ResourceInsufficient.AvailabilityZoneSoldOut");
  // What was asked before waits, and says for what; nothing else is asked of it.
  let i = await get(ids[0]);
  assert.deepEqual([i.LatestOperationState, /waits for the host/.test(i.LatestOperationErrorMsg)], ["OPERATING", true]);
  settle(ids[0], RUNNING);
  const InstanceIds = [ids[0]];
  for (const [action, params] of [["StopInstances", { InstanceIds }], ["RebootInstances", { InstanceIds }],
    ["ResetInstance", { InstanceId: ids[0], LoginSettings: { Password } }], ["CreateImage", { InstanceId: ids[0], ImageName: "away" }]])
    await refused(api[action](params), "ResourceUnavailable", /host of ap-guangzhou-1 was not heard of/);
  await refused(api.StartInstances({ InstanceIds }), "UnsupportedOperation.InstanceStateRunning");
  settle(ids[0], STOPPED);
  await refused(api.StartInstances({ InstanceIds }), "ResourceUnavailable");
  i = await get(ids[0]);
  assert.deepEqual([i.InstanceState, i.LatestOperationState, i.LatestOperationErrorMsg], ["STOPPED", "SUCCESS", null]);
  await refused(d.client(bob).TerminateInstances({ InstanceIds: [ids[0]] }), "InvalidInstanceId.NotFound");
  await api.TerminateInstances({ InstanceIds: ids });
  assert.equal(await get(ids[0]), undefined);
  assert.deepEqual(d.sql("SELECT COUNT(*) FROM task WHERE state IN (0, 1)"), ["0"]);
  assert.deepEqual(d.sql("SELECT id FROM instance_left ORDER BY id"), [...ids].sort());
  d.sql("UPDATE zone SET seen = 4102444800");
});

test("an image that was being made of what is given up has failed", async () => {
  const [id] = await run();
  settle(id, RUNNING);
  const { ImageId } = await api.CreateImage({ InstanceId: id, ImageName: "never" });
  d.sql("UPDATE zone SET seen = 1");
  await api.TerminateInstances({ InstanceIds: [id] });
  d.sql("UPDATE zone SET seen = 4102444800");
  assert.equal((await api.DescribeImages({ ImageIds: [ImageId] })).ImageSet[0].ImageState, "CREATEFAILED");
  assert.deepEqual(d.sql(`SELECT reason FROM image WHERE id = '${ImageId}'`), ["Canceled"]);
  const { MessageSet } = await d.own(alice, "DescribeMessages", { Type: "create-failed" });
  assert.deepEqual(MessageSet.map((m) => m.Subject.includes(ImageId) && m.Subject.includes(id)), [true]);
  await api.DeleteImages({ ImageIds: [ImageId] });
});

test("a zone has so much memory, and an account so many instances", async () => {
  const big = { InstanceType: "S5.LARGE4" };
  const ids = await run({ ...big, InstanceCount: 2 });
  await refused(run(), "ResourceInsufficient.SpecifiedInstanceType");
  settle(ids[0], STOPPED);
  const [small] = await run();
  await refused(api.StartInstances({ InstanceIds: [ids[0]] }), "ResourceInsufficient.SpecifiedInstanceType");
  assert.equal((await run({ ...big, InstanceCount: 3, MinCount: 1, InstanceType: "S5.SMALL1" })).length, 3);
  await refused(run(), "LimitExceeded.InstanceQuota");
  d.sql("DELETE FROM instance");
  assert.equal((await run({ InstanceCount: 9, MinCount: 2 })).length, 6);
  d.sql("DELETE FROM instance");
  assert.ok(small);
});

test("lists are filtered, and each account sees its own", async () => {
  const [id] = await run({ InstanceName: "alpha", TagSpecification: [{ ResourceType: "instance", Tags: [{ Key: "k", Value: "v" }] }] });
  const [other] = await run({ InstanceName: "beta" });
  const by = async (Name, ...Values) => (await api.DescribeInstances({ Filters: [{ Name, Values }] })).InstanceSet
    .map((i) => i.InstanceId);
  for (const [name, ...values] of [["instance-name", "LPH"], ["instance-id", id], ["tag:k", "v"], ["tag-key", "k"],
    ["tag-value", "v"], ["private-ip-address", "10.66.0.2"], ["uuid", (await get(id)).Uuid]])
    assert.deepEqual(await by(name, ...values), [id], name);
  for (const [name, ...values] of [["zone", Zone], ["project-id", "0"], ["instance-state", "PENDING", "RUNNING"],
    ["image-id", base], ["instance-charge-type", "SPOTPAID", "POSTPAID_BY_HOUR"], ["vpc-id", "DEFAULT"], ["subnet-id", "DEFAULT"],
    ["creation-start-time", "2026-01-01T00:00:00Z"], ["instance-type", "S5.SMALL1"]])
    assert.deepEqual(await by(name, ...values), [other, id], name);
  for (const [name, ...values] of [["instance-state", "RUNNING"], ["vpc-id", "vpc-1"], ["instance-charge-type", "PREPAID"],
    ["creation-end-time", "2020-01-01 00:00:00"]])
    assert.deepEqual(await by(name, ...values), [], name);
  await refused(by("colour", "red"), "InvalidFilter");
  await refused(by("instance-id", "x"), "InvalidInstanceId.Malformed");
  await refused(by("instance-state", "ASLEEP"), "InvalidParameterValue");
  await refused(by("creation-start-time", "now"), "InvalidParameterValue.InvalidTimeFormat");
  await refused(api.DescribeInstances({ InstanceIds: [id], Filters: [{ Name: "zone", Values: [Zone] }] }), "InvalidParameter");
  assert.equal((await d.client(bob).DescribeInstances({})).TotalCount, 0);
  assert.equal((await d.client(alice, { region: "ap-shanghai" }).DescribeInstances({})).TotalCount, 0);
  const page = await api.DescribeInstances({ Limit: 1, Offset: 1 });
  assert.deepEqual([page.TotalCount, page.InstanceSet.map((i) => i.InstanceId)], [2, [id]]);
  gone(id, other);
});

test("each operation wants its state", async () => {
  const [id] = await run(), InstanceIds = [id];
  const all = { StartInstances: { InstanceIds }, StopInstances: { InstanceIds }, RebootInstances: { InstanceIds },
    TerminateInstances: { InstanceIds }, ResetInstance: { InstanceId: id, LoginSettings: { Password } },
    CreateImage: { InstanceId: id, ImageName: "of-an-instance" } };
  const allowed = {
    0: [], 1: ["TerminateInstances"], 2: ["StopInstances", "RebootInstances", "TerminateInstances", "ResetInstance", "CreateImage"],
    3: ["StartInstances", "TerminateInstances", "ResetInstance", "CreateImage"], 4: [], 5: [], 6: [], 7: [] };
  const names = ["Pending", "LaunchFailed", "Running", "Stopped", "Starting", "Stopping", "Rebooting", "Terminating"];
  for (const [state, may] of Object.entries(allowed))
    for (const [action, params] of Object.entries(all)) {
      settle(id, state);
      d.sql("DELETE FROM image WHERE name = 'of-an-instance'");
      if (!may.includes(action)) await refused(api[action](params), `UnsupportedOperation.InstanceState${names[state]}`);
      else await api[action](params);
    }
  settle(id, RUNNING);
  d.sql("DELETE FROM image WHERE name = 'of-an-instance'");
  await api.CreateImage(all.CreateImage);
  await refused(api.StopInstances({ InstanceIds }), "OperationDenied.InstanceOperationInProgress", /CreateImage/);
  gone(id);
});

test("operations are of all that are named, or of none", async () => {
  const ids = await run({ InstanceCount: 2 });
  settle(ids[0], STOPPED);
  settle(ids[1], RUNNING);
  await refused(api.StartInstances({ InstanceIds: ids }), "UnsupportedOperation.InstanceStateRunning");
  assert.equal((await get(ids[0])).InstanceState, "STOPPED");
  settle(ids[1], STOPPED);
  await api.StartInstances({ InstanceIds: ids });
  for (const id of ids) {
    const i = await get(id);
    assert.deepEqual([i.InstanceState, i.LatestOperation, i.LatestOperationState], ["STARTING", "StartInstances", "OPERATING"]);
  }
  await refused(api.StartInstances({ InstanceIds: [ids[0], ids[0]] }), "InvalidParameterValue", /twice/);
  await refused(api.StartInstances({ InstanceIds: ["ins-00000000"] }), "InvalidInstanceId.NotFound");
  await refused(api.StartInstances({ InstanceIds: ["i-1"] }), "InvalidInstanceId.Malformed");
  await refused(d.client(bob).TerminateInstances({ InstanceIds: ids }), "InvalidInstanceId.NotFound");
  await refused(api.StopInstances({ InstanceIds: ids, StopType: "HARD", ForceStop: true }), "InvalidParameterCombination");
  await refused(api.RebootInstances({ InstanceIds: ids, StopType: "SOFT", ForceReboot: true }), "InvalidParameterCombination");
  gone(...ids);
});

test("a reset is refused what a start is, and a disk only grows", async () => {
  const [id] = await run({ SystemDisk: { DiskSize: 60 } });
  settle(id, RUNNING);
  const reset = (more) => api.ResetInstance({ InstanceId: id, LoginSettings: { Password }, ...more });
  await refused(reset({ ImageId: "img-00000000" }), "InvalidImageId.NotFound");
  await refused(reset({ ImageId: "x" }), "InvalidImageId.Malformed");
  await refused(reset({ SystemDisk: { DiskSize: 59 } }), "InvalidParameterValue.Range");
  await refused(reset({ HostName: "-x" }), "InvalidParameterValue.IllegalHostName");
  await refused(reset({ LoginSettings: { Password: "short" } }), "InvalidParameterValue.InvalidPassword");
  await reset({ ImageId: windows, LoginSettings: { Password: "correct-Horse-7x" } });
  assert.equal((await get(id)).LatestOperation, "ResetInstance");
  // The image is the task's until it ends.
  await refused(api.DeleteImages({ ImageIds: [windows] }), "MutexOperation.TaskRunning");
  gone(id);
  d.sql("UPDATE task SET state = 2, due = NULL WHERE due IS NOT NULL");
});

test("in 2016 a share makes instances, and resets none", async () => {
  const old = await startDaemon({ service: "profile = tencent-2016", conf: "[jobs]\nrun = no\n" });
  old.zone(Zone);
  const owner = old.account("owner"), receiver = old.account("receiver"), client = old.client(receiver);
  const [shared, own] = old.seed({ owner: owner.uin, name: "shared", blob: "image/s" }, { owner: receiver.uin, name: "own", blob: "image/o" });
  await old.client(owner).ModifyImageSharePermission({ ImageId: shared, AccountIds: [receiver.uin], Permission: "SHARE" });
  const { InstanceIdSet: [InstanceId] } = await client.RunInstances(wanted({ ImageId: shared }));
  old.sql(`UPDATE instance SET state = ${RUNNING}, task = 0, operation_state = 2`);
  for (const ImageId of [shared, undefined]) await refused(
    client.ResetInstance({ InstanceId, ImageId, LoginSettings: { Password } }), "InvalidParameterValue.InvalidImageIdForRetsetInstance");
  await client.ResetInstance({ InstanceId, ImageId: own, LoginSettings: { Password } });
  await old.stop();
});

test("an image that a disk stands on stays, one that failed to start lets it go", async () => {
  const ImageId = seed(alice, "stands"), [id] = await run({ ImageId });
  settle(id, RUNNING);
  await refused(api.DeleteImages({ ImageIds: [ImageId] }), "InvalidImageId.IncorrectState", /instance/);
  settle(id, LAUNCH_FAILED, ", blob = ''");
  await api.DeleteImages({ ImageIds: [ImageId] });
  gone(id);
});

test("an image of an instance has a name, a place of the quota, and its instance", async () => {
  const [id] = await run();
  settle(id, STOPPED);
  const create = (more = {}) => api.CreateImage({ InstanceId: id, ImageName: "made", ...more });
  await refused(create({ ImageName: "base" }), "InvalidImageName.Duplicate");
  await refused(create({ InstanceId: "ins-00000000" }), "InvalidInstanceId.NotFound");
  await refused(create({ InstanceId: undefined }), "InvalidParameter.SpecifyOneParameter");
  await refused(create({ SnapshotIds: ["snap-1"] }), "InvalidParameterConflict");
  await refused(create({ InstanceId: undefined, SnapshotIds: ["snap-1"] }), "InvalidParameter.SnapshotNotFound");
  await refused(create({ DataDiskIds: ["disk-1"] }), "InvalidParameter.DataDiskNotBelongSpecifiedInstance");
  assert.equal((await create({ DryRun: true })).ImageId, undefined);
  const { ImageId } = await create({ ForcePoweroff: "true" });
  const image = (await api.DescribeImages({ ImageIds: [ImageId] })).ImageSet[0];
  assert.deepEqual([image.ImageState, image.ImageSource, image.ImageName], ["CREATING", "CREATE_IMAGE", "made"]);
  gone(id);
  const [small] = await run({ ImageId: seed(carol, "hers") }, d.client(carol));
  settle(small, STOPPED);
  d.sql(`UPDATE account SET image_quota = 1 WHERE uin = '${carol.uin}'`);
  gone(small);
});

test("key pairs are lines of authorized_keys", async () => {
  const PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtBtHcPxb7cHNKXL4hQHcrGDa2VGTOeyUIKwJjmoKMd me@here";
  const { KeyId } = await api.ImportKeyPair({ KeyName: "mine", PublicKey, ProjectId: 0 });
  assert.match(KeyId, /^skey-[0-9a-z]{8}$/);
  await refused(api.ImportKeyPair({ KeyName: "mine", PublicKey, ProjectId: 0 }), "InvalidKeyPairName.Duplicate");
  for (const bad of ["x", "ssh-rsa AAAA", PublicKey.replace("ed25519", "rsa"), `${PublicKey}\nssh-rsa x`])
    await refused(api.ImportKeyPair({ KeyName: "bad", PublicKey: bad, ProjectId: 0 }), "InvalidPublicKey.Malformed");
  const [id] = await run({ LoginSettings: { KeyIds: [KeyId] } });
  assert.deepEqual((await get(id)).LoginSettings, { KeyIds: [KeyId] });
  await refused(run({ LoginSettings: { KeyIds: [KeyId] }, ImageId: seed(bob, "hers2") }, d.client(bob)),
    "InvalidParameterValue.KeyPairNotFound");
  const list = await api.DescribeKeyPairs({ KeyIds: [KeyId] });
  assert.deepEqual([list.TotalCount, list.KeyPairSet[0].PublicKey], [1, PublicKey]);
  assert.equal((await d.client(bob).DescribeKeyPairs({})).TotalCount, 0);
  await refused(d.client(bob).DeleteKeyPairs({ KeyIds: [KeyId] }), "InvalidKeyPairId.NotFound");
  await refused(api.DeleteKeyPairs({ KeyIds: ["x"] }), "InvalidKeyPairId.Malformed");
  await api.DeleteKeyPairs({ KeyIds: [KeyId] });
  gone(id);
});

test("prices have the instance's part and the image's", async () => {
  const sold = seed(bob, "priced", { kind: "market", price: 300 });
  const { Price } = await api.InquiryPriceRunInstances(wanted({ ImageId: sold, InstanceCount: 2 }));
  assert.deepEqual([Price.InstancePrice.UnitPrice, Price.ImagePrice.UnitPrice, Price.InstancePrice.ChargeUnit],
    [0.24, 0.06, "HOUR"]);
  await refused(api.InquiryPriceRunInstances(wanted({ ImageId: "img-00000000" })), "InvalidImageId.NotFound");
});

test("types of instances are listed for the zones that have a host", async () => {
  const { InstanceTypeConfigSet } = await api.DescribeInstanceTypeConfigs({});
  assert.deepEqual(InstanceTypeConfigSet.map((t) => [t.Zone, t.InstanceType, t.InstanceFamily, t.CPU, t.Memory]),
    [[Zone, "S5.SMALL1", "S5", 1, 1], [Zone, "S5.LARGE4", "S5", 2, 4]]);
  const { InstanceTypeQuotaSet } = await api.DescribeZoneInstanceConfigInfos({
    Filters: [{ Name: "instance-type", Values: ["S5.LARGE4"] }] });
  assert.deepEqual(InstanceTypeQuotaSet.map((t) => [t.InstanceType, t.Status, t.Price.UnitPrice]), [["S5.LARGE4", "SELL", 0.25]]);
  await refused(api.DescribeInstanceTypeConfigs({ Filters: [{ Name: "colour", Values: ["red"] }] }), "InvalidFilter");
  assert.deepEqual((await d.client(alice, { region: "ap-shanghai" }).DescribeInstanceTypeConfigs({})).InstanceTypeConfigSet, []);
});
