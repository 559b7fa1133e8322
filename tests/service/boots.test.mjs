// SPDX-License-Identifier: GPL-2.0-or-later
// Imports that start the image first.  No guest is booted here: the disk looks like a system, and
// its boot record has no code, so the machine is silent until its time is over.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { here, require, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "boots-"));
after(() => fs.rmSync(dir, { recursive: true }));
const disk = path.join(dir, "disk.raw");
execFileSync(here("make_disk.py"), [disk, "48"]);
const rules = path.join(dir, "own.profile");
const text = fs.readFileSync(here("../../profiles/tencent-2022.profile"), "utf8");
fs.writeFileSync(rules, text.replace(/^one-time-links = .*$/m, "boot-probe = yes"));
assert.match(fs.readFileSync(rules, "utf8"), /^boot-probe = yes$/m);

const begin = async (service = "") => {
  const d = await startDaemon({ service, conf: "[jobs]\nboot-seconds = 8\n" });
  const alice = d.account("alice", "--language", "en"), api = d.client(alice);
  const Bucket = `disks-${alice.appId}`, Region = "ap-guangzhou", Key = "disk.raw";
  const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
  await cos.putBucket({ Bucket, Region });
  await cos.uploadFile({ Bucket, Region, Key, FilePath: disk, SliceSize: 8 << 20 });
  let Expires = 3600; // two links of one second would be one link, which serves once
  return async (ImageName, more = {}) => {
    const ImageUrl = cos.getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: Expires++, Protocol: "http:" });
    const { ImageId } = await api.ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12", ImageUrl,
      ImageName, ...more });
    const task = await until(async () => {
      const { TaskSet: [t] } = await d.own(alice, "DescribeImportTasks", { ImageId });
      return t.EndedTime && t;
    }, 240);
    const [image] = (await api.DescribeImages({ ImageIds: [ImageId] })).ImageSet;
    return [image.ImageState, task.Reason, task.SubCause];
  };
};

test("a request may ask for a start", async () => {
  const comes = await begin();
  assert.deepEqual(await comes("looked-at"), ["NORMAL", "", ""]);
  assert.deepEqual(await comes("started", { BootProbe: true }), ["IMPORTFAILED", "InternalError", "boot:time"]);
});

test("and so may the rules", async () => {
  const comes = await begin(`profile = ${rules}`);
  assert.deepEqual(await comes("started"), ["IMPORTFAILED", "InternalError", "boot:time"]);
});
