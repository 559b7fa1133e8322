// SPDX-License-Identifier: GPL-2.0-or-later
// From an upload by the object SDK to an image, and to the reason why there is none.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { here, refused, require, sleep, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const guest = (name) => execFileSync(here("../guests/build.sh"), ["--file", name], { encoding: "utf8" }).trim();
const d = await startDaemon();
const alice = d.account("alice", "--language", "en");
const api = d.client(alice);
const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:",
  Ip: `127.0.0.1:${d.port}` });
const Bucket = `disks-${alice.appId}`, Region = "ap-guangzhou";

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
const imported = (id) => until(async () => {
  const image = (await api.DescribeImages({ ImageIds: [id] })).ImageSet[0];
  return image.ImageState !== "IMPORTING" && image;
}, 120);
const blobs = (kind) => d.blobs.list(`${kind}/`);

test("a guest becomes an image", async () => {
  const url = await upload("good.qcow2", small("good"));
  const { ImageId } = await api.ImportImage(request(url, "good"));
  const image = await imported(ImageId);
  assert.equal(image.ImageState, "NORMAL", JSON.stringify(d.lines().slice(-5)));
  assert.equal(image.ImageSize, 3);
  assert.equal(image.IsSupportCloudinit, true);
  assert.equal(image.OsName, "Debian 12 64位");
  const { TaskSet: [task] } = await d.own(alice, "DescribeImportTasks", { ImageId, WithReport: true });
  assert.deepEqual([task.Kind, task.State, task.Reason], ["import", "DONE", ""]);
  assert.equal(task.Report.verdict, "accepted");
  const { MessageSet: [message] } = await d.own(alice, "DescribeMessages", { ImageId });
  assert.equal(message.Type, "import-succeeded");
  assert.deepEqual(blobs("staging"), []);
  const [stored] = blobs("image");
  fs.writeFileSync(path.join(d.dir, "stored.qcow2"), d.blobs.get(stored));
  execFileSync("qemu-img", ["compare", guest("good"), path.join(d.dir, "stored.qcow2")]);
});

test("a guest without virtio drivers fails with the reason", async () => {
  const url = await upload("no-virtio.qcow2", small("no-virtio"));
  const { ImageId } = await api.ImportImage(request(url, "no-virtio"));
  const image = await imported(ImageId);
  assert.equal(image.ImageState, "IMPORTFAILED");
  assert.deepEqual(blobs("staging"), []);
  const { TaskSet: [task] } = await d.own(alice, "DescribeImportTasks", { ImageId, WithReport: true });
  assert.deepEqual([task.State, task.Reason, task.SubCause], ["FAILED", "VirtioNotInstall", "L07"]);
  assert.equal(task.Report.verdict, "refused");
  const { MessageSet: [message] } = await d.own(alice, "DescribeMessages", { ImageId });
  assert.equal(message.Type, "import-failed");
  assert.match(message.Body, /VirtioNotInstall[\s\S]*update-initramfs/);
  await refused(d.own(alice, "CancelImportTask", { TaskId: task.TaskId }), "ResourceUnavailable");
  assert.equal(message.Read, false);
  await d.own(alice, "ReadMessage", { MessageId: message.MessageId });
  assert.equal((await d.own(alice, "DescribeMessages", { ImageId, Unread: true })).TotalCount, 0);
});

test("links that cannot be read say why", async () => {
  const host = `http://${Bucket}.cos.${Region}.myqcloud.com`;
  const cases = [
    ["not-cos", "http://example.com/disk.qcow2"],
    ["wrong-region", `http://${Bucket}.cos.ap-shanghai.myqcloud.com/good.qcow2`],
    ["unknown-region", `http://${Bucket}.cos.eu-frankfurt.myqcloud.com/good.qcow2`],
    ["no-permission", `${host}/good.qcow2`],
    ["no-key", `${host}/`],
    ["expired", cos.getObjectUrl({ Bucket, Region, Key: "good.qcow2", Sign: true, Expires: -10, Protocol: "http:" })],
    ["gone", cos.getObjectUrl({ Bucket, Region, Key: "nothing", Sign: true, Expires: 900, Protocol: "http:" })],
    ["signature", cos.getObjectUrl({ Bucket, Region, Key: "good.qcow2", Sign: true, Expires: 900, Protocol: "http:" })
      .replace(/(q-signature=)(..)/, (all, name, two) => name + (two === "00" ? "11" : "00"))],
  ];
  const ids = await Promise.all(cases.map(async ([name, url]) =>
    (await api.ImportImage(request(url, name))).ImageId));
  for (const [i, [name]] of cases.entries()) {
    assert.equal((await imported(ids[i])).ImageState, "IMPORTFAILED", name);
    const { TaskSet: [task] } = await d.own(alice, "DescribeImportTasks", { ImageId: ids[i] });
    assert.deepEqual([task.Reason, task.SubCause], ["InvalidUrl", name]);
  }
});

test("a link that serves once serves one import, and the object outlives its image", async () => {
  const Key = "empty.raw", Body = Buffer.alloc(1 << 20);
  await cos.putObject({ Bucket, Region, Key, Body });
  const link = () => cos.getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: 900, Protocol: "http:" });
  const get = (url) => new Promise((done, failed) => http.get({ host: "127.0.0.1", port: d.port,
    path: url.replace(/^http:..[^/]*/, ""), headers: { Host: new URL(url).host } }, (answer) => {
    answer.resume().on("end", () => done(answer.statusCode));
  }).on("error", failed));
  const outcome = async (url, name) => {
    const { ImageId } = await api.ImportImage(request(url, name));
    await imported(ImageId);
    const { TaskSet: [task] } = await d.own(alice, "DescribeImportTasks", { ImageId });
    return [task.Reason, task.SubCause];
  };
  const first = link();
  assert.equal((await outcome(first, "once"))[0], "PartitionNotPresent");
  assert.deepEqual(await outcome(first, "twice"), ["InvalidUrl", "used"]);
  assert.equal(await get(first), 403);
  assert.deepEqual(blobs("staging"), []);
  assert.deepEqual(await outcome(`${first}&again=1`, "with a parameter"), ["InvalidUrl", "used"]);
  await sleep(1100); // a signature of the same second would be the same
  const second = link();
  assert.equal(await get(second), 200);
  assert.deepEqual(await outcome(second, "after a download"), ["InvalidUrl", "used"]);
  assert.equal(Body.compare((await cos.getObject({ Bucket, Region, Key })).Body), 0);
});

test("a task is nobody else's", async () => {
  const bob = d.account("bob");
  assert.equal((await d.own(bob, "DescribeImportTasks", {})).TotalCount, 0);
  assert.equal((await d.own(bob, "DescribeMessages", {})).TotalCount, 0);
  const { TaskSet: [task] } = await d.own(alice, "DescribeImportTasks", {});
  await refused(d.own(bob, "CancelImportTask", { TaskId: task.TaskId }), "ResourceNotFound");
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
