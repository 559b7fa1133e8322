// SPDX-License-Identifier: GPL-2.0-or-later
// Imports that start the image first.  No guest is booted here: the disk looks like a system, and
// its boot record has no code, so the machine is silent until its time is over.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { children, here, require, sleep, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "boots-"));
after(() => fs.rmSync(dir, { recursive: true }));
const disk = path.join(dir, "disk.raw");
execFileSync(here("make_disk.py"), [disk, "48"]);
const rules = path.join(dir, "own.profile");
const text = fs.readFileSync(here("../../profiles/tencent-2022.profile"), "utf8");
fs.writeFileSync(rules, text.replace(/^one-time-links = .*$/m, "boot-probe = yes"));
assert.match(fs.readFileSync(rules, "utf8"), /^boot-probe = yes$/m);

const begin = async (service = "", more = {}) => {
  const d = await startDaemon({ service, conf: "[jobs]\nboot-seconds = 8\n", ...more });
  const alice = d.account("alice", "--language", "en"), api = d.client(alice);
  const Bucket = `disks-${alice.appId}`, Region = "ap-guangzhou", Key = "disk.raw";
  const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
  await cos.putBucket({ Bucket, Region });
  await cos.uploadFile({ Bucket, Region, Key, FilePath: disk, SliceSize: 8 << 20 });
  let Expires = 3600; // two links of one second would be one link, which serves once
  const comes = async (ImageName, more = {}) => {
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
  const machines = () => children(d.child.pid).filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("qemu-system");
    } catch {
      return false;
    }
  });
  return Object.assign(comes, { d, machines });
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

test("imports that start their image do so one after the other, as a user of their own", async () => {
  const conf = "[jobs]\nboot-seconds = 8\n[instances]\nusers = 300000-300007\n";
  const comes = await begin("", { conf }), users = new Set(), both = ["one", "two"].map((name) => comes(name, { BootProbe: true }));
  let most = 0, over = false;
  Promise.allSettled(both).then(() => (over = true));
  for (; !over; await sleep(50)) {
    const pids = comes.machines();
    most = Math.max(most, pids.length);
    for (const pid of pids) {
      try {
        users.add(/^Uid:\t(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
      } catch { /* it ended */ }
    }
  }
  assert.equal(most, 1);
  assert.deepEqual([...users], [process.getuid() === 0 ? "300007" : `${process.getuid()}`]);
  for (const one of both) assert.deepEqual(await one, ["IMPORTFAILED", "InternalError", "boot:time"]);
});

test("and only where there is room", async () => {
  const comes = await begin("", { disk: "400m" });
  const both = ["waits", "too"].map((name) => comes(name, { BootProbe: true }));
  const said = (event) => comes.d.lines().filter((l) => l.event === event && l.kind === "import").length;
  await until(() => said("task-waits") === 2);
  // Two jobs at once, and neither is held up by those, who ask again meanwhile and say so to nobody.
  const sql = (text) => comes.d.shell(`python3 -c 'import sqlite3, sys
db = sqlite3.connect("catalog.db", timeout=20)
print(len(db.execute(sys.argv[1]).fetchall()))
db.commit()' "${text}"`);
  sql("UPDATE task SET due = 1 WHERE phase = 'waits' AND state = 0");
  assert.deepEqual(await comes("beside"), ["NORMAL", "", ""]);
  await until(() => sql("SELECT 1 FROM task WHERE phase = 'waits' AND due > 1 AND state = 0") === "2\n");
  assert.equal(comes.machines().length, 0);
  assert.deepEqual([said("task-begins"), said("task-waits"), said("task-goes-on")], [3, 2, 0]);
  comes.d.mount("size=2g");
  for (const one of both) assert.deepEqual(await one, ["IMPORTFAILED", "InternalError", "boot:time"]);
  assert.deepEqual([said("task-begins"), said("task-waits"), said("task-goes-on")], [3, 2, 2]);
});

test("a machine that is killed says nothing of its image, and another is started", async () => {
  const comes = await begin();
  const killed = async (name, times) => {
    const seen = new Set();
    let over = false;
    const end = comes(name, { BootProbe: true }).finally(() => (over = true));
    for (; !over; await sleep(50))
      for (const pid of comes.machines())
        if (!seen.has(pid) && seen.add(pid).size <= times) process.kill(pid, "SIGKILL");
    return [(await end)[2], seen.size];
  };
  assert.deepEqual(await killed("once", 1), ["boot:time", 2]);
  const [why, times] = await killed("always", 9);
  assert.match(why, /^boot:(io|notfound)$/); // before or after it was reached
  assert.equal(times, 3);
});

test("a guest whose writes there is no room for says nothing of its image", async () => {
  // Its boot record writes all that follows the first MiB.
  const bytes = fs.readFileSync(disk), writes = path.join(dir, "writes.raw");
  bytes.write("31c08ed88ed0bc007cbe307cb80043b280cd138306387c4083163a7c00833e3a7c0372e5f4ebfd", "hex");
  bytes.write("10004000000000100008000000000000", 0x30, "hex");
  fs.writeFileSync(writes, bytes);
  const user = process.getuid() === 0 ? [] : ["--user", "--map-root-user"], room = path.join(dir, "room");
  fs.mkdirSync(room);
  const out = execFileSync("unshare", ["--mount", ...user, "--", "sh", "-c",
    'mount -t tmpfs -o size=16m none "$1" && TMPDIR=$1 "$IMGPORT" boot --json --timeout 120 "$2" || true', "sh", room, writes],
    { encoding: "utf8" });
  const { verdict, error } = JSON.parse(out);
  assert.equal(verdict, "undecided");
  assert.match(error.message, /no room/);
});
