// SPDX-License-Identifier: GPL-2.0-or-later
// Two daemons over one PostgreSQL and one store: what one leaves the other finishes, once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDisk, sha256, startDaemon, until } from "./lib.mjs";
import { startSource, whole } from "./source.mjs";

const source = await startSource({});
const pair = async (lease) => {
  const options = { regions: "ap-guangzhou", conf: `[jobs]\nat-once = 2\nlease-seconds = ${lease}\n` +
    `[region ap-guangzhou]\ncos-endpoint = ${source.url}\n` };
  const a = await startDaemon(options), b = await startDaemon({ ...options, beside: a });
  return { a, b, alice: a.account("alice", "--language", "en", "--images", "100") };
};
let { a, b, alice } = await pair(8);

const { body, wanted } = makeDisk(a.dir, 48);

// A pause of 400 milliseconds: it is fetched for five seconds.
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
  const done = (d) => d.lines().filter((l) => l.event === "task-done" && l.kind === "import").length;
  assert.equal(done(a) + done(b), 6);
  assert.ok(done(a) > 0 && done(b) > 0, `${done(a)} and ${done(b)}`);
});

test("the other finishes what a killed one had begun", async () => {
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await begin(`killed-${n}`, { pause: 400 }));
  for (const id of ids)
    await until(async () => {
      const t = await task(id);
      return t.State === "DONE" || (t.Phase === "fetch" && t.BytesDone > 0);
    });
  await a.stop("SIGKILL");
  // Its lease goes on for a while: what still runs, and is its, was cut.
  const cut = [];
  for (const id of ids) {
    const t = await task(id);
    if (t.State === "RUNNING" && holder(t.TaskId) === a) cut.push(t);
  }
  assert.ok(cut.length > 0, "the first daemon had none");
  for (const id of ids) await sound(id);
  for (const t of cut) assert.equal(holder(t.TaskId), b);
  await a.start();
});

test("one that was asleep finds that the other has its task, and does no harm", async () => {
  const id = await begin("asleep", { pause: 400 });
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
  await a.stop();
  await b.stop();
  ({ a, b, alice } = await pair(60));
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await begin(`stopped-${n}`, { pause: 400 }));
  for (const id of ids) await until(async () => holder((await task(id)).TaskId));
  assert.equal(await a.stop(), 0);
  const stopped = Date.now();
  const his = (event) => a.lines().filter((l) => l.event === event && l.kind === "import")
    .map((l) => l.task);
  const back = his("task-begins").filter((id) => !his("task-done").includes(id));
  assert.ok(back.length > 0, "the first daemon had none");
  for (const id of ids) await sound(id);
  for (const id of back) {
    assert.equal(holder(id), b);
    const again = b.lines().filter((l) => l.event === "task-begins" && l.task === id).at(-1);
    assert.ok(Date.parse(again.time) - stopped < 30000, "it waited for the lease");
  }
});
