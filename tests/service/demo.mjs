// SPDX-License-Identifier: GPL-2.0-or-later
// demo.mjs GOOD BAD: imgportd as its users see it: an upload, an import that succeeds, one that
// does not, and what is told of both.  Environment as of lib.mjs, IMGPORTD_CONF empty or unset.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.env.IMGPORT_NODE, "here.js"));
const { Client } = require("tencentcloud-sdk-nodejs-cvm").cvm.v20170312;
const { AbstractClient } = require("tencentcloud-sdk-nodejs-common");
const COS = require("cos-nodejs-sdk-v5");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const [good, bad] = process.argv.slice(2);

// The defaults, but for the folder: HOME is where a person's data would lie.
const home = fs.mkdtempSync(path.join(process.env.DEMO_FOLDER ?? os.tmpdir(), "home."));
const env = { ...process.env, HOME: home };
const conf = path.join(home, "imgportd.conf");
fs.writeFileSync(conf, `[service]\ndata = ${home}/data\n`);
env.IMGPORTD_CONF = conf;
console.log("\n$ imgportd &");
const log = fs.openSync(path.join(home, "log"), "w");
const daemon = spawn(process.env.IMGPORTD, [], { env, stdio: ["ignore", log, log] });
let failed = true;
process.on("exit", () => {
  daemon.kill();
  if (failed) process.stderr.write(fs.readFileSync(path.join(home, "log")));
  fs.rmSync(home, { recursive: true, force: true });
});
const health = () => fetch("http://127.0.0.1:8780/healthz").then((r) => r.ok, () => false);
for (let i = 0; i < 300 && !(await health()); i++) {
  if (daemon.exitCode !== null) throw new Error("imgportd does not start");
  await sleep(100);
}
console.log(`imgportd answers on http://127.0.0.1:8780`);

console.log("\n$ imgport account create demo");
const account = JSON.parse(execFileSync(process.env.IMGPORT,
  ["account", "create", "demo", "--language", "en", "--json"], { env, encoding: "utf8" }));
console.log(`uin ${account.Uin}, SecretId ${account.SecretId}`);

const credential = { secretId: account.SecretId, secretKey: account.SecretKey };
const Region = "ap-guangzhou", Bucket = `disks-${account.AppId}`;
const profile = { httpProfile: { endpoint: "127.0.0.1:8780", protocol: "http://" } };
const api = new Client({ credential, region: Region, profile });
const own = new AbstractClient("127.0.0.1:8780", "2026-11-20", { credential, region: Region, profile });
const cos = new COS({ SecretId: account.SecretId, SecretKey: account.SecretKey, Protocol: "http:", Ip: "127.0.0.1:8780" });

console.log(`\ncos-nodejs-sdk-v5: putBucket ${Bucket}`);
await cos.putBucket({ Bucket, Region });
for (const file of [good, bad]) {
  const Key = path.basename(file);
  console.log(`\ncos-nodejs-sdk-v5: uploadFile ${Key} (${fs.statSync(file).size >> 20} MiB)`);
  await cos.uploadFile({ Bucket, Region, Key, FilePath: file });
  const ImageUrl = cos.getObjectUrl({ Bucket, Region, Key, Sign: true, Expires: 3600, Protocol: "http:" });
  console.log("tencentcloud-sdk-nodejs-cvm: ImportImage");
  const { ImageId } = await api.ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12",
    ImageUrl, ImageName: Key });
  let image, shown;
  for (;;) {
    image = (await api.DescribeImages({ ImageIds: [ImageId] })).ImageSet[0];
    const { TaskSet: [task] } = await own.request("DescribeImportTasks", { ImageId });
    const now = `  ${ImageId} ${image.ImageState} ${task.State === "RUNNING" ? task.Phase : ""}`;
    if (now !== shown) console.log(now);
    shown = now;
    if (image.ImageState !== "IMPORTING") break;
    await sleep(200);
  }
  const { MessageSet: [message] } = await own.request("DescribeMessages", { ImageId });
  console.log(`\n  The message to its owner: ${message.Subject}\n${message.Body.replace(/^/gm, "    ")}`);
  const want = file === good ? "NORMAL" : "IMPORTFAILED";
  if (image.ImageState !== want) throw new Error(`${ImageId} should be ${want}`);
}
failed = false;
process.exit(0);
