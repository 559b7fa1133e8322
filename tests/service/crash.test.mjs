// SPDX-License-Identifier: GPL-2.0-or-later
// SIGKILL to the daemon, or to the worker that it has started, at random moments while jobs run.
//
// In the end every job has ended, as it would have without it or with the reason that it was
// cut; every image has all its bytes, and nothing is left in the store that belongs to nothing.
// CRASH_KILLS: how many.  CRASH_SEED: the victims and pauses of an earlier run; what they hit is the
// machine's to say.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { children, makeDisk, require, sha256, sleep, startDaemon } from "./lib.mjs";
import { once_, startSource, whole } from "./source.mjs";

const COS = require("cos-nodejs-sdk-v5");
const kills = Number(process.env.CRASH_KILLS ?? 8);
const seed = Number(process.env.CRASH_SEED ?? crypto.randomInt(2 ** 31));
console.log(`CRASH_KILLS=${kills} CRASH_SEED=${seed}`);
// Mulberry32: [0, 1)
const generator = (state) => () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
// How many jobs are begun is a matter of time, how many kills there are is not.
const random = generator(seed), anyJob = generator(~seed);

// A disk that is taken, and one that is not.
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "crash-"));
const { body, wanted } = makeDisk(dir, 64);
const objects = { "good.raw": body, "bad.raw": Buffer.alloc(4 << 20) };

const source = await startSource({ "good.raw": once_(whole(objects["good.raw"])) });
after(() => fs.rmSync(dir, { recursive: true }));

const Region = "ap-guangzhou", Far = "ap-shanghai", Copies = "ap-beijing";
const d = await startDaemon({ regions: `${Region} ${Far} ${Copies}`, conf: "[jobs]\nat-once = 2\n" +
  `lease-seconds = 2\n[region ${Far}]\ncos-endpoint = ${source.url}\n` });
const owner = d.account("owner", "--language", "en");
const Bucket = `disks-${owner.appId}`;
const cos = (account = owner) => new COS({ SecretId: account.secretId, SecretKey: account.secretKey, Protocol: "http:",
  Ip: `127.0.0.1:${d.port}` });
await cos().putBucket({ Bucket, Region });
for (const [Key, Body] of Object.entries(objects)) {
  await cos().putObject({ Bucket, Region, Key, Body });
  await cos().putObject({ Bucket, Region, Key: `public/${Key}`, Body, ACL: "public-read" });
}

const url = (region, key) => `http://${Bucket}.cos.${region}.myqcloud.com/${key}`;
const importing = (region, link) => async (account, n) => d.client(account, { region }).ImportImage({ Architecture: "x86_64",
  OsType: "Debian", OsVersion: "12", ImageUrl: link(n), ImageName: `image ${n}` });
const out = (account) => ({ Bucket: `exports-${account.appId}`, Region });
const copying = async (account, n) => {
  const from = jobs.find((job) => !job.open && job.sort === sorts[0] && job.account === account);
  if (!from) return undefined;
  const { ImageSet } = await d.client(account).SyncImages({ ImageIds: [from.ImageId], ImageName: `copy ${n}`,
    DestinationRegions: [Copies], ImageSetRequired: true });
  return { ImageId: ImageSet[0].ImageId };
};
const exporting = async (account, n) => {
  const from = jobs.find((job) => !job.open && job.sort === sorts[0] && job.account === account);
  if (!from) return undefined;
  const { TaskId } = await d.client(account).ExportImages({ BucketName: out(account).Bucket, ImageIds: [from.ImageId],
    ExportFormat: "RAW", FileNamePrefixList: [`export ${n}`] });
  return { ImageId: from.ImageId, TaskId };
};
const signed = (region) => (n) => region === Far ? `${url(Far, "good.raw")}?q-signature=${n}`
  : cos().getObjectUrl({ Bucket, Region, Key: "good.raw", Sign: true, Expires: 3600 + n, Protocol: "http:" });

// What must come of each: [state, reason, sub-cause]
const done = ["NORMAL", "", ""];
const refused = ["IMPORTFAILED", "PartitionNotPresent", "P01"];
// Whoever is cut while it reads a link for one access has had it.
const cut = ["IMPORTFAILED", "InternalError", "fetch-cut"];
const sorts = [
  { region: Region, begin: importing(Region, () => url(Region, "public/good.raw")), ends: [done] },
  { region: Region, begin: importing(Region, signed(Region)), ends: [done] },
  { region: Region, begin: importing(Region, () => url(Region, "public/bad.raw")), ends: [refused] },
  { region: Far, begin: importing(Far, () => url(Far, "good.raw")), ends: [done] },
  { region: Far, begin: importing(Far, signed(Far)), ends: [done, cut] },
  { region: Copies, begin: copying, ends: [done], kind: "copy" },
  { region: Region, begin: exporting, ends: [done], kind: "export" },
];
const jobs = [];
let account, accounts = 0, begun = 0;
const begin = async (sort = sorts[Math.floor(anyJob() * sorts.length)]) => {
  const n = begun;
  if (n >= 12 * accounts) {
    account = d.account(`user${++accounts}`, "--language", "en", "--images", "100");
    await cos(account).putBucket(out(account));
  }
  const made = await sort.begin(account, n);
  if (!made) return;
  const job = { n, sort, account, open: true, ...made };
  job.TaskId ??= (await d.own(account, "DescribeImportTasks", { ImageId: job.ImageId }, { region: sort.region }))
    .TaskSet.at(-1).TaskId;
  jobs.push(job);
  begun++;
};
const look = async (job) => {
  const { TaskSet: [task] } = await d.own(job.account, "DescribeImportTasks", { TaskIds: [`${job.TaskId}`] },
    { region: job.sort.region });
  job.open = task.State === "QUEUED" || task.State === "RUNNING";
  return task;
};
const open = () => jobs.filter((job) => job.open);
const lookAll = async () => {
  for (const job of open()) await look(job);
};
const settle = async (most, seconds = 120) => {
  for (const until = Date.now() + seconds * 1000; ;) {
    await lookAll();
    if (open().length <= most) return;
    assert.ok(Date.now() < until, `not ended: ${JSON.stringify(open().map((job) => job.n))}`);
    await sleep(50);
  }
};

// How long one takes that nobody disturbs.
const started = Date.now();
await begin(sorts[3]);
await settle(0);
const span = Date.now() - started;
await begin(sorts[0]);

// Every job ended as it had to, and told it once.
const judge = async (job) => {
  const task = await look(job);
  const { region, kind = "import", ends } = job.sort;
  const { ImageSet: [image] } = await d.client(job.account, { region }).DescribeImages({ ImageIds: [job.ImageId] });
  const end = [image.ImageState, task.Reason, task.SubCause];
  assert.ok(ends.some((e) => e.join() === end.join()),
    `${job.n}, ${kind} to ${region}: ${end.join()}: ${task.Detail}\n${
      d.lines().filter((l) => l.task === task.TaskId).map((l) => JSON.stringify(l)).join("\n")}`);
  const { MessageSet } = await d.own(job.account, "DescribeMessages", { ImageId: job.ImageId });
  assert.deepEqual(MessageSet.filter((m) => m.TaskId === task.TaskId).map((m) => m.Type),
    [`${kind}-${image.ImageState === "NORMAL" ? "succeeded" : "failed"}`]);
  return kind === "import" && image.ImageState === "NORMAL";
};
// After the next start the store has the images and exports, whole, and nothing else; and when
// they are deleted it has nothing.
const audit = async () => {
  await settle(0);
  await d.stop();
  await d.start();
  const exports = jobs.filter((job) => job.sort.kind === "export");
  const stored = [];
  for (const job of jobs) if (await judge(job)) stored.push(job);
  const images = d.blobs.list("image/");
  for (const job of stored) {
    const keys = images.filter((key) => key.startsWith(`image/${job.TaskId}-`));
    assert.equal(keys.length, 1, `job ${job.n}: ${keys}`);
    assert.equal(sha256(d.blobs.get(keys[0])), wanted, `job ${job.n}`);
  }
  assert.equal(images.length, stored.length);
  assert.equal(d.blobs.list("export/").length, exports.length);
  for (const { account, n, ImageId } of exports) {
    const { Contents } = await cos(account).getBucket({ ...out(account), Prefix: `export ${n}_${ImageId}_` });
    assert.equal(Contents.length, 1, `export ${n}`);
    const { Body } = await cos(account).getObject({ ...out(account), Key: Contents[0].Key });
    assert.equal(sha256(Body), sha256(objects["good.raw"]), `export ${n}`);
    await cos(account).deleteObject({ ...out(account), Key: Contents[0].Key });
  }
  assert.deepEqual(d.blobs.list("staging/"), []);
  assert.deepEqual(d.blobs.unfinished(), []);
  for (const job of jobs.filter((j) => j.sort.kind !== "export"))
    await d.client(job.account, { region: job.sort.region }).DeleteImages({ ImageIds: [job.ImageId] });
  assert.deepEqual([...d.blobs.list("image/"), ...d.blobs.list("export/")], []);
  for (const [Key, body] of Object.entries(objects))
    assert.equal(sha256((await cos().getObject({ Bucket, Region, Key: `public/${Key}` })).Body), sha256(body));
  jobs.length = 0;
};

// A worker that runs still after that pause: they are short, and begin when they like.
const worker = async (pause) => {
  const end = Date.now() + 60000;
  for (let seen = Date.now(); Date.now() < end; await sleep(2)) {
    const [child] = children(d.child.pid);
    if (child) {
      seen = Date.now();
      await sleep(pause);
      if (children(d.child.pid).includes(child)) return child;
    } else if (Date.now() - seen > 500) {
      await lookAll();
      await busy();
      seen = Date.now();
    }
  }
  throw new Error("no worker that could be killed");
};
const busy = async () => {
  while (open().length < 3) await begin();
};

const counts = { daemon: 0, worker: 0 };
test(`${kills} kills, seed ${seed}`, async () => {
  for (let n = 0; n < kills; n++) {
    if (n % 20 === 19) await audit();
    await settle(1);
    await busy();
    const victim = random() < 0.5 ? "daemon" : "worker", wait = random();
    if (victim === "worker") {
      for (;;) {
        try {
          process.kill(await worker(wait * 60), "SIGKILL");
          break;
        } catch (e) {
          if (e.code !== "ESRCH") throw e; // it has just ended
        }
      }
    } else {
      await sleep(wait * span);
      d.child.kill("SIGKILL");
      assert.equal(await d.ended, "SIGKILL");
      await d.start();
    }
    counts[victim]++;
  }
  await audit();
  console.log(`${counts.daemon} daemons and ${counts.worker} workers killed, ${begun} jobs`);
});
