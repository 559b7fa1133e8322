// SPDX-License-Identifier: GPL-2.0-or-later
// imgport bucket and object, and exports that are fetched, against a real imgportd, and through a
// server in between that spoils what comes.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { test } from "node:test";
import { require, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const d = await startDaemon();
const alice = d.account("alice", "--language", "en"), bob = d.account("bob", "--language", "en");
const who = (account, port = d.port) => ({ IMGPORT_ENDPOINT: `http://127.0.0.1:${port}`, PATH: process.env.PATH,
  TENCENTCLOUD_SECRET_ID: account.secretId, TENCENTCLOUD_SECRET_KEY: account.secretKey,
  HOME: d.dir, LC_ALL: "C.UTF-8", LANGUAGE: "" });
const begin = (command, words, env, cwd) => {
  const child = spawn(command, words, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const out = [];
  let err = "";
  child.stdout.on("data", (piece) => out.push(piece));
  child.stderr.on("data", (text) => (err += text));
  const ended = new Promise((done) => child.on("close", (status, signal) =>
    done({ status, signal, err, bytes: Buffer.concat(out), out: Buffer.concat(out).toString() })));
  return { child, ended };
};
const cli = (words, { env = who(alice), cwd = d.dir } = {}) => begin(process.env.IMGPORT, words, env, cwd).ended;
const good = async (words, how) => {
  const got = await cli(words, how);
  assert.deepEqual([got.status, got.err], [0, ""], words.join(" "));
  return got.out;
};
const json = async (words, how) => JSON.parse(await good([...words, "--json"], how));
const bad = async (words, status, err, how) => {
  const got = await cli(words, how);
  assert.equal(got.status, status, `${words.join(" ")}: ${got.err}`);
  assert.match(got.err, err);
  assert.equal(got.err.trimEnd().split("\n").length, 1, "more than one sentence");
  return got;
};
const bucket = (name, account = alice) => `${name}-${account.appId}`;
// A new folder in the daemon's, and what is in it, hidden files as well.
const folder = () => fs.mkdtempSync(path.join(d.dir, "files-"));
const content = (dir) => Object.fromEntries(fs.readdirSync(dir).sort().map((name) => [name, fs.readFileSync(path.join(dir, name), "latin1")]));
const cos = new COS({ SecretId: alice.secretId, SecretKey: alice.secretKey, Protocol: "http:", Ip: `127.0.0.1:${d.port}` });
const Region = "ap-guangzhou";

await good(["bucket", "create", "disks"]);

// Between imgport and the daemon: spoil({ response, r, body, n }) answers the nth request, to
// which the daemon, that did not see the `hidden` headers, said r and body.
async function between(t, spoil, hidden = []) {
  const asked = [];
  const server = http.createServer((request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      for (const name of hidden) delete request.headers[name];
      const on = http.request({ port: d.port, host: "127.0.0.1", method: request.method, path: request.url, headers: request.headers }, (r) => {
        const body = [];
        r.on("data", (piece) => body.push(piece));
        r.on("end", () => {
          asked.push({ method: request.method, range: request.headers.range });
          spoil({ response, r, body: Buffer.concat(body), n: asked.length });
        });
      });
      on.end(Buffer.concat(pieces));
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, how: { env: who(alice, server.address().port), cwd: folder() } };
}
// Only so much of it, and then no connection.
const cut = ({ response, r, body }, n) => {
  response.writeHead(r.statusCode, r.headers);
  response.write(body.subarray(0, n), () => setTimeout(() => response.destroy(), 20));
};
const pass = ({ response, r, body }) => {
  response.writeHead(r.statusCode, r.headers);
  response.end(body);
};

test("buckets are made, listed and deleted", async () => {
  assert.equal(await good(["bucket", "create", "other", "--region", "ap-shanghai"]), `${bucket("other")}\n`);
  assert.deepEqual(await json(["bucket", "create", bucket("third")]), { BucketName: bucket("third"), Region });
  assert.match(await good(["bucket", "list"]), new RegExp(`^BUCKET +REGION +CREATED\n${bucket("disks")} +${Region} +\\d{4}-\\S+Z\n` +
    `${bucket("other")} +ap-shanghai .*\n${bucket("third")} .*\n$`));
  assert.deepEqual((await json(["bucket", "list"])).BucketSet.map((b) => [b.BucketName, b.Region])[1], [bucket("other"), "ap-shanghai"]);
  assert.equal(await good(["bucket", "list"], { env: who(bob) }), "");
  await bad(["bucket", "create", "disks"], 1, new RegExp(`there is a bucket ${bucket("disks")} already \\(BucketAlreadyOwnedByYou\\)`));
  await bad(["bucket", "create", bucket("disks", bob)], 1, /another account's APPID \(AccessDenied\)/);
  await bad(["bucket", "delete", "other"], 1, /there is no bucket other-\d+ in ap-guangzhou \(NoSuchBucket\)/);
  await bad(["bucket", "delete", "other", "--lang", "zh"], 1, /没有存储桶 other-\d+ \(NoSuchBucket\)/);
  assert.equal(await good(["bucket", "delete", "other", "--region", "ap-shanghai"]), "");
  await good(["bucket", "delete", "third"]);
  assert.equal((await json(["bucket", "list"])).TotalCount, 1);
  for (const name of ["Disks", "a_b", "x\r\nX-Evil: 1", `a\r\nb-${alice.appId}`])
    await bad(["bucket", "create", name], 2, /is no name of a bucket/);
  await bad(["bucket", "create", bucket("x"), "--region", "ap/moon"], 2, /"ap\/moon" is no name of a region/);
  await bad(["bucket", "list", "disks"], 2, /one argument too many: disks/);
  await bad(["bucket", "create"], 2, /argument is missing/);
  await bad(["bucket", "melt"], 2, /unknown word "melt"/);
});

test("a file goes up and comes down", async () => {
  const cwd = folder(), here = { cwd }, odd = "磁盘/a +b(1)*!'~&=?#%/../.img";
  fs.writeFileSync(path.join(cwd, "web.qcow2"), "some bytes");
  fs.writeFileSync(path.join(cwd, "empty"), "");
  assert.equal(await good(["object", "put", "web.qcow2", "disks/"], here), `${bucket("disks")}/web.qcow2\n`);
  assert.deepEqual(await json(["object", "put", "web.qcow2", `${bucket("disks")}/${odd}`], here),
    { BucketName: bucket("disks"), Key: odd, Size: 10 });
  assert.equal(await good(["object", "put", "empty", "--bucket", "disks"], here), `${bucket("disks")}/empty\n`);
  assert.equal((await cos.getObject({ Bucket: bucket("disks"), Region, Key: odd })).Body.toString(), "some bytes");
  const { ObjectSet, TotalCount } = await json(["object", "list", "disks"]);
  assert.deepEqual([TotalCount, ObjectSet.map((o) => [o.Key, o.Size])], [3, [["empty", 0], ["web.qcow2", 10], [odd, 10]]]);
  assert.match(ObjectSet[1].LastModified, /^\d{4}-\d\d-\d\dT\S+Z$/);
  assert.equal(ObjectSet[1].ETag, crypto.createHash("md5").update("some bytes").digest("hex"));
  assert.match(await good(["object", "list", "--bucket", "disks", "--prefix", "w"]), /^BYTES +MODIFIED +KEY\n10 +\S+Z +web\.qcow2\n$/);
  assert.equal(await good(["object", "get", odd, "--bucket", "disks"], here), ".img\n");
  assert.equal(await good(["object", "get", "disks/web.qcow2", "-"], here), "some bytes");
  assert.deepEqual(await json(["object", "get", "disks/empty", "none"], here),
    { BucketName: bucket("disks"), Key: "empty", Size: 0, File: "none", Checked: true });
  fs.mkdirSync(path.join(cwd, "dir"));
  assert.equal(await good(["object", "get", "disks/web.qcow2", "dir"], here), "dir/web.qcow2\n");
  assert.deepEqual(content(path.join(cwd, "dir")), { "web.qcow2": "some bytes" });
  fs.rmSync(path.join(cwd, "dir"), { recursive: true });
  // What is there stays, unless it is said.
  fs.writeFileSync(path.join(cwd, "mine"), "my own");
  await bad(["object", "get", "disks/web.qcow2", "mine"], 2, /mine: exists; --overwrite replaces it/, here);
  assert.deepEqual(content(cwd), { ".img": "some bytes", empty: "", mine: "my own", none: "", "web.qcow2": "some bytes" });
  await good(["object", "get", "disks/web.qcow2", "mine", "--overwrite"], here);
  assert.equal(content(cwd).mine, "some bytes");
  await bad(["bucket", "delete", "disks"], 1, /the bucket disks-\d+ still has objects, .* \(BucketNotEmpty\)/);
  assert.equal(await good(["object", "delete", "disks/empty", `disks/${odd}`]), "");
  await bad(["object", "delete", "disks/empty", "disks/web.qcow2"], 1, /has no object empty \(NoSuchKey\)/);
  assert.equal(await good(["object", "list", "disks"]), "");
});

test("many objects are deleted at once, whatever the service's limit is", async (t) => {
  const keys = Array.from({ length: 14 }, (_, n) => `k${n}`), Bucket = bucket("disks");
  for (const Key of keys) await cos.putObject({ Bucket, Region, Key, Body: "x" });
  // Whose bucket it is, is asked once: the first time it was too often.
  const limited = JSON.stringify({ Response: { Error: { Code: "RequestLimitExceeded", Message: "too many" }, RequestId: "x" } });
  const { asked, how } = await between(t, (x) => (x.n === 1 ? x.response.end(limited) : pass(x)));
  await good(["object", "delete", ...keys.map((key) => `disks/${key}`)], how);
  assert.equal(asked.filter(({ method }) => method === "POST").length, 2);
  assert.equal(await good(["object", "list", "disks"]), "");
  // What changes something is not asked again, and nothing is for ever.
  const always = await between(t, ({ response }) => response.end(limited));
  await bad(["image", "delete", "img-00000000"], 1, /too many \(RequestLimitExceeded\)/, always.how);
  assert.equal(always.asked.length, 1);
  await bad(["object", "list", "disks"], 1, /too many \(RequestLimitExceeded\)/, always.how);
  assert.equal(always.asked.length, 6);
});

test("what cannot be had or put is told in one sentence, and leaves nothing", async () => {
  const cwd = folder(), here = { cwd };
  fs.writeFileSync(path.join(cwd, "a"), "a");
  const before = content(cwd);
  await good(["object", "put", "a", "disks/secret"], here);
  for (const [words, status, err, how = here] of [
    [["get", "disks/nothing"], 1, /disks-\d+ has no object nothing \(NoSuchKey\)/],
    [["get", "nothing/x"], 1, /there is no bucket nothing-\d+ in ap-guangzhou/],
    [["get", "disks/nothing", "--lang", "zh"], 1, /没有对象 nothing \(NoSuchKey\)/],
    [["put", "a", "nothing/x"], 1, /there is no bucket nothing-/],
    [["list", "nothing"], 1, /there is no bucket nothing-/],
    [["delete", "disks/secret", "--prefix", "s"], 2, /delete has no option --prefix/], [["get", "disks/secret", "--unfinished"], 2, /get has no option --unfinished/],
    [["list", "disks", "--expires", "5", "--overwrite"], 2, /list has no option --expires/], [["put", "a", "disks/", "--overwrite"], 2, /put has no option --overwrite/],
    [["delete", "nothing/x"], 1, /there is no bucket nothing-/],
    [["get", `${bucket("disks")}/secret`], 1, /this account may not do that \(AccessDenied\)/, { cwd, env: who(bob) }],
    [["put", "a", `${bucket("disks")}/x`], 1, /this account may not do that \(AccessDenied\)/, { cwd, env: who(bob) }],
    [["list", bucket("disks")], 1, /\(AccessDenied\)/, { cwd, env: who(bob) }],
    [["delete", `${bucket("disks")}/secret`], 1, /\(AccessDenied\)/, { cwd, env: who(bob) }],
    [["get", `${bucket("disks")}/secret`], 1, /\(SignatureDoesNotMatch\)/, { cwd, env: who({ ...alice, secretKey: "x" }) }],
    [["get", `${bucket("disks")}/secret`], 3, /127\.0\.0\.1/, { cwd, env: who(alice, 1) }],
    [["get", "disks/secret", "none/x", "--lang", "zh"], 3, /^imgport: [^a-z]+none\/x: open folder none\/: No such file/],
    [["get", "disks/secret", "none/x"], 3, /none\/x: open folder none\/: No such file/],
    [["get", "disks/secret", "/dev/full"], 2, /exists and is not a regular file/],
    [["put", "nothing", "disks/x"], 3, /nothing: open: No such file/],
    [["put", ".", "disks/x"], 3, /only a regular file is uploaded/],
    [["put", "a", `disks/${"x".repeat(851)}`], 1, /\(KeyTooLong\)/],
    // What is too long for a sentence is cut where that is to be seen.
    [["get", `disks/${"k".repeat(400)}`, "x"], 1, /has no object k{147}\.\.\. \(NoSuchKey\)/], [["delete", `disks/${"k".repeat(150)}`], 1, /has no object k{150} \(NoSuchKey\)/],
    [["put", `${"f".repeat(200)}/x`, "disks/x"], 3, /^imgport: f{200}\/x: open: No such file/], [["list", "b".repeat(101)], 2, /"b{97}\.\.\." is no name of a bucket/],
    [["put", `${"f/".repeat(900)}x`, "disks/x"], 3, /^imgport: [f/]{400,}\.\.\.: open: No such file/],
    [["put", "a"], 2, /put wants BUCKET\/KEY, or --bucket/], [["put", "a", "disks"], 2, /"disks" is no object: BUCKET\/KEY/],
    [["get", "x"], 2, /"x" is no object/], [["get", "disks/"], 2, /names a bucket, and no object in it/],
    [["get", "Disks/x"], 2, /"Disks" is no name of a bucket/], [["get", "disks/dir/"], 2, /is no name of a file; name the FILE/],
    [["get", "disks/x", "-", "--json"], 2, /exclude each other/], [["list"], 2, /list wants one bucket/],
    [["list", "disks", "--bucket", "disks"], 2, /list wants one bucket/],
    [["url", "disks/x", "--expires", "0"], 2, /--expires takes seconds/], [["url", "disks/x", "--expires", "1d"], 2, /--expires takes seconds/],
    [["melt"], 2, /unknown word "melt"/], [["get"], 2, /argument is missing/], [["list", "a", "b"], 2, /one argument too many: b/],
  ]) await bad(["object", ...words], status, err, how);
  assert.deepEqual(content(cwd), before);
  assert.deepEqual((await json(["object", "list", "disks"])).ObjectSet.map((o) => o.Key), ["secret"]);
  // The folder has room for a part of it only.
  fs.writeFileSync(path.join(cwd, "large"), Buffer.alloc(3 << 20, 1));
  await good(["object", "put", "large", "disks/large"], here);
  const small = folder(), user = process.getuid() === 0 ? [] : ["--user", "--map-root-user"];
  const full = await begin("unshare", ["--mount", ...user, "--", "sh", "-c",
    'mount -t tmpfs -o size=1m none "$0" && cd "$0" && "$1" object get disks/large; echo $? $(ls -A)', small, process.env.IMGPORT],
  who(alice), d.dir).ended;
  assert.deepEqual([full.out, full.err], ["3\n", "imgport: large: write: No space left on device\n"]);
  const stdout = await begin("sh", ["-c", '"$0" object get disks/large - >/dev/full', process.env.IMGPORT], who(alice), d.dir).ended;
  assert.deepEqual([stdout.status, stdout.err], [3, "imgport: standard output: write: No space left on device\n"]);
  await good(["object", "delete", "disks/large", "disks/secret"]);
});

test("a name cannot hurt a terminal", async () => {
  const cwd = folder(), here = { cwd }, name = "a\u001b[31mb\\c";
  fs.writeFileSync(path.join(cwd, "x"), "x");
  assert.equal(await good(["object", "put", "x", `disks/${name}`], here), `${bucket("disks")}/a\\x1b[31mb\\x5cc\n`);
  assert.equal(await good(["object", "get", `disks/${name}`], here), "a\\x1b[31mb\\x5cc\n");
  assert.deepEqual(content(cwd), { [name]: "x", x: "x" });
  // What is only text stays as it is, for programs as well.
  assert.equal(await good(["object", "get", `disks/${name}`, "b\\c"], here), "b\\c\n");
  await good(["object", "delete", `disks/${name}`]);
});

test("a list of several pages is whole", async () => {
  await good(["bucket", "create", "many"]);
  d.sql(`INSERT INTO object (id, bucket, name, size, etag, content_type, headers, acl, grants, modified)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
    SELECT 900000 + i, '${bucket("many")}', CASE WHEN i < 2000 THEN 'a/b c&%-' ELSE 'c/' END || (100000 + i), i, 'd41d8cd98f00b204e9800998ecf8427e', '',
    '', 0, '', 1600000000 FROM n`);
  const { TotalCount, ObjectSet } = await json(["object", "list", "many"]);
  assert.equal(TotalCount, 2500);
  assert.deepEqual(ObjectSet.map((o) => o.Size), Array.from({ length: 2500 }, (_, i) => i + 1));
  assert.equal(ObjectSet[1200].Key, "a/b c&%-101201");
  assert.equal((await json(["object", "list", "many", "--prefix", "c/1"])).TotalCount, 501);
});

test("uploads that were not finished are listed and dropped", async () => {
  await good(["bucket", "create", "half"]);
  const at = { Bucket: bucket("half"), Region };
  for (const Key of ["a", "a", "a/b c", "z"]) await cos.multipartInit({ ...at, Key });
  await bad(["bucket", "delete", "half"], 1, /uploads that were not finished \(BucketNotEmpty\)/);
  assert.equal(await good(["object", "list", "half"]), "");
  assert.match(await good(["object", "list", "half", "--unfinished"]), /^BEGUN +KEY\n(\d{4}-\S+Z {2}a\n){2}\S+ {2}a\/b c\n\S+ {2}z\n$/);
  assert.deepEqual((await json(["object", "list", "half", "--unfinished", "--prefix", "a/"])).UploadSet.map((u) => u.Key), ["a/b c"]);
  await bad(["object", "delete", "half/b", "--unfinished"], 1, /has no unfinished upload of b \(NoSuchUpload\)/);
  await bad(["object", "delete", "half/a"], 1, /has no object a/);
  assert.equal(await good(["object", "delete", "half/a", "half/z", "--unfinished"]), "");
  assert.deepEqual((await cos.multipartList(at)).Upload.map((u) => u.Key), ["a/b c"]);
  await good(["object", "delete", "half/a/b c", "--unfinished"]);
  // More than a page, and of one key.
  d.sql(`INSERT INTO upload (id, bucket, name, owner, content_type, headers, acl, grants, created)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
    SELECT 'u' || (10000 + i), '${at.Bucket}', 'same', '${alice.uin}', '', '', 0, '', 1600000000 FROM n`);
  assert.equal((await json(["object", "list", "half", "--unfinished"])).TotalCount, 1500);
  d.sql("DELETE FROM upload WHERE name = 'same'");
  await good(["bucket", "delete", "half"]);
});

test("a server whose lists never end is not followed for ever", async (t) => {
  const page = (key) => `<ListBucketResult><IsTruncated>true</IsTruncated>${key ? `<Contents><Key>${key}</Key><Size>1</Size></Contents>` : ""}</ListBucketResult>`;
  for (const [key, err] of [["same", /is not in order/], ["", /does not go on/]]) {
    const { how } = await between(t, ({ response }) => response.end(page(key)));
    await bad(["object", "list", bucket("disks")], 3, err, how);
  }
});

test("a connection that breaks is made again, and the rest asked for", async (t) => {
  const Key = "broken", body = crypto.randomBytes(1 << 20), name = `${bucket("disks")}/${Key}`;
  const put = (Body) => cos.putObject({ Bucket: bucket("disks"), Region, Key, Body });
  await put(body);
  const whole = body.toString("latin1");
  // Seconds pass between their tries: all at once.
  const once = await between(t, (x) => (x.n === 1 ? cut(x, 300000) : pass(x)));
  const stdout = await between(t, (x) => (x.n === 1 ? cut(x, 300000) : pass(x)));
  const never = await between(t, (x) => (x.n === 1 ? cut(x, 300000) : x.response.destroy()));
  const noRanges = await between(t, (x) => (x.n === 1 ? cut(x, 300000) : pass(x)), ["range"]);
  const [got, { bytes }] = await Promise.all([
    json(["object", "get", name], once.how),
    cli(["object", "get", name, "-"], stdout.how),
    bad(["object", "get", name], 3, /127\.0\.0\.1/, never.how),
    bad(["object", "get", name], 3, /the server has no ranges to go on with/, noRanges.how),
  ]);
  assert.deepEqual([got.Size, got.Checked], [1 << 20, true]);
  assert.deepEqual(content(once.how.cwd), { [Key]: whole });
  assert.match(once.asked[1].range, /^bytes=[1-9]\d*-$/);
  assert.equal(bytes.toString("latin1"), whole);
  assert.equal(never.asked.length, 3);
  const spoilt = await between(t, (x) => {
    x.body[70000] ^= 1;
    pass(x);
  });
  await bad(["object", "get", name], 3, /did not arrive as it is: its MD5 is [0-9a-f]{32}, that of the object [0-9a-f]{32}$/m, spoilt.how);
  const replaced = await between(t, async (x) => {
    if (x.n > 1) return pass(x);
    await put(crypto.randomBytes(1 << 20));
    cut(x, 300000);
  });
  await bad(["object", "get", name], 3, /became another object while it was fetched/, replaced.how);
  // Nor by a server that does not mind what the object is to be.
  const mixed = await between(t, async (x) => {
    if (x.n > 1) return pass(x);
    await put(crypto.randomBytes(1 << 20));
    cut(x, 300000);
  }, ["if-match"]);
  await bad(["object", "get", name], 3, /became another object while it was fetched/, mixed.how);
  for (const { how } of [mixed, never, noRanges, spoilt, replaced]) assert.deepEqual(content(how.cwd), {});
  // Whoever ends it finds what was there.
  const slow = await between(t, (x) => {
    x.response.writeHead(200, x.r.headers);
    x.response.write(x.body.subarray(0, 500000));
  });
  fs.writeFileSync(path.join(slow.how.cwd, Key), "mine");
  const { child, ended } = begin(process.env.IMGPORT, ["object", "get", name, "--overwrite"], slow.how.env, slow.how.cwd);
  await until(() => fs.readdirSync(slow.how.cwd).length === 2 && slow.asked.length === 1);
  child.kill("SIGTERM");
  assert.equal((await ended).signal, "SIGTERM");
  assert.deepEqual(content(slow.how.cwd), { [Key]: "mine" });
});

test("an upload that breaks leaves nothing, or says so", async (t) => {
  const cwd = folder();
  fs.writeFileSync(path.join(cwd, "small"), "small");
  fs.writeFileSync(path.join(cwd, "large"), "");
  fs.truncateSync(path.join(cwd, "large"), (256 << 20) + 1);
  // The parts do not arrive, and with `gone` nothing does from then on.
  const server = async (gone) => {
    const asked = [];
    const s = http.createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.url.endsWith("?uploads")) assert.equal(request.headers["x-cos-meta-imgport-part-size"], `${256 << 20}`);
      if (request.method === "POST") response.end("<R><UploadId>abc</UploadId></R>");
      else if (request.method === "DELETE" && !gone) response.writeHead(204), response.end();
      else request.destroy();
    });
    await new Promise((done) => s.listen(0, "127.0.0.1", done));
    t.after(() => s.close());
    return { asked, how: { cwd, env: who(alice, s.address().port) } };
  };
  const there = await server(false), gone = await server(true), put = (file, { how }, err) =>
    bad(["object", "put", file, `${bucket("disks")}/x`], 3, err, how);
  await Promise.all([put("large", there, /^imgport: http:\/\/127\.0\.0\.1:\d+: (?!.*unfinished)/),
    put("large", gone, /what was sent of it stays there unfinished$/m)]);
  assert.equal(there.asked.at(-1), "DELETE /x?uploadId=abc");
  assert.equal(there.asked.filter((line) => line.startsWith("PUT")).length, 3);
  await put("small", gone, /127\.0\.0\.1/);
  fs.rmSync(cwd, { recursive: true });
});

test("the sum of an object in parts is compared", async (t) => {
  // Parts as imgport puts them, but small.
  const at = { Bucket: bucket("disks"), Region, Key: "large" }, body = crypto.randomBytes((2 << 20) + 5), Parts = [];
  const { UploadId } = await cos.multipartInit({ ...at, Headers: { "x-cos-meta-imgport-part-size": `${1 << 20}` } });
  for (let n = 0; n < 3; n++) {
    const { ETag } = await cos.multipartUpload({ ...at, UploadId, PartNumber: n + 1, Body: body.subarray(n << 20, (n + 1) << 20) });
    Parts.push({ PartNumber: n + 1, ETag });
  }
  await cos.multipartComplete({ ...at, UploadId, Parts });
  const cwd = folder(), real = await json(["object", "get", "disks/large"], { cwd });
  assert.deepEqual([real.Size, real.Checked], [body.length, true]);
  assert.deepEqual(content(cwd), { large: body.toString("latin1") });
  await good(["object", "delete", "disks/large"]);
  const md5 = (data) => crypto.createHash("md5").update(data).digest();
  const sum = md5(Buffer.concat(["01234", "56789", "ab"].map(md5))).toString("hex");
  const answers = { right: "0123456789ab", wrong: "0123456789aB" };
  for (const [name, text] of Object.entries(answers)) {
    const { how } = await between(t, ({ response }) => {
      response.writeHead(200, { etag: `"${sum}-3"`, "content-length": 12, "x-cos-meta-imgport-part-size": "5" });
      response.end(text);
    });
    if (name === "right") assert.equal((await json(["object", "get", `${bucket("disks")}/x`], how)).Checked, true);
    else await bad(["object", "get", `${bucket("disks")}/x`], 3, /did not arrive as it is/, how);
  }
  // Of parts that somebody else made, nothing is known.
  const { how } = await between(t, ({ response }) => {
    response.writeHead(200, { etag: `"${sum}-3"`, "content-length": 3 });
    response.end("abc");
  });
  assert.equal((await json(["object", "get", `${bucket("disks")}/x`], how)).Checked, false);
});

test("a link is one that an import takes", async () => {
  const cwd = folder();
  fs.writeFileSync(path.join(cwd, "zeros.raw"), Buffer.alloc(1 << 20));
  await good(["object", "put", "zeros.raw", "disks/"], { cwd });
  const link = (await good(["object", "url", "disks/zeros.raw", "--expires", "600"])).trim();
  const [, start, end] = /q-sign-time=(\d+);(\d+)/.exec(link).map(Number);
  assert.equal(end - start, 660);
  assert.equal((await json(["object", "url", "disks/zeros.raw"])).Url.split("?")[0], link.split("?")[0]);
  const checked = await cli(["image", "check", link, "--json"]);
  assert.deepEqual([checked.status, JSON.parse(checked.out).Code], [1, "PartitionNotPresent"]);
  await good(["object", "delete", "disks/zeros.raw"]);
});

test("an image is exported and fetched", async (t) => {
  const cwd = folder(), here = { cwd };
  const disk = (name, mib) => {
    const raw = path.join(d.dir, `${name}.raw`), file = path.join(d.dir, `${name}.qcow2`);
    fs.writeFileSync(raw, crypto.randomBytes(1 << 20));
    fs.truncateSync(raw, mib << 20);
    execFileSync("qemu-img", ["convert", "-O", "qcow2", raw, file]);
    d.blobs.put(`image/${name}`, fs.readFileSync(file));
    return raw;
  };
  const snaps = (n) => JSON.stringify(["SYSTEM_DISK", "DATA_DISK"].slice(0, n).map((DiskUsage, i) =>
    ({ SnapshotId: `snap-${n}${i}`, DiskUsage, DiskSize: 1 })));
  const system = disk("8-1-0", 4), data = disk("8-1-1", 2);
  const both = { owner: alice.uin, blob: "image/8-1-0", virtual_size: 4 << 20, file_size: 2 << 20 };
  const [one, two] = d.seed({ ...both, name: "one", snapshots: snaps(1) },
    { ...both, name: "two", snapshots: snaps(2), disks: JSON.stringify([{ blob: "image/8-1-1" }]) });
  const same = (file, raw, format) => execFileSync("qemu-img", ["compare", "-f", format, "-F", "raw", path.join(cwd, file), raw]);
  const words = (image, ...more) => ["image", "export", image, "disks", ...more];
  assert.equal(await good(words(one, "--format", "qcow2", "-o", "one.qcow2"), here), `${one}  DONE\none.qcow2\n`);
  same("one.qcow2", system, "qcow2");
  // What could not be written is not exported.
  const tasks = async () => (await json(["task", "list"])).TotalCount, had = await tasks();
  await bad(words(one, "-o", "one.qcow2"), 2, /one\.qcow2: exists; --overwrite replaces it/, here);
  await bad(words(one, "-o", "none/x"), 3, /open folder none\//, here);
  await bad(words(two, "-o", "two.raw"), 2, /-o has to be a folder for an image of 2 disks/, here);
  await bad(words(one, "-o", "-"), 2, /-o takes a file or a folder/, here);
  await bad(["image", "export", one, "nothing", "-o", "x"], 1, /\(\w+/, here);
  assert.equal(await tasks(), had);
  // The file's name says the format, and contradicts none.
  assert.equal(await good(words(one, "-o", "by-name.VMDK"), here), `${one}  DONE\nby-name.VMDK\n`);
  same("by-name.VMDK", system, "vmdk");
  fs.rmSync(path.join(cwd, "by-name.VMDK"));
  await bad(words(one, "--format", "raw", "-o", "x.qcow2"), 2, /--format raw and a file that ends in \.qcow2 exclude/, here);
  const { State, Files } = await json(words(one, "--format", "RAW", "-o", "json.img"), here);
  const Key = `${one}_system_snap-10.raw`;
  assert.deepEqual([State, Files], ["DONE", [{ Key, File: "json.img", Size: 4 << 20, Checked: true }]]);
  same("json.img", system, "raw");
  fs.rmSync(path.join(cwd, "json.img"));
  // What ends early says what is left to do.
  const left = `imgport: still to be fetched: imgport object get ${bucket("disks")}/${Key} 'a b.raw' --overwrite\n`;
  const order = words(one, "-o", "a b.raw", "--overwrite");
  const odd = "\u001b[31m.raw";
  assert.equal(await good(words(one, "-o", odd), here), `${one}  DONE\n\\x1b[31m.raw\n`);
  fs.rmSync(path.join(cwd, odd));
  const gone = await between(t, (x) => (gone.asked[x.n - 1].method === "GET" ? x.response.destroy() : pass(x)));
  const failed = await cli(order, gone.how);
  assert.deepEqual([failed.status, failed.err.split("\n").length, failed.err.endsWith(`\n${left}`)], [3, 3, true], failed.err);
  const endless = await between(t, (x) => {
    x.body = Buffer.from(`${x.body}`.replace(/"State":"\w+"/, '"State":"RUNNING"'));
    delete x.r.headers["content-length"];
    pass(x);
  });
  const { child, ended } = begin(process.env.IMGPORT, order, endless.how.env, endless.how.cwd);
  await until(() => endless.asked.length > 5);
  child.kill("SIGTERM");
  const { signal, err } = await ended;
  assert.equal(signal, "SIGTERM");
  assert.match(err, /^imgport: \d+ goes on; .*\n/);
  assert.ok(err.endsWith(`\n${left}`), err);
  assert.deepEqual([content(gone.how.cwd), content(endless.how.cwd)], [{}, {}]);
  fs.mkdirSync(path.join(cwd, "out"));
  assert.equal(await good(words(two, "--prefix", "dir/p", "-o", "out"), here),
    `${two}  DONE\nout/p_${two}_system_snap-20.raw\nout/p_${two}_data_snap-21.raw\n`);
  same(`out/p_${two}_system_snap-20.raw`, system, "raw");
  same(`out/p_${two}_data_snap-21.raw`, data, "raw");
  assert.deepEqual(fs.readdirSync(cwd).sort(), ["one.qcow2", "out"]);
  assert.equal((await json(["object", "list", "disks", "--prefix", "dir/"])).TotalCount, 2);
});
