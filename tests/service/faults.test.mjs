// SPDX-License-Identifier: GPL-2.0-or-later
// Sources that fail, stores that refuse, disks that are full: the right reason, nothing left, and
// another try where that can help.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { makeDisk, refused, require, sha256, sleep, startDaemon, until } from "./lib.mjs";
import { postgresql } from "./engines.mjs";
import { startS3 } from "./s3.mjs";
import { first, head, once_, startSource, status, stuck, whole } from "./source.mjs";

const COS = require("cos-nodejs-sdk-v5");
const MIB = 1 << 20;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "faults-"));
after(() => fs.rmSync(dir, { recursive: true }));
const { body, wanted } = makeDisk(dir, 48);

const source = await startSource({});
const region = `[region ap-guangzhou]\ncos-endpoint = ${source.url}\n[region ap-shanghai]\n` +
  "cos-endpoint = http://127.0.0.1:1\n";
const jobs = (more = "") => ({ conf: `[jobs]\nat-once = 8\nlease-seconds = 10\n${more}${region}` });

// An import of an answer; signed: its link is.
let names = 0;
const begin = async (d, account, answer, { signed = false, at = "ap-guangzhou" } = {}) => {
  const name = `disk-${++names}`;
  source.answers[name] = answer;
  const { ImageId } = await d.client(account, { region: at }).ImportImage({ Architecture: "x86_64", OsType: "Debian",
    OsVersion: "12", ImageName: name,
    ImageUrl: `http://disks-1250000001.cos.${at}.myqcloud.com/${name}${signed ? "?q-signature=1" : ""}` });
  return { d, account, name, ImageId, at };
};
const look = async ({ d, account, ImageId, at }) =>
  (await d.own(account, "DescribeImportTasks", { ImageId }, { region: at })).TaskSet[0];
const ended = (job) => until(async () => {
  const t = await look(job);
  return !["QUEUED", "RUNNING"].includes(t.State) && t;
}, 90);
const said = (job, event) => job.d.lines().filter((l) => l.event === event && l.image === job.ImageId);
// It ends as NORMAL, with all its bytes, and nothing else is left.
const sound = async (job) => {
  const t = await ended(job);
  assert.deepEqual([t.State, t.Reason, t.SubCause], ["DONE", "", ""],
    `${t.Detail}\n${job.d.lines().filter((l) => l.task === t.TaskId || l.event === "beat" || l.event === "claim").map((l) => JSON.stringify(l)).join("\n")}`);
  if (!job.d.blobs) {
    const sums = job.d.shell(`sha256sum objects/image/${t.TaskId}-*`).trim().split("\n");
    assert.deepEqual(sums.map((line) => line.split(" ")[0]), [wanted]);
    await until(() => job.d.shell(`find objects/staging -name '${t.TaskId}-*'`) === "");
    return;
  }
  const [key, ...more] = job.d.blobs.list("image/").filter((k) => k.startsWith(`image/${t.TaskId}-`));
  assert.equal(more.length, 0);
  assert.equal(sha256(job.d.blobs.get(key)), wanted);
  await until(() => job.d.blobs.list(`staging/${t.TaskId}-`).length === 0);
};

// [what it does, answer, reason, sub-cause, how often it is asked, signed]
const half = body.length / 2, text = Buffer.from("<html>Please log in</html>");
const cases = [
  ["is sound", whole(body), "", "", 1],
  ["stops", stuck(body, half), "InternalError", "time-limit", 1],
  ["sends less", whole(body, { sent: half }), "InvalidUrl", "broken", 4],
  ["sends less, and may be asked once", whole(body, { sent: half }), "InvalidUrl", "broken", 1, true],
  ["sends less the first time", first(whole(body, { sent: half }), whole(body)), "", "", 2],
  ["breaks before the first byte of a link for once", first((socket) => socket.destroy(), whole(body)), "", "", 2, true],
  ["sends more than it says", whole(Buffer.concat([body, Buffer.alloc(MIB)]), { length: body.length }), "", "", 1],
  ["does not say how much", whole(body, { length: null }), "", "", 1],
  ["does not say how much, and sends less", whole(body, { length: null, sent: half }), "InvalidFormatSize", "P05", 1],
  ["sends more than is taken", whole(Buffer.alloc(101 * MIB), { pause: 0 }), "InvalidFormatSize", "too-large", 1],
  ["sends nothing", whole(Buffer.alloc(0)), "InvalidUrl", "C02", 1],
  ["sends a page", whole(text, { headers: { "content-type": "text/html" } }), "InvalidUrl", "C02", 1],
  ["changes between two tries", first(whole(Buffer.alloc(body.length, 1), { sent: half, headers: { etag: '"1"' } }),
    whole(body, { headers: { etag: '"2"' } })), "", "", 2],
  ["has another length the second time", first(whole(Buffer.alloc(2 * body.length), { sent: half }), whole(body)), "", "", 2],
  ["is busy at first", first(status(503), status(500), status(502), whole(body)), "", "", 4],
  ["is busy", status(503), "InvalidUrl", "server-error", 4],
  ["has no such object", status(404), "InvalidUrl", "gone", 1],
  ["wants a signature", status(403), "InvalidUrl", "no-permission", 1],
  ["leads elsewhere", (socket) => socket.end(head(302, { location: source.url, "content-length": 0 })),
    "InvalidUrl", "redirect", 1],
];
const d = await startDaemon(jobs("fetch-seconds = 20\nstaging-max = 100MiB\n"));
const alice = d.account("alice", "--language", "en", "--images", "100");
// These take half a minute.
const full = await startDaemon({ ...jobs(), disk: "30m" });
const inFull = await begin(full, full.account("bob", "--language", "en"), whole(body, { pause: 0 }));
const s3Refusing = await startS3(), refusing = await startDaemon({ ...jobs(), s3: s3Refusing });
s3Refusing.refuse = ({ method }) => method === "PUT" && 403;
const inRefusing = await begin(refusing, refusing.account("bob", "--language", "en"), whole(body, { pause: 0 }));
const runs = [];
for (const [, answer, , , , signed] of cases) runs.push(await begin(d, alice, answer, { signed }));
for (const [i, [what, , reason, subCause, asked]] of cases.entries())
  test(`a source that ${what}`, async () => {
    const t = await ended(runs[i]);
    assert.deepEqual([t.Reason, t.SubCause], [reason, subCause], t.Detail);
    assert.equal(source.asked[runs[i].name], asked);
    if (!reason) await sound(runs[i]);
  });

test("a source that cannot be reached", async () => {
  const t = await ended(await begin(d, alice, null, { at: "ap-shanghai" }));
  assert.deepEqual([t.Reason, t.SubCause], ["InvalidUrl", "unreachable"], t.Detail);
});

test("nothing of all that is left", async () => {
  assert.equal(d.blobs.list("image/").length, cases.filter((c) => !c[2]).length);
  assert.deepEqual(d.blobs.list("staging/"), []);
  assert.deepEqual(d.blobs.unfinished(), []);
});

test("a disk that is full, and then larger", async () => {
  const e = await startDaemon({ ...jobs(), disk: "30m" });
  const bob = e.account("bob", "--language", "en");
  const job = await begin(e, bob, whole(body, { pause: 0 }));
  await until(() => said(job, "task-put-off").length);
  assert.match(said(job, "task-put-off")[0].error, /No space left/);
  e.shell("dd if=/dev/zero of=ballast bs=64k 2>/dev/null || true");
  await refused(begin(e, bob, whole(body)), "InternalError");
  e.shell("rm ballast");
  e.mount("size=200m");
  await sound(job);
  await sound(await begin(e, bob, whole(body)));
  await until(() => e.shell("find objects/staging objects/.tmp work -type f | wc -l").trim() === "0");
  assert.equal(e.shell("find objects/image -type f | wc -l").trim(), "2");
});

test("who has filled a disk with parts can still give them up", async () => {
  const e = await startDaemon({ ...jobs(), disk: "30m" }), bob = e.account("bob", "--language", "en");
  const cos = new COS({ SecretId: bob.secretId, SecretKey: bob.secretKey, Protocol: "http:", Ip: `127.0.0.1:${e.port}` });
  const at = { Bucket: `disks-${bob.appId}`, Region: "ap-guangzhou", Key: "large" };
  await cos.putBucket(at);
  const { UploadId } = await cos.multipartInit(at);
  let n = 0;
  const fill = async (size) => {
    for (;;) await cos.multipartUpload({ ...at, UploadId, PartNumber: ++n, Body: body.subarray(0, size) });
  };
  for (const size of [MIB, MIB / 16, MIB / 256])
    await assert.rejects(fill(size), (error) => error.statusCode === 503 && error.code === "ServiceUnavailable");
  await cos.multipartAbort({ ...at, UploadId });
  await until(() => e.shell("find objects -type f | wc -l").trim() === "0");
});

test("a disk that stays full", async () => {
  const t = await ended(inFull);
  assert.deepEqual([t.Reason, t.SubCause], ["InternalError", "no-space"], t.Detail);
  assert.equal(source.asked[inFull.name], 5);
  assert.equal(full.shell("find objects -type f | wc -l").trim(), "0");
});

test("a folder in which nothing can be made, for a while", async () => {
  const e = await startDaemon({ ...jobs(), disk: "200m" });
  const bob = e.account("bob", "--language", "en");
  e.shell("touch objects/staging");
  const job = await begin(e, bob, whole(body));
  await until(() => said(job, "task-put-off").length);
  e.shell("rm objects/staging");
  await sound(job);
});

for (const code of [503, 403])
  test(`a store that answers ${code} for a while`, async () => {
    const s3 = await startS3();
    const e = await startDaemon({ ...jobs(), s3 });
    const bob = e.account("bob", "--language", "en");
    s3.refuse = () => code;
    const job = await begin(e, bob, once_(whole(body)), { signed: true });
    await until(() => said(job, "task-put-off").length);
    s3.refuse = () => false;
    await sound(job);
    assert.equal(source.asked[job.name], 1, "a link was spent on a store that refuses");
    // And what it takes first is not kept when it refuses later.
    s3.refuse = ({ method, key }) => method === "PUT" && key.includes("image/") && code;
    const second = await begin(e, bob, whole(body));
    await until(() => said(second, "task-put-off").length);
    s3.refuse = () => false;
    await sound(second);
    assert.equal(source.asked[second.name], 1);
  });

test("a store that refuses for good", async () => {
  const t = await ended(inRefusing);
  assert.deepEqual([t.Reason, t.SubCause], ["InternalError", "io"], t.Detail);
  s3Refusing.refuse = () => false;
  assert.deepEqual(refusing.blobs.list(), []);
});

test("staging space that is full", async () => {
  const s3 = await startS3();
  const e = await startDaemon({ ...jobs(), s3, disk: "30m" });
  const job = await begin(e, e.account("bob", "--language", "en"), whole(body));
  await until(() => said(job, "task-put-off").length);
  assert.match(said(job, "task-put-off")[0].error, /No space left/);
  e.mount("size=200m");
  await sound(job);
  assert.equal(source.asked[job.name], 1, "what was fetched is there still");
});

test("being started again is no failure", async () => {
  const s3 = await startS3();
  const e = await startDaemon({ ...jobs(), s3 });
  const job = await begin(e, e.account("bob", "--language", "en"), whole(body, { pause: 200 }));
  await e.stop();
  for (let n = 0; n < 6; n++) {
    const had = said(job, "task-begins").length;
    await e.start();
    await until(() => said(job, "task-begins").length > had);
    await e.stop();
  }
  await e.start();
  s3.refuse = ({ method, key }) => method === "PUT" && key.includes("image/") && 403;
  await until(() => said(job, "task-put-off").length);
  s3.refuse = () => false;
  await sound(job);
});

if (process.env.PG_FOLDER)
  test("a database that is gone for a while", async () => {
    const job = await begin(d, alice, once_(whole(body, { pause: 400 })), { signed: true });
    await until(async () => (await look(job)).Phase === "fetch");
    postgresql("down");
    await sleep(15000); // longer than a lease and a connection are waited for, and until all is fetched
    await refused(begin(d, alice, whole(body)), "InternalError");
    postgresql("up");
    await sound(job);
    assert.equal(source.asked[job.name], 1);
    await sound(await begin(d, alice, whole(body)));
  });
