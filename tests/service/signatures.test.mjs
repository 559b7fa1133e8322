// SPDX-License-Identifier: GPL-2.0-or-later
// Who may ask: both signatures, by the real SDK and by hand where the SDK cannot be wrong.
import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, send, sleep, startDaemon, tc3, v1 } from "./lib.mjs";

const d = await startDaemon({ service: "support = ops@example.com" });
const alice = d.account("alice", "--language", "zh");
const port = d.port;
const now = () => Math.floor(Date.now() / 1000);

const ways = [];
for (const signMethod of ["TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"])
  for (const method of ["POST", "GET"]) ways.push({ signMethod, method });

for (const way of ways) {
  const name = `${way.signMethod} by ${way.method}`;

  test(`${name}: the SDK is answered`, async () => {
    const answer = await d.client(alice, way).DescribeRegions({});
    assert.equal(answer.TotalCount, 2);
    assert.deepEqual(answer.RegionSet.map((r) => r.Region), ["ap-guangzhou", "ap-shanghai"]);
    assert.match(answer.RequestId, /^[0-9a-f-]{36}$/);
  });
  test(`${name}: lists and filters arrive`, async () => {
    const answer = await d.client(alice, way).DescribeImages({
      Filters: [{ Name: "image-name", Values: ["a b&c=d", "镜像"] }], Limit: 5, Offset: 0 });
    assert.deepEqual([answer.TotalCount, answer.ImageSet], [0, []]);
  });
  test(`${name}: a wrong key is refused`, () =>
    refused(d.client({ ...alice, secretKey: "x".repeat(32) }, way).DescribeRegions({}),
      "AuthFailure.SignatureFailure"));
  test(`${name}: an unknown SecretId is refused`, () =>
    refused(d.client({ ...alice, secretId: `AKID${"0".repeat(32)}` }, way).DescribeRegions({}),
      "AuthFailure.SecretIdNotFound"));
  test(`${name}: what is no SecretId is told so`, () =>
    refused(d.client({ ...alice, secretId: "alice" }, way).DescribeRegions({}),
      "AuthFailure.InvalidSecretId"));
  test(`${name}: an unknown parameter is refused`, () =>
    refused(d.client(alice, way).DescribeZones({ Bogus: "1" }), "UnknownParameter", /Bogus/));
  test(`${name}: both languages`, async () => {
    const en = await refused(d.client(alice, { ...way, language: "en-US" }).DescribeZones({ Bogus: "1" }),
      "UnknownParameter", /^there is no parameter Bogus$/);
    const zh = await refused(d.client(alice, { ...way, language: "zh-CN" }).DescribeZones({ Bogus: "1" }),
      "UnknownParameter", /^不存在参数 Bogus$/);
    assert.notEqual(en.requestId, zh.requestId);
    const zones = await d.client(alice, { ...way, language: "zh-CN" }).DescribeZones({});
    assert.equal(zones.ZoneSet[2].ZoneName, "广州三区");
  });
}

test("without a language, that of the account", () =>
  refused(d.client(alice).DescribeZones({ Bogus: "1" }), "UnknownParameter", /不存在/));
test("the SDK's skipped signature is refused", async () => {
  const r = await tc3({ port, account: alice, authorization: "SKIP" });
  assert.deepEqual([r.status, r.code], [200, "AuthFailure.InvalidAuthorization"]);
});

const tc3Cases = [
  ["by hand", {}, undefined],
  ["the host without its port", { host: `127.0.0.1:${port}`, signed: ["content-type", "host"] }, undefined],
  ["more headers signed", { signed: ["content-type", "host", "x-tc-timestamp"] }, undefined],
  ["an unsigned payload", { payload: "UNSIGNED-PAYLOAD", headers: { "x-tc-content-sha256": "UNSIGNED-PAYLOAD" } }, undefined],
  ["an unsigned payload that was not announced", { payload: "UNSIGNED-PAYLOAD" }, "AuthFailure.SignatureFailure"],
  ["a changed body", { sent: '{"Limit":1}' }, "AuthFailure.SignatureFailure"],
  ["six minutes old", { timestamp: now() - 360 }, "AuthFailure.SignatureExpire"],
  ["six minutes early", { timestamp: now() + 360 }, "AuthFailure.SignatureExpire"],
  ["four minutes old", { timestamp: now() - 240 }, undefined],
  ["another action than was signed", { signed: ["content-type", "host", "x-tc-token"] }, "AuthFailure.SignatureFailure"],
  ["a temporary key", { headers: { "x-tc-token": "t" } }, "AuthFailure.TokenFailure"],
  ["no such action", { action: "DescribeNothing" }, "InvalidAction"],
  ["no action", { action: "" }, "MissingParameter"],
  ["no such version", { version: "2016-01-01" }, "NoSuchVersion"],
  ["an action of the other version", { version: "2026-11-20" }, /NoSuchVersion|InvalidAction/],
  ["an unknown action comes before a wrong signature", { action: "DescribeNothing", sent: "x" }, "InvalidAction"],
  ["a wrong signature before a wrong region", { region: "mars", sent: "x" }, "AuthFailure.SignatureFailure"],
  ["a region that is not served", { region: "ap-tokyo", action: "DescribeZones" }, "UnsupportedRegion"],
  ["no region where one is needed", { region: "", action: "DescribeZones" }, "MissingParameter"],
  ["no region where none is needed", { region: "" }, undefined],
  ["a wrong region before a wrong parameter", { region: "mars", body: '{"a":1}' }, "UnsupportedRegion"],
  ["a body that is no JSON", { body: "{" }, "InvalidParameter"],
  ["a body that is no object", { body: "[]" }, "InvalidParameter"],
  ["a name that stands there twice", { body: '{"a":1,"a":2}' }, "InvalidParameter"],
  ["another authorization", { authorization: "Basic YTpi" }, "AuthFailure.InvalidAuthorization"],
];
for (const [name, options, code] of tc3Cases)
  test(`TC3: ${name}`, async () => {
    const r = await tc3({ port, account: alice, ...options });
    assert.equal(r.status, 200);
    assert.ok(r.answer.RequestId);
    if (code instanceof RegExp) assert.match(r.code, code);
    else assert.equal(r.code, code, r.text);
  });

test("TC3: equal requests within the window are all valid", async () => {
  const timestamp = now();
  for (let i = 0; i < 2; i++)
    assert.equal((await tc3({ port, account: alice, timestamp })).code, undefined);
});

const v1Cases = [
  ["by hand", {}, undefined],
  ["by POST", { method: "POST" }, undefined],
  ["HmacSHA256", { hash: "HmacSHA256" }, undefined],
  ["the path of the old API", { path: "/v2/index.php" }, undefined],
  ["an unknown hash", { params: { SignatureMethod: "HmacMD5" } }, "InvalidParameterValue"],
  ["six minutes old", { params: { Timestamp: now() - 360 } }, "AuthFailure.SignatureExpire"],
  ["a time that is no number", { params: { Timestamp: "now" } }, "InvalidParameter"],
  ["no nonce", { drop: ["Nonce"] }, "MissingParameter"],
  ["a nonce of zero", { params: { Nonce: 0 } }, "InvalidParameter"],
  ["a negative nonce", { params: { Nonce: -1 } }, "InvalidParameter"],
  ["no signature", { drop: ["Signature"] }, "MissingParameter"],
  ["no SecretId", { drop: ["SecretId"] }, "MissingParameter"],
  ["a signature of something else", { params: { Signature: "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" } }, "AuthFailure.SignatureFailure"],
  ["no action", { drop: ["Action"] }, "MissingParameter"],
  ["an unknown parameter", { params: { Bogus: "1" } }, "UnknownParameter"],
  ["a temporary key", { params: { Token: "t" } }, "AuthFailure.TokenFailure"],
];
for (const [name, options, code] of v1Cases)
  test(`v1: ${name}`, async () => {
    const r = await v1({ port, account: alice, ...options });
    assert.equal(r.status, 200);
    assert.equal(r.code, code, r.text);
  });

test("v1: a nonce is taken once, for its timestamp and SecretId", async () => {
  const params = { Nonce: 4711, Timestamp: now() };
  const bob = d.account("bob");
  assert.equal((await v1({ port, account: alice, params })).code, undefined);
  assert.equal((await v1({ port, account: alice, params })).code, "AuthFailure.SignatureFailure");
  assert.equal((await v1({ port, account: alice, params: { ...params, Timestamp: params.Timestamp - 1 } })).code, undefined);
  assert.equal((await v1({ port, account: bob, params })).code, undefined);
});
test("v1: a refused request does not use its nonce up", async () => {
  const params = { Nonce: 4712, Timestamp: now() };
  const wrong = { ...alice, secretKey: "y".repeat(32) };
  assert.equal((await v1({ port, account: wrong, params })).code, "AuthFailure.SignatureFailure");
  assert.equal((await v1({ port, account: alice, params })).code, undefined);
});

test("a disabled key and a disabled account are not known", async () => {
  const carol = d.account("carol");
  const ask = () => d.client(carol).DescribeRegions({});
  await ask();
  d.imgport("account", "key", "disable", "carol", carol.secretId);
  await sleep(2500);
  await refused(ask(), "AuthFailure.SecretIdNotFound");
  d.imgport("account", "key", "enable", "carol", carol.secretId);
  d.imgport("account", "disable", "carol");
  await sleep(2500);
  await refused(ask(), "AuthFailure.SecretIdNotFound");
});

test("a GET over 32 KiB and a form over 1 MiB are too large", async () => {
  assert.equal((await send(port, { path: `/?a=${"x".repeat(33000)}` })).code, "RequestSizeLimitExceeded");
  const r = await send(port, { method: "POST", body: `a=${"x".repeat((1 << 20) + 1)}`,
    headers: { "content-type": "application/x-www-form-urlencoded" } });
  assert.deepEqual([r.status, r.code], [200, "RequestSizeLimitExceeded"]);
});
test("a JSON body over 10 MiB is too large", async () => {
  const body = `{"a":"${"x".repeat(10 << 20)}"}`;
  assert.equal((await tc3({ port, account: alice, body })).code, "RequestSizeLimitExceeded");
});
test("a JSON body of a hundred thousand small values is too large", async () => {
  const body = `{"a":[${"0,".repeat(100000)}0]}`;
  assert.equal((await tc3({ port, account: alice, body })).code, "RequestSizeLimitExceeded");
});
test("another method is refused", async () => {
  const r = await send(port, { method: "DELETE", headers: { "x-tc-action": "DescribeRegions" } });
  assert.deepEqual([r.status, r.code], [200, "UnsupportedProtocol"]);
});
test("the trace id comes back", async () => {
  const r = await tc3({ port, account: alice, headers: { "x-tc-traceid": "0a1b-2c" } });
  assert.equal(r.headers["x-tc-traceid"], "0a1b-2c");
});
test("the log has the request, and no secret", async () => {
  const { answer } = await tc3({ port, account: alice });
  const line = d.lines().find((l) => l.request === answer.RequestId);
  assert.equal(line.action, "DescribeRegions");
  assert.equal(line.account, alice.uin);
  const text = JSON.stringify(d.lines());
  assert.ok(!text.includes(alice.secretKey) && !text.includes("Signature="));
});
