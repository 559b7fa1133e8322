// SPDX-License-Identifier: GPL-2.0-or-later
// Every error code that the sources name is provoked here, in both languages, and every action of
// the route table answers and refuses.  A new code or action without a case fails the last tests.
//
// The other files say which rule gives which code; this one that none is left out.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { here, refused, require, send, startDaemon, tc3, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const openapi = JSON.parse(fs.readFileSync(process.env.OPENAPI));
const versions = new Map(Object.values(openapi.paths).map(({ post }) => [post.operationId, post.tags[0]]));

// Tasks and notices stay where they are put, so that what waits can be asked about.
const idle = "[jobs]\nrun = no\nstaging-max = 2GiB\n[notice]\nrun = no\n";
const Zone = "ap-guangzhou-1";
const d = await startDaemon({ conf: `${idle}[instances]\nper-account = 3
[instance-type S5.SMALL1]\nmemory = 1GiB\n[instance-type S5.HUGE]\nmemory = 64GiB\n` });
d.zone(Zone, { prefix: 24, disk: 1000 });
d.zone("ap-guangzhou-3", { seen: 1 });
const old = await startDaemon({ conf: idle, service: "profile = tencent-2016",
  regions: "ap-guangzhou ap-shanghai na-siliconvalley" });
old.zone(Zone);
const broken = await startDaemon({ conf: idle }), live = await startDaemon();

const operator = d.account("operator", "--operator"), alice = d.account("alice", "--images", "50"), bob = d.account("bob");
const one = d.account("one", "--images", "1"), sharer = d.account("sharer", "--shares", "1");
const elder = old.account("elder", "--import"), barred = old.account("barred"), victim = broken.account("victim");
const quick = live.account("quick");

const reached = new Map(); // action -> { good, bad }
const note = (action, how) => reached.set(action, { ...reached.get(action), [how]: true });
const ask = async (who, action, params = {}, { daemon = d, ...options } = {}) => {
  try {
    const answer = await daemon.own(who, action, params, { version: versions.get(action), ...options });
    note(action, "good");
    return answer;
  } catch (e) {
    if (e.code && e.code !== "InternalError") note(action, "bad");
    throw e;
  }
};
const seed = (owner, name, more = {}, daemon = d) => daemon.seed({ owner: owner.uin, name, ...more })[0];
const url = `http://disks-${alice.appId}.cos.ap-guangzhou.myqcloud.com/disk.qcow2`;
const importing = (more = {}) => ({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12", ImageUrl: url,
  ImageName: "imported", ...more });
const share = (ImageId, ...people) => ({ ImageId, AccountIds: people.map((p) => p.uin), Permission: "SHARE" });

// ---- what there is

const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
const BucketName = `b-${alice.appId}`, his = `b-${bob.appId}`;
await cos.putBucket({ Bucket: BucketName, Region: "ap-guangzhou" });
await new COS({ SecretId: bob.secretId, SecretKey: bob.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` })
  .putBucket({ Bucket: his, Region: "ap-guangzhou" });

const plain = seed(alice, "plain"), taken = seed(alice, "taken"), busy = seed(alice, "busy", { state: "IMPORTING" });

const disks = seed(alice, "disks", { disks: '[{"x":1}]' }), byol = seed(alice, "byol", { license: "BYOL" });
const arm = seed(alice, "arm", { architecture: "arm_64" });
const rhel = seed(alice, "rhel", { os_type: "Redhat" }), windows = seed(alice, "windows", { os_type: "Windows Server 2016", platform: "Windows" });
const open = seed(bob, "open", { kind: "public" }), market = seed(bob, "market", { kind: "market" });
const lent = seed(alice, "lent"), theirs = seed(bob, "theirs"), sharing = seed(sharer, "sharing");
const copied = seed(alice, "copied", { blob: "image/1-1-0" }), small = seed(alice, "small", { blob: "image/2-1-0", virtual_size: 1 << 20 });
const large = seed(alice, "large", { virtual_size: 2 ** 41, blob: "image/3-1-0" });
seed(one, "only");
const west = seed(elder, "west", { region: "na-siliconvalley" }, old), east = seed(elder, "east", {}, old);
await ask(alice, "ModifyImageSharePermission", share(lent, bob));
await ask(bob, "ModifyImageSharePermission", share(theirs, alice));
await ask(alice, "SyncImages", { ImageIds: [copied], DestinationRegions: ["ap-shanghai"] });
for (let i = 0; i < 10; i++) await ask(alice, "ExportImages", { BucketName, ImageIds: [small] });
const { ImageId: waiting } = await ask(alice, "ImportImage", importing({ ImageName: "waiting" }));
const { TaskSet: [{ TaskId: canceled }] } = await ask(alice, "DescribeImportTasks", { ImageId: waiting });
await ask(alice, "CancelImportTask", { TaskId: canceled });
await ask(alice, "RecheckImages", { ImageIds: [plain] });
await ask(alice, "CheckImage", { ImageUrl: url });
// One that has ended, and told so.
await ask(quick, "ImportImage", importing({ ImageUrl: "http://lab.example/disk.qcow2" }), { daemon: live });
const told = await until(async () => (await ask(quick, "DescribeMessages", {}, { daemon: live })).MessageSet[0]);
await ask(quick, "ReadMessage", { MessageId: told.MessageId }, { daemon: live });
await ask(bob, "ApplyImportPermission");
for (let i = 0; i < 5; i++)
  await ask(elder, "ModifyImageAttribute", { ImageId: east, ImageName: `east-${i}` }, { daemon: old });
// The actions that nothing above has used.
await ask(operator, "AnswerImportPermission", { AccountId: bob.uin, Permission: "REFUSE" });
await ask(bob, "ApplyImportPermission");
const sold = seed(alice, "sold");
await ask(alice, "SubmitImage", { ImageId: sold, Target: "MARKET", Price: 5 });
await ask(operator, "ReviewImage", { ImageId: sold, Accept: true });
await ask(operator, "PublishImage", { ImageId: sold });
await ask(alice, "WithdrawImage", { ImageId: sold });
await ask(alice, "DeleteImages", { ImageIds: [plain], DryRun: true });
await ask(alice, "DescribeImageFromFamily", { ImageFamily: "none" });
await ask(alice, "DescribeImageSharePermission", { ImageId: lent });
await ask(alice, "InquiryPriceImages", { ImageIds: [open] });
for (const action of ["DescribeRegions", "DescribeZones", "DescribeImages", "DescribeImageQuota", "DescribeImportImageOs",
  "DescribeAccounts", "DescribeMessages", "DescribeMessageSubscriptions"]) await ask(operator, action);

// ---- instances: one in each state, as the zone's daemon would leave it

const Password = "correct-Horse-7", PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtBtHcPxb7cHNKXL4hQHcrGDa2VGTOeyUIKwJjmoKMd me";
const wanted = (more = {}) => ({ Placement: { Zone }, ImageId: plain, InstanceType: "S5.SMALL1", LoginSettings: { Password }, ...more });
const wants = (more, daemon = d) => call(alice, "RunInstances", wanted(more), { daemon });
const inNetwork = (more) => ({ VirtualPrivateCloud: { VpcId: "DEFAULT", SubnetId: "DEFAULT", ...more } });
await ask(alice, "InquiryPriceRunInstances", wanted());
await ask(alice, "DescribeInstanceTypeConfigs");
await ask(alice, "DescribeZoneInstanceConfigInfos");
const { KeyId } = await ask(alice, "ImportKeyPair", { KeyName: "mine", PublicKey });
await ask(alice, "DescribeKeyPairs");
await ask(alice, "DescribeInstances");
await ask(alice, "DescribeInstancesStatus");
const { InstanceIdSet: [instance] } = await ask(alice, "RunInstances", wanted({ ClientToken: "token", ...inNetwork({ PrivateIpAddresses: ["10.66.0.9"] }) }));
const settled = (state, task = 0) => d.sql(`UPDATE instance SET state = ${state}, task = ${task} WHERE id = '${instance}'`);
const named = { InstanceIds: [instance] };
for (const [state, action, params] of [[3, "StartInstances", named], [2, "StopInstances", named], [2, "RebootInstances", named],
  [2, "ResetInstance", { InstanceId: instance, LoginSettings: { Password } }], [3, "TerminateInstances", named],
  [3, "CreateImage", { InstanceId: instance, ImageName: "of-it", DryRun: true }]]) {
  settled(state);
  await ask(alice, action, params);
}
const { KeyId: spare } = await ask(alice, "ImportKeyPair", { KeyName: "spare", PublicKey });
await ask(alice, "DeleteKeyPairs", { KeyIds: [spare] });
d.sql(`INSERT INTO key_pair (id, owner, name, public_key, created) VALUES ${Array.from({ length: 99 }, (_, i) =>
  `('skey-x${i}', '${bob.uin}', 'k${i}', 'x', 0)`)}`);
await ask(bob, "ImportKeyPair", { KeyName: "hundredth", PublicKey });
const inState = (state, action, task = 0) => (language) => {
  settled(state, task);
  return ask(alice, action, named, { language });
};
// In 2016 what another account shares makes instances only.
const lender = old.account("lender"), theirOwn = seed(lender, "their-own", {}, old);
await ask(lender, "ModifyImageSharePermission", share(theirOwn, elder), { daemon: old });
const { InstanceIdSet: [borrowed] } = await ask(elder, "RunInstances", wanted({ ImageId: theirOwn }), { daemon: old });
old.sql(`UPDATE instance SET state = 2, task = 0 WHERE id = '${borrowed}'`);
const create = (more) => call(alice, "CreateImage", { ImageName: "made", ...more });

// ---- what is refused

const call = (who, action, params, options) => (language) => ask(who, action, params, { ...options, language });
const raw = (options) => async (language) => {
  const { headers, ...rest } = options;
  const { answer, text } = await tc3({ port: d.port, account: alice, ...rest, headers: { "x-tc-language": language, ...headers } });
  assert.ok(answer, text);
  throw Object.assign(new Error(answer.Error?.Message), { code: answer.Error?.Code, requestId: answer.RequestId });
};
const plainly = (options) => async (language) => {
  const { answer, text } = await send(d.port, { ...options, headers: { "x-tc-language": language, ...options.headers } });
  assert.ok(answer, text);
  throw Object.assign(new Error(answer.Error?.Message), { code: answer.Error?.Code, requestId: answer.RequestId });
};
const images = (ImageIds, more) => ({ ImageIds, ...more });
const exporting = (more) => ({ BucketName, ImageIds: [small], ...more });
const copying = (more) => ({ ImageIds: [plain], DestinationRegions: ["ap-shanghai"], ...more });
const filter = (...Values) => ({ Filters: [{ Name: "platform", Values }] });

const cases = {
  "AuthFailure.CamRoleNameAuthenticateFailed": call(alice, "ExportImages", exporting({ RoleName: "another" })),
  "AuthFailure.InvalidAuthorization": raw({ authorization: "Basic YTpi" }),
  "AuthFailure.InvalidSecretId": call({ ...alice, secretId: "alice" }, "DescribeRegions"),
  "AuthFailure.SecretIdNotFound": call({ ...alice, secretId: `AKID${"0".repeat(32)}` }, "DescribeRegions"),
  "AuthFailure.SignatureExpire": raw({ timestamp: 1500000000 }),
  "AuthFailure.SignatureFailure": call({ ...alice, secretKey: "x".repeat(32) }, "DescribeRegions"),
  "AuthFailure.TokenFailure": raw({ headers: { "x-tc-token": "t" } }),
  "FailedOperation.AccountAlreadyExists": call(alice, "ModifyImageSharePermission", share(lent, bob)),
  "FailedOperation.AccountIsYourSelf": call(alice, "ModifyImageSharePermission", share(plain, alice)),
  "FailedOperation.BYOLImageShareFailed": call(alice, "ModifyImageSharePermission", share(byol, bob)),
  "FailedOperation.RImageShareFailed": call(alice, "ModifyImageSharePermission", share(rhel, bob)),
  ImageQuotaLimitExceeded: call(one, "ImportImage", importing()),
  InternalError: call(victim, "DescribeMessages", {}, { daemon: broken }),
  "InvalidAccountId.NotFound": call(alice, "ModifyImageSharePermission", share(plain, { uin: "100999999999" })),
  InvalidAction: raw({ action: "DescribeNothing" }),
  InvalidFilter: call(alice, "DescribeImages", { Filters: [{ Name: "colour", Values: ["red"] }] }),
  "InvalidClientToken.TooLong": wants({ ClientToken: "x".repeat(65) }),
  "InvalidFilterValue.LimitExceeded": call(alice, "DescribeImages", filter("1", "2", "3", "4", "5", "6")),
  "InvalidImageId.InShared": call(alice, "DeleteImages", images([lent])),
  "InvalidImageId.IncorrectState": call(alice, "DeleteImages", images([busy])),
  "InvalidImageId.Malformed": call(alice, "DeleteImages", images(["one"])),
  "InvalidImageId.NotFound": call(bob, "DeleteImages", images(["img-00000000"])),
  "InvalidImageName.Duplicate": call(alice, "ModifyImageAttribute", { ImageId: plain, ImageName: "taken" }),
  "InvalidImageOsType.Unsupported": call(alice, "ImportImage", importing({ OsType: "BeOS" })),
  "InvalidImageOsVersion.Unsupported": call(alice, "ImportImage", importing({ OsVersion: "0.1" })),
  "InvalidInstanceId.Malformed": call(alice, "StartInstances", { InstanceIds: ["one"] }),
  "InvalidInstanceId.NotFound": call(alice, "StartInstances", { InstanceIds: ["ins-00000000"] }),
  "InvalidInstanceName.TooLong": wants({ InstanceName: "n".repeat(129) }),
  "InvalidKeyPair.LimitExceeded": call(bob, "ImportKeyPair", { KeyName: "one-more", PublicKey }),
  "InvalidKeyPairId.Malformed": call(alice, "DeleteKeyPairs", { KeyIds: ["one"] }),
  "InvalidKeyPairId.NotFound": call(alice, "DeleteKeyPairs", { KeyIds: ["skey-00000000"] }),
  "InvalidKeyPairName.Duplicate": call(alice, "ImportKeyPair", { KeyName: "mine", PublicKey }),
  "InvalidKeyPairName.Malformed": call(alice, "ImportKeyPair", { KeyName: "a\nb", PublicKey }),
  "InvalidKeyPairName.TooLong": call(alice, "ImportKeyPair", { KeyName: "n".repeat(26), PublicKey }),
  "InvalidInstanceType.Malformed": call(alice, "DescribeImages", { InstanceType: "large" }),
  InvalidParameter: call(alice, "DescribeImages", { Limit: "20" }),
  "InvalidParameter.DataDiskNotBelongSpecifiedInstance": create({ InstanceId: instance, DataDiskIds: ["disk-1"] }),
  "InvalidParameter.InternetAccessibleNotSupported": wants({ InternetAccessible: { PublicIpAssigned: true } }),
  "InvalidParameter.ParameterConflict": wants({ LoginSettings: { Password, KeyIds: [KeyId] } }),
  "InvalidParameter.SnapshotNotFound": create({ SnapshotIds: ["snap-1"] }),
  "InvalidParameter.SpecifyOneParameter": create(),
  "InvalidParameter.ImageIdsSnapshotIdsMustOne": call(alice, "ExportImages", { BucketName }),
  "InvalidParameter.InstanceImageNotSupport": call(alice, "ModifyImageSharePermission", share(disks, bob)),
  "InvalidParameter.InvalidKmsKeyId": call(alice, "SyncImages", copying({ KmsKeyId: "key" })),
  "InvalidParameter.InvalidParameterCoexistImageIdsFilters": call(alice, "DescribeImages", images([plain], filter("a"))),
  "InvalidParameter.InvalidParameterUrlError": call(alice, "ImportImage", importing({ ImageUrl: "ftp://x/y" })),
  InvalidParameterValue: call(alice, "ModifyImageSharePermission", { ...share(plain, bob), Permission: "GIVE" }),
  InvalidParameterCombination: call(alice, "StopInstances", { ...named, StopType: "SOFT", ForceStop: true }),
  InvalidParameterConflict: create({ InstanceId: instance, SnapshotIds: ["snap-1"] }),
  "InvalidParameterValue.Duplicate": wants({ ClientToken: "token" }),
  "InvalidParameterValue.DuplicateTags": wants({ TagSpecification: [{ ResourceType: "instance", Tags: [{ Key: "a" }, { Key: "a" }] }] }),
  "InvalidParameterValue.IPAddressMalformed": wants(inNetwork({ PrivateIpAddresses: ["here"] })),
  "InvalidParameterValue.IllegalHostName": wants({ HostName: "-" }),
  "InvalidParameterValue.IncorrectFormat": wants({ ClientToken: "a b" }),
  "InvalidParameterValue.InstanceTypeNotFound": wants({ InstanceType: "S5.NONE" }),
  "InvalidParameterValue.InvalidImageIdForRetsetInstance": call(elder, "ResetInstance",
    { InstanceId: borrowed, ImageId: theirOwn, LoginSettings: { Password } }, { daemon: old }),
  "InvalidParameterValue.InvalidImageForGivenInstanceType": wants({ ImageId: arm }),
  "InvalidParameterValue.InvalidParameterMinCount": wants({ MinCount: 2 }),
  "InvalidParameterValue.InvalidPassword": wants({ LoginSettings: { Password: "short" } }),
  "InvalidParameterValue.InvalidTimeFormat": call(alice, "DescribeInstances", { Filters: [{ Name: "creation-end-time", Values: ["now"] }] }),
  "InvalidParameterValue.InvalidUserDataFormat": wants({ UserData: "!" }),
  "InvalidParameterValue.KeyPairNotFound": wants({ LoginSettings: { KeyIds: ["skey-00000000"] } }),
  "InvalidParameterValue.Range": wants({ SystemDisk: { DiskSize: 1 } }),
  "InvalidParameterValue.SubnetNotExist": wants(inNetwork({ SubnetId: "subnet-1" })),
  "InvalidParameterValue.VpcIdNotExist": wants(inNetwork({ VpcId: "vpc-1" })),
  "InvalidParameterValue.ZoneNotSupported": wants({ Placement: { Zone: "ap-guangzhou-2" } }),
  "InvalidPublicKey.Malformed": call(alice, "ImportKeyPair", { KeyName: "bad", PublicKey: "x" }),
  "InvalidSecurityGroupId.NotFound": wants({ SecurityGroupIds: ["sg-1"] }),
  "InvalidZone.MismatchRegion": wants({ Placement: { Zone: "ap-shanghai-1" } }),
  "InvalidParameterValue.BucketNotFound": call(alice, "ExportImages", exporting({ BucketName: `none-${alice.appId}` })),
  "InvalidParameterValue.InvalidAppIdFormat": call(alice, "ExportImages", exporting({ BucketName: "no-app-id" })),
  "InvalidParameterValue.InvalidBootMode": call(alice, "ImportImage", importing({ BootMode: "Coreboot" })),
  "InvalidParameterValue.InvalidBucketPermissionForExport": call(alice, "ExportImages", exporting({ BucketName: his })),
  "InvalidParameterValue.InvalidFileNamePrefixList": call(alice, "ExportImages", exporting({ FileNamePrefixList: ["/a"] })),
  "InvalidParameterValue.InvalidImageFamily": call(alice, "ModifyImageAttribute", { ImageId: plain, ImageFamily: "a b" }),
  "InvalidParameterValue.InvalidImageId": call(alice, "DeleteImages", images([open])),
  "InvalidParameterValue.InvalidImageIdIsShared": call(alice, "DeleteImages", images([theirs])),
  "InvalidParameterValue.InvalidImageState": call(alice, "ModifyImageSharePermission", share(busy, bob)),
  "InvalidParameterValue.InvalidLicenseType": call(alice, "ImportImage", importing({ LicenseType: "GPL" })),
  "InvalidParameterValue.InvalidParameterValueLimit": call(alice, "DescribeImages", { Limit: 101 }),
  "InvalidParameterValue.InvalidRegion": call(alice, "SyncImages", copying({ DestinationRegions: ["ap-guangzhou"] })),
  "InvalidParameterValue.LimitExceeded": call(alice, "SyncImages", copying({ ImageIds: [plain, taken] })),
  "InvalidParameterValue.TagQuotaLimitExceeded": call(alice, "ImportImage", importing({ TagSpecification: [{ ResourceType: "image",
    Tags: Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}`, Value: "v" })) }] })),
  "InvalidParameterValue.TooLarge": call(alice, "ModifyImageAttribute", { ImageId: plain, ImageName: "n".repeat(61) }),
  "InvalidRegion.NotFound": call(alice, "SyncImages", copying({ DestinationRegions: ["ap-nowhere"] })),
  "InvalidRegion.Unavailable": call(elder, "SyncImages", { ImageIds: [east], DestinationRegions: ["na-siliconvalley"] }, { daemon: old }),
  LimitExceeded: call(elder, "ModifyImageAttribute", { ImageId: east, ImageName: "once more" }, { daemon: old }),
  "LimitExceeded.InstanceQuota": wants({ InstanceCount: 4 }),
  "LimitExceeded.ExportImageTaskLimitExceeded": call(alice, "ExportImages", exporting()),
  MissingParameter: call(alice, "DeleteImages", {}),
  "MutexOperation.TaskRunning": call(alice, "DeleteImages", images([copied])),
  NoSuchVersion: raw({ version: "2016-01-01" }),
  "OperationDenied.InstanceOperationInProgress": inState(2, "StopInstances", 7),
  OverQuota: call(sharer, "ModifyImageSharePermission", share(sharing, alice, bob)),
  RequestLimitExceeded: async (language) => { // a code is sent once a minute
    const webhook = { Operation: "ADD", Channel: "webhook", Address: `https://hooks.lab.example/${language}` };
    await ask(alice, "ModifyMessageSubscription", webhook);
    return ask(alice, "ModifyMessageSubscription", webhook, { language });
  },
  RequestSizeLimitExceeded: plainly({ path: `/?a=${"x".repeat(33000)}` }),
  ResourceInUse: call(bob, "ApplyImportPermission"),
  "ResourceInsufficient.AvailabilityZoneSoldOut": wants({ Placement: { Zone: "ap-guangzhou-3" } }),
  "ResourceInsufficient.CloudDiskSoldOut": wants({ SystemDisk: { DiskSize: 1024 } }),
  "ResourceInsufficient.SpecifiedInstanceType": wants({ InstanceType: "S5.HUGE" }),
  ResourceNotFound: call(alice, "ReadMessage", { MessageId: 1 }),
  ResourceUnavailable: call(quick, "CancelImportTask", { TaskId: told.TaskId }, { daemon: live }),
  UnauthorizedOperation: call(alice, "AnswerImportPermission", { AccountId: bob.uin, Permission: "GRANT" }),
  "UnauthorizedOperation.ImageNotBelongToAccount": call(alice, "DescribeImageSharePermission", { ImageId: theirs }),
  "UnauthorizedOperation.PermissionDenied": call(barred, "ImportImage", importing({ OsVersion: "8" }), { daemon: old }),
  UnknownParameter: call(alice, "DescribeZones", { Bogus: "1" }),
  UnsupportedOperation: call(alice, "ModifyMessageSubscription", { Operation: "ADD", Channel: "mail", Address: "a@lab.example" }),
  "UnsupportedOperation.ImageTooLargeExportUnsupported": call(alice, "ExportImages", exporting({ ImageIds: [large] })),
  "UnsupportedOperation.InstanceStateLaunchFailed": inState(1, "StartInstances"),
  "UnsupportedOperation.InstanceStatePending": inState(0, "StartInstances"),
  "UnsupportedOperation.InstanceStateRebooting": inState(6, "StartInstances"),
  "UnsupportedOperation.InstanceStateRunning": inState(2, "StartInstances"),
  "UnsupportedOperation.InstanceStateStarting": inState(4, "StartInstances"),
  "UnsupportedOperation.InstanceStateStopped": inState(3, "RebootInstances"),
  "UnsupportedOperation.InstanceStateStopping": inState(5, "TerminateInstances"),
  "UnsupportedOperation.InstanceStateTerminating": inState(7, "TerminateInstances"),
  "UnsupportedOperation.InvalidDisk": wants({ DataDisks: [{ DiskSize: 10 }] }),
  "UnsupportedOperation.KeyPairUnsupportedWindows": wants({ ImageId: windows, LoginSettings: { KeyIds: [KeyId] } }),
  "UnsupportedOperation.MarketImageExportUnsupported": call(alice, "ExportImages", exporting({ ImageIds: [market] })),
  "UnsupportedOperation.PublicImageExportUnsupported": call(alice, "ExportImages", exporting({ ImageIds: [open] })),
  "UnsupportedOperation.RedHatImageExportUnsupported": call(alice, "ExportImages", exporting({ ImageIds: [rhel] })),
  "UnsupportedOperation.Region": call(elder, "SyncImages", { ImageIds: [west], DestinationRegions: ["ap-shanghai"] },
    { daemon: old, region: "na-siliconvalley" }),
  "UnsupportedOperation.SharedImageExportUnsupported": call(alice, "ExportImages", exporting({ ImageIds: [theirs] })),
  "UnsupportedOperation.SharedImageModifyUnsupported": call(alice, "ModifyImageAttribute", { ImageId: theirs, ImageName: "mine" }),
  "UnsupportedOperation.SyncEncryptImageNotSupport": call(alice, "SyncImages", copying({ Encrypt: true })),
  "UnsupportedOperation.WindowsImageExportUnsupported": call(alice, "ExportImages", exporting({ ImageIds: [windows] })),
  UnsupportedProtocol: plainly({ method: "DELETE" }),
  VpcAddrNotInSubNet: wants(inNetwork({ PrivateIpAddresses: ["10.0.0.1"] })),
  VpcIpIsUsed: wants(inNetwork({ PrivateIpAddresses: ["10.66.0.9"] })),
  UnsupportedRegion: call(alice, "DescribeZones", {}, { region: "mars" }),
};

await ask(victim, "DescribeMessages", {}, { daemon: broken });
broken.loseTable("message");

for (const [code, provoke] of Object.entries(cases))
  test(`${code} in both languages`, async () => {
    for (const [language, words] of [["en-US", /^[\x20-\x7e]+$/], ["zh-CN", /\p{Script=Han}/u]]) {
      const e = await provoke(language).then((a) => assert.fail(`not refused: ${JSON.stringify(a)}`), (error) => error);
      assert.equal(e.code, code, e.message);
      assert.match(e.message, words, language);
      assert.match(e.requestId, /^[0-9a-f-]{36}$/);
    }
  });

// Refusals of actions that have no code of their own.
const further = {
  ResetInstance: ["InvalidInstanceId.Malformed", { InstanceId: "one" }],
  InquiryPriceRunInstances: ["MissingParameter", {}],
  DescribeInstancesStatus: ["InvalidInstanceId.Malformed", { InstanceIds: ["one"] }],
  DescribeInstanceTypeConfigs: ["InvalidFilter", { Filters: [{ Name: "colour", Values: ["red"] }] }],
  DescribeKeyPairs: ["InvalidKeyPairId.Malformed", { KeyIds: ["one"] }],
  DescribeZoneInstanceConfigInfos: ["UnknownParameter", { Bogus: 1 }],
  DescribeRegions: ["UnknownParameter", { Bogus: 1 }],
  DescribeImageQuota: ["UnknownParameter", { Bogus: 1 }],
  DescribeImportImageOs: ["UnknownParameter", { Bogus: 1 }],
  DescribeImageFromFamily: ["MissingParameter", {}],
  DescribeAccounts: ["UnknownParameter", { Bogus: 1 }],
  SubmitImage: ["InvalidImageId.Malformed", { ImageId: "one", Target: "MARKET" }],
  ReviewImage: ["UnauthorizedOperation", { ImageId: plain, Accept: true }],
  PublishImage: ["UnauthorizedOperation", { ImageId: plain }],
  WithdrawImage: ["InvalidImageId.Malformed", { ImageId: "one" }],
  InquiryPriceImages: ["InvalidImageId.Malformed", { ImageIds: ["one"] }],
  CheckImage: ["InvalidParameter.InvalidParameterUrlError", { ImageUrl: "" }],
  RecheckImages: ["InvalidImageId.Malformed", { ImageIds: ["one"] }],
  DescribeImportTasks: ["InvalidParameterValue", { TaskIds: ["one"] }],
  DescribeMessages: ["InvalidParameterValue.InvalidParameterValueLimit", { Limit: 0 }],
  DescribeMessageSubscriptions: ["UnknownParameter", { Bogus: 1 }],
};
for (const [action, [code, params]] of Object.entries(further))
  test(`${action} refuses`, () => refused(ask(alice, action, params), code));

test("no error code of the sources is left out, and none is made up", () => {
  const root = here("../../src/service");
  const files = [".", "action"].flatMap((dir) => fs.readdirSync(path.join(root, dir)).filter((f) =>
    f.endsWith(".c") && !f.endsWith("_test.c")).map((f) => path.join(root, dir, f)));
  assert.ok(files.length > 20);
  const shapes = [
    /call_error\([^,"]+,\s*"([A-Za-z.]+)"/g, // answered by name
    /(?:code|CODE)\s*=\s*"([A-Z][A-Za-z.]+)"/g, // of a parameter's row
    // Anything else that reads like one: tables, returned by signatures.
    /"((?:AuthFailure|FailedOperation|Invalid\w*|LimitExceeded|MutexOperation|OperationDenied|RegionAbilityLimit|Resource\w+|Unauthorized\w*|Unsupported\w*)(?:\.[A-Z]\w+)+)"/g,
  ];
  const named = new Set(files.flatMap((file) => {
    const text = fs.readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    return shapes.flatMap((shape) => [...text.matchAll(shape)].map((m) => m[1]));
  }));
  assert.deepEqual([...named].filter((code) => !cases[code]).sort(), [], "without a case here");
  assert.deepEqual(Object.keys(cases).filter((code) => !named.has(code)).sort(), [], "not in the sources");
});

test("every action has answered, and has refused", () => {
  for (const action of versions.keys()) assert.deepEqual(reached.get(action), { good: true, bad: true }, action);
});
