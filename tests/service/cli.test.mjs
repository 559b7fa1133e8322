// SPDX-License-Identifier: GPL-2.0-or-later
// imgport image, instance, task and region, against a real imgportd.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { makeDisk, require, sleep, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const idle = await startDaemon({ conf: "[jobs]\nrun = no\n" });
idle.zone("ap-guangzhou-1");
const d = await startDaemon();
const alice = d.account("alice", "--language", "en"), bob = d.account("bob");
const who = (account, more = {}) => ({ IMGPORT_ENDPOINT: `http://127.0.0.1:${d.port}`,
  TENCENTCLOUD_SECRET_ID: account.secretId, TENCENTCLOUD_SECRET_KEY: account.secretKey,
  HOME: d.dir, LC_ALL: "C.UTF-8", LANGUAGE: "", ...more });
// { status, out, err }
const cli = (words, env = who(alice)) => new Promise((done) => {
  const child = spawn(process.env.IMGPORT, words, { env, stdio: ["ignore", "pipe", "pipe"] });
  let out = "", err = "";
  child.stdout.on("data", (text) => (out += text));
  child.stderr.on("data", (text) => (err += text));
  child.on("close", (status) => done({ status, out, err }));
});
const good = async (words, env) => {
  const got = await cli(words, env);
  assert.deepEqual([got.status, got.err], [0, ""], words.join(" "));
  return got.out;
};
const json = async (words, env) => JSON.parse(await good([...words, "--json"], env));
const bad = async (words, status, err, env) => {
  const got = await cli(words, env);
  assert.equal(got.status, status, `${words.join(" ")}: ${got.err}`);
  assert.match(got.err, err);
  assert.equal(got.err.trimEnd().split("\n").length, 1, "more than one sentence");
  return got;
};

const [mine, named] = d.seed({ owner: alice.uin, name: "web" }, { owner: alice.uin, name: "数据库" });

test("regions and zones", async () => {
  assert.match(await good(["region", "list"]), /^REGION .*\nap-guangzhou .*AVAILABLE\nap-shanghai /);
  assert.equal((await json(["region", "list"])).TotalCount, 2);
  assert.match(await good(["region", "zones", "--region", "ap-shanghai"]), /^ap-shanghai-\d/m);
  assert.match(await good(["region", "list", "--lang", "zh"]), /华南/);
  await bad(["region", "melt"], 2, /unknown word "melt"/);
});

test("what is wrong with the name of an account, or a key, is said", async () => {
  const env = { IMGPORTD_CONF: d.config, LC_ALL: "C.UTF-8" };
  for (const [words, status, err] of [
    ["create alice", 3, /there is an account alice already/], ["create 100000000001", 2, /is not a number/],
    ["create a\u0007b", 2, /control character/], [`create ${"n".repeat(61)}`, 2, /1 to 60 bytes/],
    ["set bob --name alice", 3, /there is an account alice already/], ["set bob --name 1", 2, /is not a number/],
    ["show nobody", 3, /there is no account nobody/], ["key new nobody", 3, /there is no account nobody/],
    ["key disable nobody AKIDx", 3, /there is no account nobody/], ["key delete bob AKIDx", 3, /bob has no key AKIDx/],
    ["set bob --images 99999999999999999999", 2, /a quota is a number/], ["melt", 2, /unknown word "melt"/],
    ["key melt", 2, /unknown word "melt"/], ["key new bob x", 2, /one argument too many: x/], ["show", 2, /argument is missing/],
  ]) await bad(["account", ...words.split(" ")], status, err, env);
  for (let n = 1; n < 5; n++) await good(["account", "key", "new", "bob"], env);
  await bad(["account", "key", "new", "bob"], 3, /bob has 5 keys/, env);
  await bad(["account", "show", "nobody", "--lang", "zh"], 3, /没有账号 nobody/, env);
});

test("images are listed and shown", async () => {
  const table = await good(["image", "list", "--type", "private"]);
  const lines = table.trimEnd().split("\n");
  assert.match(lines[0], /^IMAGE +NAME +TYPE +STATE/);
  assert.equal(lines.length, 3);
  // Columns stand below each other, wide characters or not.
  const columns = (line) => [...line.slice(0, line.indexOf("PRIVATE_IMAGE"))]
    .reduce((n, c) => n + (/\p{Script=Han}/u.test(c) ? 2 : 1), 0);
  assert.equal(columns(lines[1]), columns(lines[2]));
  assert.deepEqual((await json(["image", "list", "--name", "web"])).ImageSet.map((i) => i.ImageId), [mine]);
  assert.equal((await json(["image", "show", named])).ImageName, "数据库");
  assert.match(await good(["image", "show", mine]), new RegExp(`^ImageId +${mine}$`, "m"));
  await bad(["image", "show", "img-00000000"], 1, /NotFound|there is no image/);
  await bad(["image", "list", "--type", "odd"], 2, /unknown type "odd"/);
  assert.equal(await good(["image", "list", "--name", "nothing"]), "");
});

test("a list longer than a page is whole", async () => {
  d.seed(...Array.from({ length: 205 }, (_, i) => ({ owner: bob.uin, name: `many-${i}` })));
  const all = await json(["image", "list", "--type", "private"], who(bob));
  assert.equal(all.TotalCount, 205);
  assert.equal(new Set(all.ImageSet.map((i) => i.ImageId)).size, 205);
});

test("images are renamed, shared and deleted", async () => {
  assert.equal(await good(["image", "rename", mine, "front"]), "");
  await good(["image", "set", mine, "--description", "the front", "--family", "web"]);
  const image = await json(["image", "show", mine]);
  assert.deepEqual([image.ImageName, image.ImageDescription, image.ImageFamily], ["front", "the front", "web"]);
  await good(["image", "share", mine, bob.uin]);
  assert.match(await good(["image", "shares", mine]), new RegExp(`^${bob.uin} `, "m"));
  assert.equal((await json(["image", "list", "--type", "shared"], who(bob))).ImageSet[0].ImageId, mine);
  await bad(["image", "delete", mine], 1, /shared.*\(InvalidImageId\.InShared\)/);
  await bad(["image", "delete", mine, "--lang", "zh"], 1, /共享.*\(InvalidImageId\.InShared\)/);
  await good(["image", "unshare", mine, bob.uin]);
  await good(["image", "delete", mine, "--dry-run"]);
  await good(["image", "delete", mine]);
  await bad(["image", "set", named], 2, /set wants/);
  assert.match(await good(["image", "quota"]), /^\d+\n$/);
  assert.match(await good(["image", "systems"]), /^Debian +6, 7, 8, 9, \S.*  x86_64, i386/m);
});

test("an option that a verb does not have is refused", async () => {
  for (const [words, option] of [["image list -o x", "-o"], ["image rename img-00000000 x --dry-run", "--dry-run"],
    ["image check http://x/ --wait", "--wait"], ["instance start ins-00000000 --force", "--force"], ["instance run img-00000000 --how SOFT", "--how"],
    ["image check http://x/ --boot-mode UEFI", "--boot-mode"], ["task list --report", "--report"], ["task wait 1 --image img-00000000", "--image"], ["message show 1 --unread", "--unread"]])
    await bad(words.split(" "), 2, new RegExp(`${words.split(" ")[1]} has no option ${option} `), {});
});

test("what is no text is not sent without a word", async () => {
  const sent = (words) => new Promise((done) => {
    const child = spawn("sh", ["-c", `exec "$IMGPORT" ${words}`], { env: { ...who(alice), IMGPORT: process.env.IMGPORT },
      stdio: ["ignore", "ignore", "pipe"] });
    let err = "";
    child.stderr.on("data", (text) => (err += text));
    child.on("close", (status) => done({ status, err }));
  });
  for (const words of ["image show", "image delete", `image share ${named} ${bob.uin}`, "task show", "task list --image"]) {
    const { status, err } = await sent(`${words} "$(printf '\\377')"`);
    assert.equal(status, 2, words);
    assert.match(err, /no text in UTF-8/);
  }
});

test("a dry run of an export tells the names", async () => {
  const [image] = d.seed({ owner: alice.uin, name: "export", blob: "image/6-1-0", virtual_size: 1 << 20, file_size: 1,
    snapshots: '[{"SnapshotId":"snap-1","DiskUsage":"SYSTEM_DISK","DiskSize":1}]' });
  const Bucket = `dry-${alice.appId}`;
  const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
  await cos.putBucket({ Bucket, Region: "ap-guangzhou" });
  assert.equal(await good(["image", "export", image, Bucket, "--dry-run"]), `/${image}_system_snap-1.raw\n`);
});

test("an import is followed to its end", async () => {
  const url = `http://x-${alice.appId}.cos.ap-guangzhou.myqcloud.com/nothing`;
  const words = ["image", "import", "one", url, "--os-type", "Debian", "--os-version", "12"];
  const followed = await bad([...words, "--wait"], 1, /FAILED InvalidUrl/);
  assert.equal(followed.out, "");
  const id = (await good(["image", "import", "two", ...words.slice(3)])).trim();
  assert.match(id, /^img-/);
  const waited = await cli(["task", "wait", id, "--json"]);
  assert.equal(waited.status, 1);
  const task = JSON.parse(waited.out);
  assert.deepEqual([task.ImageId, task.State, task.Reason], [id, "FAILED", "InvalidUrl"]);
  assert.match(await good(["task", "list"]), new RegExp(`^${task.TaskId} +import +${id} +FAILED`, "m"));
  assert.equal((await json(["task", "list", "--image", id])).TaskSet.length, 1);
  assert.equal((await json(["task", "show", String(task.TaskId)])).ImageId, id);
  assert.match(await good(["task", "show", String(task.TaskId)]), /^State +FAILED$/m);
  await bad(["task", "cancel", String(task.TaskId)], 1, /ResourceUnavailable/);
  await bad(["task", "cancel", "x"], 2, /no number/);
  await bad(["task", "show", "1"], 1, /no task 1/);
  await bad(["task", "show", String(task.TaskId)], 1, /no task/, who(bob));
  assert.equal(await good(["image", "import", "three", ...words.slice(3), "--dry-run"]), "");
  await bad(["image", "import", "four", url], 2, /--os-type/);
  await bad(["image", "import", "数据库", ...words.slice(3)], 1, /InvalidImageName\.Duplicate/);
});

test("a task is followed while the service is started again, and told to go on", async (t) => {
  const e = await startDaemon({ conf: "[jobs]\nrun = no\n" }), carol = e.account("carol", "--language", "en");
  const begin = (...words) => spawn(process.env.IMGPORT, words,
    { env: who(carol, { IMGPORT_ENDPOINT: `http://127.0.0.1:${e.port}` }), stdio: ["ignore", "pipe", "pipe"] });
  const followed = (child) => new Promise((done) => {
    let err = "";
    t.after(() => child.kill("SIGKILL"));
    child.stderr.on("data", (text) => (err += text));
    child.on("close", (status, signal) => done({ status, signal, err }));
  });
  const asked = () => e.lines().filter((l) => l.action === "DescribeImportTasks").length;
  const first = begin("image", "import", "one", "http://x-1.cos.ap-guangzhou.myqcloud.com/x", "--os-type", "Debian",
    "--os-version", "12", "--wait");
  const end = followed(first);
  await until(() => asked() > 0);
  const had = asked();
  const again = async (from, to) => {
    await e.stop("SIGKILL");
    await sleep(1500);
    fs.writeFileSync(e.config, fs.readFileSync(e.config, "utf8").replace(from, to));
    await e.start();
  };
  await again("127.0.0.1:0", `127.0.0.1:${e.port}`);
  await until(() => asked() > had);
  const [{ TaskId, ImageId }] = (await e.own(carol, "DescribeImportTasks")).TaskSet;
  const second = begin("task", "wait", `${TaskId}`), other = followed(second);
  await sleep(1500);
  second.kill("SIGINT");
  const interrupted = await other;
  assert.equal(interrupted.signal, "SIGINT");
  assert.match(interrupted.err, new RegExp(`^imgport: ${TaskId} goes on; .*imgport task wait ${TaskId}$`, "m"));
  await e.own(carol, "CancelImportTask", { TaskId });
  await again("run = no", "run = yes");
  const { status, err } = await end;
  assert.equal(status, 1, err);
  assert.match(err, new RegExp(`^imgport: ${ImageId}: CANCELED`, "m"));
});

test("a file is uploaded and imported, and the upload deleted", async (t) => {
  const dave = d.account("dave", "--language", "en"), env = who(dave);
  const cos = new COS({ SecretId: dave.secretId, SecretKey: dave.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
  const at = { Bucket: `imports-${dave.appId}`, Region: "ap-guangzhou" }, system = ["--os-type", "Debian", "--os-version", "12"];
  const left = async () => [(await cos.getBucket(at)).Contents.length, (await cos.multipartList(at)).Upload.length];
  const name = (text) => path.join(d.dir, text), disk = makeDisk(d.dir, 40).file;
  await bad(["image", "import", "x", name("none"), ...system], 3, /none: open: No such file/, env);
  await bad(["image", "import", "x", d.dir, ...system], 3, /only a regular file/, env);
  fs.writeFileSync(name("empty"), "");
  await bad(["image", "import", "x", name("empty"), ...system], 3, /no bytes/, env);
  // What would be refused is not uploaded.
  await bad(["image", "import", "x", disk, "--os-type", "Debian", "--os-version", "99"], 1, /InvalidImageOsVersion/, env);
  assert.equal(await good(["image", "import", "x", disk, ...system, "--dry-run"], env), "");
  await assert.rejects(cos.getBucket(at), { code: "NoSuchBucket" });
  const odd = name("a b%+&中.raw");
  fs.copyFileSync(disk, odd);
  assert.match(await good(["image", "import", "small", odd, ...system], env), /^img-\w{8} {2}DONE\n$/);
  // In parts.
  fs.truncateSync(disk, 300 << 20);
  const task = await json(["image", "import", "large", disk, ...system], env);
  assert.deepEqual([task.Kind, task.State], ["import", "DONE"]);
  assert.deepEqual((await json(["image", "list", "--type", "private"], env)).ImageSet.map((i) => i.ImageState), ["NORMAL", "NORMAL"]);
  fs.writeFileSync(name("text.raw"), "no image");
  await bad(["image", "import", "text", name("text.raw"), ...system], 1, /FAILED/, env);
  assert.deepEqual(await left(), [0, 0]);
  // An end asked for leaves nothing there either.
  fs.truncateSync(disk, 8 * 2 ** 30);
  const child = spawn(process.env.IMGPORT, ["image", "import", "cut", disk, ...system], { env, stdio: "ignore" });
  const end = new Promise((done) => child.on("close", (_, signal) => done(signal)));
  t.after(() => child.kill("SIGKILL"));
  await until(async () => (await cos.multipartList(at)).Upload.length > 0);
  child.kill("SIGINT");
  assert.equal(await end, "SIGINT");
  assert.deepEqual(await left(), [0, 0]);
  fs.rmSync(disk);
});

test("an upload stays while an import may read it", async (t) => {
  const e = await startDaemon({ conf: "[jobs]\nrun = no\n" }), erin = e.account("erin", "--language", "en");
  t.after(() => e.stop());
  const child = spawn(process.env.IMGPORT, ["image", "import", "x", makeDisk(e.dir, 40).file, "--os-type", "Debian", "--os-version", "12"],
    { env: who(erin, { IMGPORT_ENDPOINT: `http://127.0.0.1:${e.port}` }), stdio: ["ignore", "ignore", "pipe"] });
  let err = "";
  child.stderr.on("data", (text) => (err += text));
  const end = new Promise((done) => child.on("close", done));
  t.after(() => child.kill("SIGKILL"));
  const task = await until(async () => (await e.own(erin, "DescribeImportTasks")).TaskSet[0]);
  // Whatever the service answers now, the task is queued.
  e.imgport("account", "key", "disable", "erin", erin.secretId);
  assert.equal(await end, 1);
  assert.match(err, new RegExp(`^imgport: ${task.ImageId} goes on; [\\s\\S]*^imgport: imports-\\d+ keeps \\S+, which the import may still read$`, "m"));
  assert.deepEqual(e.sql("SELECT count(*) FROM object"), ["1"]);
});

test("what an import would come to is told without one", async () => {
  const url = `http://x-${alice.appId}.cos.ap-guangzhou.myqcloud.com/nothing`;
  await bad(["image", "check", url], 1, /\(InvalidUrl\)/);
  const Bucket = `cli-${alice.appId}`, Region = "ap-guangzhou";
  const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
  await cos.putBucket({ Bucket, Region });
  await cos.putObject({ Bucket, Region, Key: "zeros.raw", Body: Buffer.alloc(1 << 20) });
  const link = cos.getObjectUrl({ Bucket, Region, Key: "zeros.raw", Sign: true, Expires: 900, Protocol: "http:" });
  const refusal = await cli(["image", "check", link]);
  assert.deepEqual([refusal.status, refusal.err], [1, ""]);
  assert.match(refusal.out, /refused[\s\S]*P\d\d/i);
  const { status, out } = await cli(["image", "check", link, "--json"]);
  assert.equal(status, 1);
  assert.deepEqual([JSON.parse(out).Verdict, JSON.parse(out).Code], ["refused", "PartitionNotPresent"]);
});

test("an image is copied", async () => {
  const [source] = d.seed({ owner: alice.uin, name: "to copy", blob: "image/1-1-0" });
  d.blobs.put("image/1-1-0", "its bytes");
  assert.match(await good(["image", "copy", source, "ap-shanghai", "--name", "copied"]), /^img-\w{8} +ap-shanghai$/m);
  assert.match(await good(["image", "copy", source, "ap-shanghai", "--name", "waited for", "--wait"]), /^img-\w{8} {2}DONE\n$/);
  const [empty] = d.seed({ owner: alice.uin, name: "without bytes", blob: "image/none" });
  await bad(["image", "copy", empty, "ap-shanghai", "--wait"], 1, /^imgport: img-\w{8}: FAILED /);
  await bad(["image", "copy", source, "ap-guangzhou"], 1, /\(InvalidParameterValue\.InvalidRegion\)/);
});

test("who asks is told by options, the environment or a file, in this order", async () => {
  const endpoint = `http://127.0.0.1:${d.port}`;
  const bare = { HOME: d.dir, LC_ALL: "C.UTF-8" };
  await bad(["image", "list"], 2, /TENCENTCLOUD_SECRET_ID/, bare);
  const options = ["--endpoint", endpoint, "--secret-id", alice.secretId, "--secret-key", alice.secretKey];
  await good(["image", "list", ...options], bare);
  await bad(["image", "list", ...options, "--region", "eu-moon"], 1, /UnsupportedRegion/, bare);
  const dir = path.join(d.dir, ".config", "imgport");
  fs.mkdirSync(dir, { recursive: true });
  const file = path.join(dir, "client.conf");
  fs.writeFileSync(file, `# mine\nendpoint = ${endpoint}\nsecret-id = ${bob.secretId}\nsecret-key = ${bob.secretKey}\n`);
  assert.equal((await json(["image", "list", "--type", "private"], bare)).TotalCount, 205);
  assert.equal((await json(["image", "list", "--name", "数据库"])).TotalCount, 1); // the environment goes first
  assert.equal((await json(["image", "list", "--type", "private"],
    { ...who(alice), HOME: "/nonexistent", XDG_CONFIG_HOME: path.join(d.dir, ".config") })).ImageSet.some((i) => i.ImageName === "数据库"), true);
  fs.writeFileSync(file, "endpoint = x\nwrong = y\n");
  await bad(["image", "list"], 3, /client\.conf, line 2/, bare);
  fs.rmSync(file);
});

test("what does not answer as API 3.0 is trouble", async () => {
  await bad(["image", "list"], 3, /127\.0\.0\.1:1/, who(alice, { IMGPORT_ENDPOINT: "http://127.0.0.1:1" }));
  await bad(["image", "list"], 2, /http:\/\//, who(alice, { IMGPORT_ENDPOINT: "ftp://127.0.0.1" }));
  await bad(["image", "list"], 2, /endpoint/, who(alice, { IMGPORT_ENDPOINT: "http://u@127.0.0.1/" }));
  await bad(["image", "list"], 1, /AuthFailure\.SignatureFailure/, who({ ...alice, secretKey: "wrong" }));
  await bad(["image", "list"], 1, /AuthFailure\.SecretIdNotFound/, who({ ...alice, secretId: "AKIDx" }));
  // A terminal is not hurt by what a server says.
  const answers = ["not JSON", "{}", '{"Response":[]}',
    '{"Response":{"Error":{"Code":"X\\u001b[31m","Message":"\\u001b]0;title\\u0007\\nsecond line"},"RequestId":"r"}}',
    '{"Response":{"TotalCount":1,"ImageSet":[{"ImageId":"img-\\u001b[2J","ImageName":"\\u009b2J"}],"RequestId":"r"}}'];
  for (const text of answers) {
    const server = http.createServer((request, response) => { request.resume(); response.end(text); });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const env = who(alice, { IMGPORT_ENDPOINT: `http://127.0.0.1:${server.address().port}` });
    const { status, out, err } = await cli(["image", "list"], env);
    server.closeAllConnections();
    server.close();
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(out + err, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/, text);
    assert.equal(status, text.includes("Code") ? 1 : text.includes("TotalCount") ? 0 : 3, text);
  }
});

test("instances", async () => {
  const carol = idle.account("carol", "--language", "en"), env = who(carol, { IMGPORT_ENDPOINT: `http://127.0.0.1:${idle.port}` });
  const [image] = idle.seed({ owner: carol.uin, name: "base", blob: "image/1" });
  const there = (...words) => good(["instance", ...words], env), refused = (words, ...how) => bad(["instance", ...words], ...how, env);
  const [one, two] = (await there("run", image, "--zone", "ap-guangzhou-1", "--count", "2", "--name", "web", "--host-name", "web{R:1}",
    "--disk", "20", "--type", "S5.SMALL1")).trim().split("\n");
  assert.match(one, /^ins-[0-9a-z]{8}$/);
  assert.match(await there("list"), new RegExp(`^${one} +web1 +PENDING +S5.SMALL1 +10.66.0.2 +${image} `, "m"));
  assert.equal((await json(["instance", "list", "--name", "web2"], env)).InstanceSet[0].InstanceId, two);
  assert.equal((await json(["instance", "list", "--state", "RUNNING"], env)).TotalCount, 0);
  assert.match(await there("show", one), /^InstanceState +PENDING$/m);
  // Their values stand below each other.
  assert.equal(new Set((await there("show", one)).trimEnd().split("\n").map((line) => / +/.exec(line).index + / +/.exec(line)[0].length)).size, 1);
  await refused(["show", "ins-00000000"], 1, /no instance ins-00000000 here/);
  await refused(["run", image], 2, /--zone/);
  await refused(["run", image, "--zone", "ap-guangzhou-1", "--count", "many"], 2, /"many" is no number/);
  await refused(["start", one, two], 1, /InstanceStatePending/);
  await refused(["melt"], 2, /unknown word "melt"/);
  const settle = (state) => idle.sql(`UPDATE instance SET state = ${state}, task = 0`);
  settle(2);
  assert.match(await there("image", one, "made", "--force"), /^img-[0-9a-z]{8}\n$/);
  settle(2);
  await refused(["stop", one, "--how", "HARD", "--force"], 2, /--how and --force exclude each other/);
  await there("stop", one, "--how", "HARD");
  settle(2);
  await there("reboot", one, two, "--force");
  settle(3);
  await there("start", one);
  settle(3);
  await there("reset", one, "--password", "correct-Horse-7");
  settle(3);
  await there("terminate", one, two);
});

test("a password that was made is read in a message", async () => {
  const erin = idle.account("erin", "--language", "en"), env = who(erin, { IMGPORT_ENDPOINT: `http://127.0.0.1:${idle.port}` });
  const [image] = idle.seed({ owner: erin.uin, name: "plain", blob: "image/2" });
  const [id] = (await good(["instance", "run", image, "--zone", "ap-guangzhou-1"], env)).trim().split("\n");
  const line = new RegExp(`^(\\d+) +false +\\S+ +Password of instance ${id}$`, "m").exec(await good(["message", "list"], env));
  assert.match(await good(["message", "show", line[1]], env), new RegExp(`^Password of instance ${id}\n\n.*${id}.* is \\S{8,}\n`));
  assert.equal(await good(["message", "list", "--unread"], env), "");
  assert.equal((await json(["message", "list"], env)).MessageSet[0].Read, true);
  assert.equal(await good(["message", "list", "--image", image], env), "");
  const frank = who(idle.account("frank", "--language", "en"), { IMGPORT_ENDPOINT: env.IMGPORT_ENDPOINT });
  await bad(["message", "show", line[1]], 1, /no message \d+ of yours/, frank);
  await bad(["message", "show", "x"], 2, /"x" is no number of a message/, env);
  await bad(["message", "show"], 2, /argument is missing/, env);
  await bad(["message", "list", "1"], 2, /one argument too many: 1/, env);
  await bad(["message", "melt"], 2, /unknown word "melt"/, env);
});
