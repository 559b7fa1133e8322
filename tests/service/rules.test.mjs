// SPDX-License-Identifier: GPL-2.0-or-later
// The rules of the guides, and which test fails without each:
//
//   rule                                                    test
//   kinds: public, custom, shared, marketplace              images: filter image-type; publish
//   selection by region, system, architecture               images: an image is in its region only, filter ...
//   10 (500) custom images in a region                      here; copies: the quota is that of the region
//   five operations a day, per account and region           here; server: five operations a day
//     ... and the day is that of Shanghai                   store/share_test.c: test_the_day_is_of_shanghai
//   at most 50 (500) shares                                 here; images: as many as the account may
//   a receiver renames, describes, shares, deletes nothing  images: a share is seen, and nothing more
//   a share serves in its region only                       here
//   a share only creates instances (2016)                   copies: in 2016 there are ...
//   delete: sharing is canceled first                       images: a share is seen, and nothing more
//   no delete while creating, importing, copying            images: DeleteImages deletes all or none; copies, exports
//   copies between the regions of the profile only          copies: in 2016 there are ...
//   links of other regions as the profile says              here; import: links that cannot be read
//     ... never in a finance region                         here
//   RHEL asks for BYOL                                      here
//   Windows is not activated, and the report says so        rules/windows_test.c: N22
//   import permission: applied for, granted                 here; publish: an account asks
//   public is free but Windows in North America             publish: public images are free
//   marketplace: the seller's price, inherited by copies    publish: a seller's image goes to the market
//   register, test and publish a public image               publish: public images are free
//   InternalError has the task and whom to ask              here
//   two accounts never see each other's images              images: two accounts never see
//
// What is about instances (CreateImage, ResetInstance) comes with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, startDaemon, until } from "./lib.mjs";

const idle = "[jobs]\nrun = no\n";
const regions = "ap-guangzhou ap-shanghai ap-singapore ap-shanghai-fsi";
const by = {}; // a daemon whose jobs wait, by profile
for (const profile of ["tencent-2016", "tencent-2022", "tencent-2023"])
  by[profile] = await startDaemon({ conf: idle, regions, service: `profile = ${profile}` });
let people = 0;
const person = (d, ...options) => d.account(`p${++people}`, "--language", "en", ...options);
const seed = (d, owner, name, more = {}) => d.seed({ owner: owner.uin, name, ...more })[0];
const importing = (ImageName, more = {}) => ({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12", ImageName,
  ImageUrl: "http://b-1250000001.cos.ap-guangzhou.myqcloud.com/disk.qcow2", ...more });

for (const [profile, most] of [["tencent-2016", 10], ["tencent-2022", 10], ["tencent-2023", 500]])
  test(`${profile}: ${most} custom images in a region`, async () => {
    const d = by[profile], who = person(d, "--import"), api = d.client(who);
    assert.equal((await api.DescribeImageQuota({})).ImageNumQuota, most);
    d.seed({ owner: who.uin, name: "n", count: most - 1 });
    await api.ImportImage(importing("last"));
    await refused(api.ImportImage(importing("too many")), "ImageQuotaLimitExceeded");
    await d.client(who, { region: "ap-shanghai" }).ImportImage(importing("elsewhere"));
    await d.client(person(d, "--import")).ImportImage(importing("another's"));
  });

for (const [profile, most] of [["tencent-2016", 50], ["tencent-2022", 50], ["tencent-2023", 500]])
  test(`${profile}: an image is shared with ${most} accounts`, async () => {
    const d = by[profile], who = person(d), id = seed(d, who, "popular");
    const receivers = d.seed({ account: "receiver", count: most + 1 });
    const share = (AccountIds, Permission = "SHARE") =>
      d.client(who).ModifyImageSharePermission({ ImageId: id, AccountIds, Permission });
    for (let n = 0; n < most; n += 50) await share(receivers.slice(n, n + 50)); // as many as a call takes
    await refused(share(receivers.slice(most)), "OverQuota");
    await share(receivers.slice(0, 1), "CANCEL");
    await share(receivers.slice(most));
  });

const operations = {
  ImportImage: (api) => api.ImportImage(importing("imported")),
  SyncImages: (api, ids) => api.SyncImages({ ImageIds: [ids[0]], DestinationRegions: ["ap-shanghai"] }),
  DeleteImages: (api, ids) => api.DeleteImages({ ImageIds: [ids[1]] }),
  ModifyImageAttribute: (api, ids) => api.ModifyImageAttribute({ ImageId: ids[0], ImageName: "once more" }),
  ModifyImageSharePermission: (api, ids, receiver) =>
    api.ModifyImageSharePermission({ ImageId: ids[0], AccountIds: [receiver], Permission: "SHARE" }),
};
for (const [action, run] of Object.entries(operations))
  test(`tencent-2016: ${action} is one of the five operations of a day`, async () => {
    const d = by["tencent-2016"], who = person(d, "--import"), api = d.client(who), receiver = person(d).uin;
    const ids = [0, 1, 2].map((n) => seed(d, who, `n${n}`, { blob: "image/1-1-0" }));
    seed(d, who, "taken");
    await run(api, ids, receiver);
    await refused(api.ModifyImageAttribute({ ImageId: ids[2], ImageName: "taken" }), "InvalidImageName.Duplicate"); // no operation
    for (let n = 0; n < 4; n++) await api.ModifyImageAttribute({ ImageId: ids[2], ImageName: `again ${n}` });
    await refused(api.ModifyImageAttribute({ ImageId: ids[2], ImageName: "sixth" }), "LimitExceeded");
    const [there] = d.seed({ owner: who.uin, name: "there", region: "ap-shanghai" });
    await d.client(who, { region: "ap-shanghai" }).ModifyImageAttribute({ ImageId: there, ImageName: "another region" });
  });

for (const [action, run] of Object.entries(operations))
  test(`tencent-2016: ${action} is refused as the sixth`, async () => {
    const d = by["tencent-2016"], who = person(d, "--import"), api = d.client(who), receiver = person(d).uin;
    const ids = [0, 1, 2].map((n) => seed(d, who, `n${n}`, { blob: "image/1-1-0" }));
    for (let n = 0; n < 5; n++) await api.ModifyImageAttribute({ ImageId: ids[2], ImageName: `again ${n}` });
    await refused(run(api, ids, receiver), "LimitExceeded");
  });

test("tencent-2022: there is no limit to the operations of a day", async () => {
  const d = by["tencent-2022"], who = person(d), id = seed(d, who, "busy");
  for (let n = 0; n < 8; n++) await d.client(who).ModifyImageAttribute({ ImageId: id, ImageName: `n${n}` });
});

test("a share is seen and used in its region only", async () => {
  const d = by["tencent-2022"], owner = person(d), other = person(d), id = seed(d, owner, "lent");
  await d.client(owner).ModifyImageSharePermission({ ImageId: id, AccountIds: [other.uin], Permission: "SHARE" });
  const seen = async (region) => (await d.client(other, { region }).DescribeImages({
    Filters: [{ Name: "image-type", Values: ["SHARED_IMAGE"] }] })).ImageSet.map((i) => i.ImageId);
  assert.deepEqual(await seen("ap-guangzhou"), [id]);
  assert.deepEqual(await seen("ap-shanghai"), []);
  await refused(d.client(other, { region: "ap-shanghai" }).SyncImages({ ImageIds: [id], DestinationRegions: ["ap-shanghai"] }),
    "InvalidImageId.NotFound");
});

test("RHEL is taken with a licence of one's own only", async () => {
  const d = by["tencent-2016"], api = d.client(person(d, "--import"));
  const { ImportImageOsVersionSet } = await api.DescribeImportImageOs({});
  const [OsVersion] = ImportImageOsVersionSet.find((o) => o.OsName === "Redhat").OsVersions;
  const rhel = (more) => api.ImportImage(importing("rhel", { OsType: "Redhat", OsVersion, DryRun: true, ...more }));
  await refused(rhel(), "InvalidParameterValue.InvalidLicenseType");
  await refused(rhel({ LicenseType: "TencentCloud" }), "InvalidParameterValue.InvalidLicenseType");
  await rhel({ LicenseType: "BYOL" });
});

test("who has no permission to import asks for it, and may then", async () => {
  const d = by["tencent-2016"], who = person(d), operator = person(d, "--operator"), api = d.client(who);
  const call = () => api.ImportImage(importing("permitted"));
  await refused(call(), "UnauthorizedOperation.PermissionDenied");
  await d.own(who, "ApplyImportPermission", { Reason: "a fleet" });
  await refused(call(), "UnauthorizedOperation.PermissionDenied");
  await d.own(operator, "AnswerImportPermission", { AccountId: who.uin, Permission: "GRANT" });
  // What is kept of keys may be two seconds old.
  const answer = await until(() => call().catch((e) => assert.equal(e.code, "UnauthorizedOperation.PermissionDenied")));
  assert.match(answer.ImageId, /^img-/);
});

// profile, region of the import, region of the link, is it taken
const links = [
  ["tencent-2018", "ap-guangzhou", "ap-shanghai", true],
  ["tencent-2018", "ap-singapore", "ap-guangzhou", true],
  ["tencent-2018", "ap-shanghai-fsi", "ap-guangzhou", false],
  ["tencent-2022", "ap-guangzhou", "ap-shanghai", false],
  ["tencent-2022", "ap-shanghai-fsi", "ap-shanghai-fsi", true],
  ["tencent-2023", "ap-guangzhou", "ap-singapore", true],
  ["tencent-2023", "ap-singapore", "ap-guangzhou", false],
  ["tencent-2023", "ap-shanghai-fsi", "ap-guangzhou", false],
];
for (const profile of new Set(links.map((l) => l[0])))
  test(`${profile}: whose regions' links are taken`, async () => {
    const d = await startDaemon({ regions, service: `profile = ${profile}` }), who = person(d, "--import");
    for (const [, region, of, taken] of links.filter((l) => l[0] === profile)) {
      const { ImageId } = await d.client(who, { region }).ImportImage(importing(`${region} ${of}`,
        { ImageUrl: `http://b-${who.appId}.cos.${of}.myqcloud.com/nothing` }));
      const task = await until(async () => {
        const { TaskSet: [t] } = await d.own(who, "DescribeImportTasks", { ImageId }, { region });
        return t.EndedTime && t;
      });
      // A link that is taken is followed, to an object that is not there.
      assert.equal(task.Reason, "InvalidUrl");
      if (taken) assert.match(task.SubCause, /^(gone|no-permission)$/, `${region} takes ${of}`);
      else assert.equal(task.SubCause, "wrong-region", `${region} takes ${of}`);
    }
    await d.stop();
  });

test("InternalError names the task, or the request, and whom to ask", async () => {
  const d = await startDaemon({ service: "support = help@lab.example" }), who = person(d), api = d.client(who);
  const lost = seed(d, who, "lost", { blob: "image/1-1-0" });
  const { ImageSet: [{ ImageId }] } = await api.SyncImages({ ImageIds: [lost], DestinationRegions: ["ap-shanghai"],
    ImageSetRequired: true });
  const message = await until(async () => (await d.own(who, "DescribeMessages", { ImageId })).MessageSet[0]);
  assert.match(message.Body, /InternalError/);
  assert.match(message.Body, /help@lab\.example/);
  assert.ok(message.Body.includes(String(message.TaskId)), message.Body);
  d.loseTable("message");
  const e = await refused(d.own(who, "DescribeMessages", {}), "InternalError", /help@lab\.example/);
  assert.ok(e.message.includes(e.requestId), e.message);
  await d.stop();
});
