// SPDX-License-Identifier: GPL-2.0-or-later
// CheckImage: what an import would come to, without one.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { here, refused, require, startDaemon, until } from "./lib.mjs";
import { startSource, status } from "./source.mjs";

const COS = require("cos-nodejs-sdk-v5");
const source = await startSource({ "used.raw": status(403, "<Error><Code>AccessDenied</Code><Message>The link " +
  "has been used</Message></Error>") });
const d = await startDaemon({ conf: `[region ap-shanghai]\ncos-endpoint = ${source.url}\n` });
const alice = d.account("alice", "--language", "en"), api = d.client(alice);
const Bucket = `disks-${alice.appId}`, Region = "ap-guangzhou";
const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
await cos.putBucket({ Bucket, Region });
const file = path.join(d.dir, "disk.raw");
execFileSync(here("make_disk.py"), [file, "48"]);
await cos.uploadFile({ Bucket, Region, Key: "disk.raw", FilePath: file, SliceSize: 8 << 20 });
await cos.putObject({ Bucket, Region, Key: "text", Body: "no image" });
const link = (Key) => cos.getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: 3600, Protocol: "http:" });
const check = (ImageUrl, more, options) => d.own(alice, "CheckImage", { ImageUrl, ...more }, options);

test("the report is that of imgport check, and nothing is kept or spent", async () => {
  const url = link("disk.raw"), before = d.blobs.list();
  const answer = await check(url);
  assert.deepEqual([answer.Verdict, answer.Code, answer.SubCause], ["accepted", null, ""]);
  const mine = JSON.parse(execFileSync(process.env.IMGPORT, ["check", "--json", file], { encoding: "utf8" }));
  // The file here has holes, which the object has not.
  for (const report of [answer.Report, mine]) {
    delete report.source;
    delete report.facts.image.data_size;
    delete report.facts.image.qcow2_size;
  }
  assert.deepEqual(answer.Report, mine);
  assert.deepEqual(d.blobs.list(), before);
  assert.equal((await api.DescribeImages({})).TotalCount, 0);
  assert.equal((await d.own(alice, "DescribeImportTasks", {})).TotalCount, 0);
  assert.equal((await check(url)).Verdict, "accepted");
});

test("what an import declares is judged as well", async () => {
  const findings = async (more) => (await check(link("disk.raw"), more)).Report.findings.map((f) => [f.id, f.level]);
  assert.deepEqual(await findings({}), []);
  assert.deepEqual(await findings({ OsType: "CentOS", OsVersion: "7" }), [["L01", "warning"]]);
});

test("what is no image, and links that cannot be read, are verdicts", async () => {
  const text = await check(link("text"));
  assert.equal(text.Verdict, "refused", JSON.stringify(text));
  assert.equal(text.Report.verdict, "refused");
  const host = `http://${Bucket}.cos.${Region}.myqcloud.com`;
  for (const [url, cause] of [["http://example.com/x", "not-cos"], [link("none"), "gone"], [`${host}/disk.raw`, "no-permission"],
    [`http://${Bucket}.cos.ap-shanghai.myqcloud.com/disk.raw`, "wrong-region"]]) {
    const answer = await check(url);
    assert.deepEqual([answer.Verdict, answer.Code, answer.SubCause, answer.Report], ["refused", "InvalidUrl", cause, null]);
    assert.ok(answer.Detail);
  }
  assert.match((await check(link("none"), {}, { language: "zh-CN" })).Detail, /[\u4e00-\u9fff]/);
});

test("a link to another store is judged by what that store says", async () => {
  for (const [name, cause] of [["used.raw", "used"], ["none.raw", "gone"]]) {
    const answer = await check(`http://images-1250000009.cos.ap-shanghai.myqcloud.com/${name}`, {}, { region: "ap-shanghai" });
    assert.deepEqual([answer.Verdict, answer.Code, answer.SubCause], ["refused", "InvalidUrl", cause]);
  }
});

test("what a daemon that was killed left of a check is swept", async () => {
  d.blobs.put("check/1-2-0", "rest");
  await d.stop();
  await d.start();
  assert.deepEqual(d.blobs.list("check/"), []);
});

test("four are checked at once", async () => {
  const held = [];
  for (let n = 0; n < 5; n++) source.answers[`held-${n}`] = (socket) => held.push(socket);
  const begin = (n) => check(`http://images-1250000009.cos.ap-shanghai.myqcloud.com/held-${n}`, {}, { region: "ap-shanghai" });
  const four = Promise.all([0, 1, 2, 3].map(begin));
  await until(() => held.length === 4);
  await refused(begin(4), "RequestLimitExceeded", /^4 images/);
  assert.equal(source.asked["held-4"], undefined);
  for (const socket of held) status(404)(socket);
  assert.deepEqual((await four).map((a) => a.SubCause), ["gone", "gone", "gone", "gone"]);
  assert.equal((await check(link("disk.raw"))).Verdict, "accepted");
});

test("a check without a link is refused", () => refused(check(""), "InvalidParameter.InvalidParameterUrlError"));
