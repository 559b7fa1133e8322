// SPDX-License-Identifier: GPL-2.0-or-later
// Two daemons over one PostgreSQL and one store: what one leaves the other finishes, once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDisk, sha256, startDaemon, until } from "./lib.mjs";
import { startSource, whole } from "./source.mjs";

const source = await startSource({});
const options = { regions: "ap-guangzhou", conf: "[jobs]\nat-once = 2\nlease-seconds = 8\n" +
  `[region ap-guangzhou]\ncos-endpoint = ${source.url}\n` };
const a = await startDaemon(options), b = await startDaemon({ ...options, beside: a });
const alice = a.account("alice", "--language", "en", "--images", "100");

const { body, wanted } = makeDisk(a.dir, 48);

const begin = async (name, { pause = 5 } = {}) => {
  source.answers[name] = whole(body, { pause });
  const { ImageId } = await b.client(alice).ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12",
    ImageUrl: `http://disks-1250000001.cos.ap-guangzhou.myqcloud.com/${name}`, ImageName: name });
  return ImageId;
};
const task = async (ImageId) => (await b.own(alice, "DescribeImportTasks", { ImageId })).TaskSet[0];
const ended = (ImageId) => until(async () => {
  const t = await task(ImageId);
  return !["QUEUED", "RUNNING"].includes(t.State) && t;
});
// Which of the two has begun a task, last.
const holder = (id) => [a, b].map((d) => ({ d, at: d.lines().filter((l) => l.event === "task-begins" && l.task === id)
  .map((l) => l.time).at(-1) })).filter((x) => x.at).sort((x, y) => x.at < y.at ? 1 : -1)[0]?.d;
// One image, whole, told once; the steps before its end left nothing.
const sound = async (ImageId) => {
  const t = await ended(ImageId);
  assert.deepEqual([t.State, t.Reason], ["DONE", ""]);
  const keys = a.blobs.list("image/").filter((key) => key.startsWith(`image/${t.TaskId}-`));
  assert.equal(keys.length, 1, keys.join());
  assert.equal(sha256(a.blobs.get(keys[0])), wanted);
  const { MessageSet } = await b.own(alice, "DescribeMessages", { ImageId });
  assert.deepEqual(MessageSet.map((m) => m.Type), ["import-succeeded"]);
  await until(() => a.blobs.list("staging/").length === 0 && a.blobs.unfinished().length === 0);
  return t;
};

test("two daemons share the work, and nothing is done twice", async () => {
  const ids = [];
  for (let n = 0; n < 6; n++) ids.push(await begin(`shared-${n}`));
  for (const id of ids) await sound(id);
  assert.deepEqual(Object.values(source.asked), [1, 1, 1, 1, 1, 1]);
  const done = (d) => d.lines().filter((l) => l.event === "task-done").length;
  assert.equal(done(a) + done(b), 6);
  assert.ok(done(a) > 0 && done(b) > 0, `${done(a)} and ${done(b)}`);
});

test("the other finishes what a killed one had begun", async () => {
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await begin(`killed-${n}`, { pause: 400 }));
  const tasks = [];
  for (const id of ids)
    tasks.push(await until(async () => {
      const t = await task(id);
      return t.Phase === "fetch" && t.BytesDone > 0 && t;
    }));
  const his = tasks.filter((t) => holder(t.TaskId) === a);
  assert.ok(his.length > 0, "the first daemon has none");
  await a.stop("SIGKILL");
  for (const id of ids) await sound(id);
  for (const t of his) assert.equal(holder(t.TaskId), b);
  await a.start();
});

test("one that was asleep finds that the other has its task, and does no harm", async () => {
  const id = await begin("asleep", { pause: 300 });
  const t = await until(async () => {
    const now = await task(id);
    return now.Phase === "fetch" && now.BytesDone > 0 && now;
  });
  const had = holder(t.TaskId), other = had === a ? b : a;
  // The API of the one that sleeps does not answer.
  const api = (d) => d.own(alice, "DescribeImportTasks", { ImageId: id }).then((r) => r.TaskSet[0]);
  had.child.kill("SIGSTOP");
  await until(async () => (await api(other)).State === "DONE");
  assert.equal(holder(t.TaskId), other);
  had.child.kill("SIGCONT");
  await until(() => had.lines().some((l) => l.task === t.TaskId && l.event === "task-lost"));
  await sound(id);
  assert.equal(source.asked.asleep, 2);
});

test("a stopped one gives its tasks back at once", async () => {
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await begin(`stopped-${n}`, { pause: 100 }));
  const his = [];
  for (const id of ids) {
    const t = await until(async () => {
      const now = await task(id);
      return holder(now.TaskId) && now;
    });
    if (holder(t.TaskId) === a) his.push(t);
  }
  assert.ok(his.length > 0, "the first daemon has none");
  assert.equal(await a.stop(), 0);
  const stopped = Date.now();
  for (const id of ids) await sound(id);
  for (const t of his) {
    assert.equal(holder(t.TaskId), b);
    const again = b.lines().filter((l) => l.event === "task-begins" && l.task === t.TaskId).at(-1);
    assert.ok(Date.parse(again.time) - stopped < 6000, "it waited for the lease");
  }
  await a.start();
});
