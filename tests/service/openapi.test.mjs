// SPDX-License-Identifier: GPL-2.0-or-later
// The description of the API against the daemon that runs, and against the vendor's SDK.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { require, startDaemon, tc3 } from "./lib.mjs";

const d = await startDaemon();
const operator = d.account("operator", "--operator", "--language", "en");
const api = JSON.parse(fs.readFileSync(process.env.OPENAPI, "utf8"));
const operations = Object.entries(api.paths).map(([path, { post }]) => ({
  path, action: post.operationId, schema: post.requestBody.content["application/json"].schema,
  version: post.parameters.find((p) => p.name === "X-TC-Version").schema.const,
  needsRegion: post.parameters.find((p) => p.name === "X-TC-Region").required,
}));
const call = (o, params, more = {}) =>
  tc3({ port: d.port, account: operator, action: o.action, version: o.version, body: JSON.stringify(params), ...more });

test("it is an OpenAPI document with the actions of both versions", () => {
  assert.match(api.openapi, /^3\.1\./);
  assert.ok(operations.length >= 10);
  assert.equal(new Set(operations.map((o) => o.action)).size, operations.length);
});

test("the source's rows are all there", () => {
  const def = fs.readFileSync(new URL("../../src/service/actions.def", import.meta.url), "utf8");
  const rows = [...def.matchAll(/^ACTION\((\w+), VERSION_(\w+)/gm)].map((m) => m[1]);
  assert.deepEqual(operations.map((o) => o.action), rows);
});

// A value that fits the schema's type, so that only what is tested is wrong.
const sample = (s) => {
  if (s.enum) return s.enum[0];
  if (s.type === "string") return "x".repeat(s.minLength ?? 1);
  if (s.type === "integer") return s.minimum ?? 1;
  if (s.type === "boolean") return false;
  if (s.type === "array") return [sample(s.items)];
  return Object.fromEntries(s.required.map((n) => [n, sample(s.properties[n])]));
};

for (const o of operations) {
  test(`${o.action} is served as described`, async () => {
    const { required, properties } = o.schema;
    const full = Object.fromEntries(required.map((n) => [n, sample(properties[n])]));
    assert.equal((await call(o, { ...full, NoSuchThing: 1 })).code, "UnknownParameter");
    for (const name of required) {
      const { [name]: _, ...rest } = full;
      const r = await call(o, rest);
      assert.equal(r.code, "MissingParameter");
      assert.ok(r.answer.Error.Message.includes(name), r.answer.Error.Message);
    }
    for (const [name, s] of Object.entries(properties)) {
      const wrong = s.type === "string" ? 1 : "wrong";
      assert.equal((await call(o, { ...full, [name]: wrong })).code, "InvalidParameter", name);
      if (s.enum) assert.notEqual((await call(o, { ...full, [name]: "no-such-word" })).code, undefined, name);
      if (s.maxItems) {
        const many = Array.from({ length: s.maxItems + 1 }, () => sample(s.items));
        assert.match((await call(o, { ...full, [name]: many })).code, /Limit|TooMany/, name);
      }
    }
    const nowhere = await call(o, full, { region: "" });
    assert.equal(nowhere.code === "MissingParameter" && /Region/.test(nowhere.answer.Error.Message), o.needsRegion);
  });
}

// Where we differ from the vendor: what is ours, and what is refused as unknown.
const differs = {
  ImportImage: { more: ["BootProbe"] },
  RunInstances: { less: ["ActionTimer", "CamRoleName", "ChcIds", "CpuTopology", "DedicatedClusterId", "DisableApiTermination",
    "DisasterRecoverGroupIds", "EnableJumboFrame", "HpcClusterId", "InstanceChargePrepaid", "InstanceMarketOptions",
    "LaunchTemplate", "Metadata", "NetworkInterfaces", "PartitionNumber"] },
  InquiryPriceRunInstances: { more: ["UserData"], less: ["CpuTopology", "HpcClusterId", "InstanceChargePrepaid",
    "InstanceMarketOptions", "LaunchTemplate", "Metadata", "NetworkInterfaces"] },
  ImportKeyPair: { less: ["TagSpecification"] },
  DescribeKeyPairs: { less: ["Filters"] },
};

test("every parameter of the vendor's SDK is described, and no other, but where we differ", async () => {
  const main = require.resolve("tencentcloud-sdk-nodejs-cvm");
  const models = fs.readFileSync(path.join(path.dirname(main), "services/cvm/v20170312/cvm_models.d.ts"), "utf8");
  for (const o of operations.filter((x) => x.version === "2017-03-12")) {
    const found = new RegExp(`export (?:interface|type) ${o.action}Request(?: =)? (\\{[\\s\\S]*?\\n\\}|null)`).exec(models);
    assert.ok(found, `the SDK has no ${o.action}`);
    const names = [...found[1].matchAll(/^ {4}(\w+)\??:/gm)].map((m) => m[1]);
    const { more = [], less = [] } = differs[o.action] ?? {};
    for (const name of less) assert.ok(names.includes(name), `${o.action}: the SDK has no ${name}`);
    const ours = [...names.filter((name) => !less.includes(name)), ...more];
    assert.deepEqual(Object.keys(o.schema.properties).sort(), ours.sort(), o.action);
  }
});
