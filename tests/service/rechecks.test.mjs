// SPDX-License-Identifier: GPL-2.0-or-later
// Images that are there already when the rules change.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { here, refused, require, sha256, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rules-"));
after(() => fs.rmSync(dir, { recursive: true }));
const rules = path.join(dir, "own.profile");
const text = fs.readFileSync(here("../../profiles/tencent-2022.profile"), "utf8");
const write = (size, more = "") => {
  const own = text.replace(/^virtual-size-max = .*$/m, `virtual-size-max = ${size}`);
  assert.ok(own.includes(`= ${size}`));
  fs.writeFileSync(rules, own + more);
};
write("500 GiB");
const d = await startDaemon({ service: `profile = ${rules}` });
const alice = d.account("alice", "--language", "en"), operator = d.account("operator", "--operator");
const Bucket = `disks-${alice.appId}`, Region = "ap-guangzhou", Key = "disk.raw";
const file = path.join(d.dir, Key);
execFileSync(here("make_disk.py"), [file, "48"]);
const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
await cos.putBucket({ Bucket, Region });
await cos.uploadFile({ Bucket, Region, Key, FilePath: file, SliceSize: 8 << 20 });
// The same without cloud-init.
const bare = path.join(d.dir, "bare.raw");
fs.copyFileSync(file, bare);
for (const gone of ["/usr/bin/cloud-init", "/var/lib/dpkg/status"])
  execFileSync("/sbin/debugfs", ["-w", "-R", `rm ${gone}`, `${bare}?offset=1048576`], { stdio: "ignore" });
await cos.uploadFile({ Bucket, Region, Key: "bare.raw", FilePath: bare, SliceSize: 8 << 20 });
let links = 0; // two of one second would be one link, which serves once
const link = (name = Key) => cos.getObjectUrl({ Bucket, Region, Key: name, Sign: true, Expires: 3600 + links++,
  Protocol: "http:" });

const tasks = async (ImageId) => (await d.own(alice, "DescribeImportTasks", { ImageId, WithReport: true })).TaskSet;
const rechecks = async (ImageId) => (await tasks(ImageId)).filter((t) => t.Kind === "recheck");
const settled = (ImageId) => until(async () => {
  const all = await tasks(ImageId);
  return all.every((t) => t.EndedTime) && all[0];
});
const state = async (id) => (await d.client(alice).DescribeImages({ ImageIds: [id] })).ImageSet[0].ImageState;
const messages = async (ImageId) => (await d.own(alice, "DescribeMessages", { ImageId, Type: "recheck-changed" })).MessageSet;
const restart = async (jobs) => {
  await d.stop();
  if (jobs) {
    const [text] = fs.readFileSync(d.config, "utf8").split("\n[jobs]\n");
    fs.writeFileSync(d.config, `${text}\n[jobs]\n${jobs}\n`);
  }
  await d.start();
};
const begin = async (ImageName, more = {}) => (await d.client(alice).ImportImage({ Architecture: "x86_64",
  OsType: "Debian", OsVersion: "12", ImageUrl: link(), ImageName, ...more })).ImageId;
const imported = async (ImageName, more) => {
  const ImageId = await begin(ImageName, more);
  const task = await settled(ImageId);
  assert.equal(task.State, "DONE", task.Detail);
  return ImageId;
};
const id = await imported("disk");

test("a start with the same rules, or other comments, judges nothing anew", async () => {
  assert.match((await tasks(id))[0].Profile, /^\S+ [0-9a-f]{16}$/);
  await restart();
  write("500 GiB", "# a comment\n");
  await restart();
  assert.deepEqual(await rechecks(id), []);
});

test("a sum that is missing is taken at the next start", async () => {
  const sum = () => d.sql(`SELECT sha256 FROM image WHERE id = '${id}'`)[0];
  await until(sum);
  d.sql(`UPDATE image SET sha256 = '' WHERE id = '${id}'`);
  await restart();
  assert.equal(await until(sum), sha256(d.blobs.get(d.blobs.list("image/")[0])));
});

test("rules that refuse an image are told to its owner, and it stays", async () => {
  write("16 MiB");
  await restart();
  const task = await settled(id);
  assert.deepEqual([task.Kind, task.State], ["recheck", "DONE"]);
  assert.equal(task.Report.verdict, "refused");
  assert.equal(task.Report.code, "InvalidFormatSize");
  assert.equal(await state(id), "NORMAL");
  const [message, ...others] = await messages(id);
  assert.deepEqual(others, []);
  assert.match(message.Body, /would not be imported any more/);
  assert.equal(message.Data.Reason, "InvalidFormatSize");
  // It was judged by these rules now.
  await restart();
  assert.equal((await rechecks(id)).length, 1);
});

test("rules that take it again are told as well", async () => {
  write("500 GiB");
  await restart();
  assert.equal((await settled(id)).Report.verdict, "accepted");
  const [message] = await messages(id);
  assert.match(message.Body, /is accepted/);
  assert.equal((await messages(id)).length, 2);
});

test("who asks for it gets a task, and nothing is told when nothing changed", async () => {
  const { TaskSet: [one] } = await d.own(alice, "RecheckImages", { ImageIds: [id] });
  assert.equal(one.ImageId, id);
  assert.equal((await settled(id)).TaskId, one.TaskId);
  assert.equal((await messages(id)).length, 2);
  await refused(d.own(alice, "RecheckImages", { ImageIds: ["disk"] }), "InvalidImageId.Malformed");
  await refused(d.own(alice, "RecheckImages", { ImageIds: ["img-00000000"] }), "InvalidImageId.NotFound");
  await refused(d.own(d.account("bob"), "RecheckImages", { ImageIds: [id] }), "InvalidImageId.NotFound");
  const [other, open] = d.seed({ owner: alice.uin, name: "other", state: "IMPORTFAILED" },
    { owner: alice.uin, name: "open", kind: "public", blob: "image/1-1-1" });
  await refused(d.own(alice, "RecheckImages", { ImageIds: [other] }), "InvalidImageId.IncorrectState");
  const { TaskSet: [two] } = await d.own(operator, "RecheckImages", { ImageIds: [open] });
  const t = await settled(open);
  // Its bytes are gone: this is no verdict.
  assert.deepEqual([t.TaskId, t.State, t.SubCause], [two.TaskId, "FAILED", "bytes-missing"]);
  assert.equal(await state(open), "NORMAL");
  assert.deepEqual(await messages(open), []);
});

test("what was imported by force is judged so, also as a copy whose source is gone", async () => {
  const ids = [await imported("bare", { ImageUrl: link("bare.raw"), Force: true })];
  for (const [from, to] of [["ap-guangzhou", "ap-shanghai"], ["ap-shanghai", "ap-guangzhou"]]) {
    const api = d.client(alice, { region: from });
    const { ImageSet: [{ ImageId }] } = await api.SyncImages({ ImageIds: ids, ImageName: `bare in ${to}`,
      DestinationRegions: [to], ImageSetRequired: true });
    const there = d.client(alice, { region: to });
    await until(async () => (await there.DescribeImages({ ImageIds: [ImageId] })).ImageSet[0].ImageState === "NORMAL");
    await api.DeleteImages({ ImageIds: ids });
    ids[0] = ImageId;
  }
  await d.own(alice, "RecheckImages", { ImageIds: ids });
  const { Kind, Report } = await settled(ids[0]);
  assert.deepEqual([Kind, Report.verdict], ["recheck", "accepted"]);
});

test("a recheck keeps nobody from deleting", async () => {
  const [gone] = d.seed({ owner: alice.uin, name: "gone", blob: "image/1-1-2" });
  await d.own(alice, "RecheckImages", { ImageIds: [gone] });
  await d.client(alice).DeleteImages({ ImageIds: [gone] });
});

test("an import that others go on with is judged by their rules", async () => {
  let ImageId, t;
  // Some are over before they can be interrupted.
  for (let n = 0; n < 10 && !(t?.Attempt > 1); n++) {
    await restart();
    ImageId = await begin(`between ${n}`);
    do [t] = await tasks(ImageId); while (t.Step !== "convert" && !t.EndedTime);
    await d.stop();
    write("16 MiB");
    await d.start();
    await settled(ImageId);
    t = (await tasks(ImageId)).find(({ Kind }) => Kind === "import");
    write("500 GiB");
  }
  assert.deepEqual([t.Attempt, t.State, t.Reason], [2, "FAILED", "InvalidFormatSize"], t.Detail);
  assert.equal(await state(ImageId), "IMPORTFAILED");
});

test("a copy that was under way when the rules changed is judged by them as well", async () => {
  await restart();
  await settled(id);
  await restart("run = no");
  const { ImageSet: [{ ImageId }] } = await d.client(alice).SyncImages({ ImageIds: [id], ImageName: "copy",
    DestinationRegions: ["ap-shanghai"], ImageSetRequired: true });
  write("16 MiB");
  await restart("at-once = 1"); // the copy first
  const all = await until(async () => {
    const { TaskSet } = await d.own(alice, "DescribeImportTasks", { ImageId, WithReport: true }, { region: "ap-shanghai" });
    return TaskSet.every((t) => t.EndedTime) && TaskSet;
  });
  assert.deepEqual(all.map((t) => [t.Kind, t.State, t.Report.verdict]), ["recheck", "copy"].map((k) => [k, "DONE", "refused"]));
  write("500 GiB");
  await restart();
});

test("many whose images went meanwhile end, and keep nobody waiting", async () => {
  await restart("run = no");
  const ImageIds = d.seed(...Array.from({ length: 60 }, (_, i) => ({ owner: alice.uin, name: `gone ${i}`, blob: `image/1-2-${i}` })));
  await d.own(alice, "RecheckImages", { ImageIds });
  await d.client(alice).DeleteImages({ ImageIds });
  await restart("at-once = 32");
  for (const id of ImageIds) assert.equal((await settled(id)).State, "DONE");
});
