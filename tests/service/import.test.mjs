// SPDX-License-Identifier: GPL-2.0-or-later
// From an upload by the object SDK to an image, and to the reason why there is none.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refused, require, startDaemon } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const guest = (name) => execFileSync(path.join(import.meta.dirname, "../guests/build.sh"), ["--file", name],
  { encoding: "utf8" }).trim();
const d = await startDaemon();
const alice = d.account("alice", "--language", "en");
const api = d.client(alice);
const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:",
  Ip: `127.0.0.1:${d.port}` });
const Bucket = `disks-${alice.appId}`, Region = "ap-guangzhou";
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

await cos.putBucket({ Bucket, Region });

const upload = async (Key, file) => {
  await cos.uploadFile({ Bucket, Region, Key, FilePath: file, SliceSize: 8 << 20 });
  return cos.getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: 3600, Protocol: "http:" });
};
// A guest as people upload it.
const small = (name) => {
  const file = path.join(d.dir, `${name}.qcow2`);
  execFileSync(process.env.IMGPORT, ["convert", "-c", "zstd", guest(name), file], { stdio: "ignore" });
  return file;
};
const request = (ImageUrl, ImageName, more = {}) => ({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12",
  ImageUrl, ImageName, ...more });
const imported = async (id) => {
  for (let i = 0; i < 1200; i++) {
    const image = (await api.DescribeImages({ ImageIds: [id] })).ImageSet[0];
    if (image.ImageState !== "IMPORTING") return image;
    await sleep(100);
  }
  throw new Error("still importing");
};
const blobs = (kind) => {
  const dir = path.join(d.dir, "data/objects", kind);
  return fs.existsSync(dir) ? fs.readdirSync(dir, { recursive: true }) : [];
};

test("a guest becomes an image", async () => {
  const url = await upload("good.qcow2", small("good"));
  const { ImageId } = await api.ImportImage(request(url, "good"));
  const image = await imported(ImageId);
  assert.equal(image.ImageState, "NORMAL", JSON.stringify(d.lines().slice(-5)));
  assert.equal(image.ImageSize, 3);
  assert.equal(image.IsSupportCloudinit, true);
  assert.equal(image.OsName, "Debian 12 64位");
  assert.deepEqual(blobs("staging"), []);
  const [stored] = blobs("image");
  execFileSync("qemu-img", ["compare", guest("good"), path.join(d.dir, "data/objects/image", stored)]);
});

test("a guest without virtio drivers fails with the reason", async () => {
  const url = await upload("no-virtio.qcow2", small("no-virtio"));
  const { ImageId } = await api.ImportImage(request(url, "no-virtio"));
  const image = await imported(ImageId);
  assert.equal(image.ImageState, "IMPORTFAILED");
  assert.deepEqual(blobs("staging"), []);
  const failed = d.lines().find((line) => line.event === "task-failed" && line.image === ImageId);
  assert.equal(failed.reason, "VirtioNotInstall");
});

test("what is wrong with the request is said at once", async () => {
  const url = `http://${Bucket}.cos.${Region}.myqcloud.com/nothing`;
  await refused(api.ImportImage(request("ftp://x/y", "bad")), "InvalidParameter.InvalidParameterUrlError");
  await refused(api.ImportImage(request(url, "bad", { OsType: "BeOS" })), "InvalidImageOsType.Unsupported");
  await refused(api.ImportImage(request(url, "bad", { OsVersion: "0.1" })), "InvalidImageOsVersion.Unsupported");
  await refused(api.ImportImage(request(url, "good")), "InvalidImageName.Duplicate");
  const before = (await api.DescribeImages({})).TotalCount;
  assert.equal((await api.ImportImage(request(url, "dry", { DryRun: true }))).ImageId, undefined);
  assert.equal((await api.DescribeImages({})).TotalCount, before);
});
