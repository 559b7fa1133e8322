// SPDX-License-Identifier: GPL-2.0-or-later
// The object endpoint with the vendor's SDK, in the three ways it can be pointed at a server.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { test } from "node:test";
import { require, send, sleep, startDaemon, until } from "./lib.mjs";

const COS = require("cos-nodejs-sdk-v5");
const d = await startDaemon();
const alice = d.account("alice");
const bob = d.account("bob");
const Region = "ap-guangzhou";
const at = `127.0.0.1:${d.port}`;

const modes = {
  A: { Protocol: "http:", Ip: at },
  B: { Protocol: "http:", Domain: `${at}/{Bucket}`, ServiceDomain: at },
  C: { Protocol: "http:", Proxy: `http://${at}` },
};
const cos = (account, mode = "A", options = {}) => new COS({
  SecretId: account.secretId, SecretKey: account.secretKey, ...modes[mode], ...options,
});
const a = cos(alice);
const b = cos(bob);
const bucketOf = (account, name) => ({ Bucket: `${name}-${account.appId}`, Region });
const md5 = (data) => crypto.createHash("md5").update(data).digest("hex");
const random = (n) => crypto.randomBytes(n);
const MIB = 1 << 20;

async function refused(call, status, code, message) {
  const error = await call.then((r) => assert.fail(`not refused: ${r.statusCode}`), (e) => e);
  assert.equal(error.statusCode, status, `${error.statusCode} ${error.code}: ${error.message}`);
  if (code) assert.equal(error.code, code);
  if (message) assert.match(error.message, message);
  assert.match(error.headers["x-cos-request-id"], /^[0-9a-f-]{36}$/);
}

// A request as it is, without the SDK.
const raw = (target, { method = "GET", headers = {}, body = "" } = {}) => {
  const url = new URL(target, `http://${at}`);
  return send(d.port, { method, path: url.pathname + url.search, body,
    headers: { host: url.host, ...headers } });
};

const main = bucketOf(alice, "main");
await a.putBucket(main);

for (const mode of Object.keys(modes)) {
  test(`an object goes up and comes down, mode ${mode}`, async () => {
    const c = cos(alice, mode);
    const bucket = bucketOf(alice, `mode-${mode.toLowerCase()}`);
    const Key = `磁盘/a +b(1)*!'~&=?#%.img`;
    const Body = random(5000);
    const made = await c.putBucket({ ...bucket, ACL: "public-read" });
    assert.equal(made.statusCode, 200);
    assert.match(made.headers.date, /GMT$/);
    assert.equal(made.headers.server, "tencent-cos");
    assert.ok((await c.getService()).Buckets.some((x) => x.Name === bucket.Bucket && x.Location === Region));
    assert.equal((await c.headBucket(bucket)).statusCode, 200);
    const put = await c.putObject({ ...bucket, Key, Body, ContentType: "image/x", Headers: { "x-cos-meta-a": "b c" } });
    assert.equal(put.ETag, `"${md5(Body)}"`);
    const got = await c.getObject({ ...bucket, Key });
    assert.ok(got.Body.equals(Body));
    assert.equal(got.ETag, put.ETag);
    assert.equal(got.headers["content-type"], "image/x");
    assert.equal(got.headers["x-cos-meta-a"], "b c");
    assert.equal(got.headers["accept-ranges"], "bytes");
    const head = await c.headObject({ ...bucket, Key });
    assert.equal(head.headers["content-length"], "5000");
    assert.equal(head.ETag, put.ETag);
    const range = await c.getObject({ ...bucket, Key, Range: "bytes=1-3" });
    assert.equal(range.statusCode, 206);
    assert.equal(range.headers["content-range"], "bytes 1-3/5000");
    assert.ok(range.Body.equals(Body.subarray(1, 4)));
    const list = await c.getBucket({ ...bucket, Prefix: "磁盘/", EncodingType: "url" });
    assert.deepEqual(list.Contents.map((o) => decodeURIComponent(o.Key)), [Key]);
    assert.equal(list.Contents[0].Size, "5000");
    assert.equal(list.Contents[0].ETag, put.ETag);
    assert.equal((await c.deleteObject({ ...bucket, Key })).statusCode, 204);
    await refused(c.getObject({ ...bucket, Key }), 404, "NoSuchKey");
    assert.equal((await c.deleteBucket(bucket)).statusCode, 204);
    await refused(c.headBucket(bucket), 404);
  });

  test(`a file goes up in slices, mode ${mode}`, async () => {
    const c = cos(alice, mode);
    const FilePath = path.join(d.dir, `slices-${mode}`);
    const data = random(5 * MIB + 77);
    fs.writeFileSync(FilePath, data);
    const Key = `slices/${mode}`;
    const done = await c.uploadFile({ ...main, Key, FilePath, SliceSize: MIB, ChunkSize: MIB });
    assert.match(done.ETag, /^"[0-9a-f]{32}-6"$/);
    const parts = [];
    for (let i = 0; i < data.length; i += MIB) parts.push(crypto.createHash("md5").update(data.subarray(i, i + MIB)).digest());
    assert.equal(done.ETag, `"${md5(Buffer.concat(parts))}-6"`);
    assert.ok((await c.getObject({ ...main, Key })).Body.equals(data));
    // A range over the edge of two parts, and one in the middle of a part.
    for (const [first, last] of [[MIB - 5, MIB + 4], [3 * MIB + 9, 3 * MIB + 9], [0, 2 * MIB]]) {
      const got = await c.getObject({ ...main, Key, Range: `bytes=${first}-${last}` });
      assert.ok(got.Body.equals(data.subarray(first, last + 1)));
    }
    fs.rmSync(FilePath);
  });
}

test("a small file goes up in one request, a stream as well", async () => {
  const FilePath = path.join(d.dir, "small.txt");
  fs.writeFileSync(FilePath, "small");
  assert.equal((await a.uploadFile({ ...main, Key: "small.txt", FilePath })).ETag, `"${md5("small")}"`);
  assert.equal((await a.headObject({ ...main, Key: "small.txt" })).headers["content-type"], "text/plain");
  const put = await a.putObject({ ...main, Key: "stream", Body: fs.createReadStream(FilePath), ContentLength: 5 });
  assert.equal(put.ETag, `"${md5("small")}"`);
  await a.putObject({ ...main, Key: "empty", Body: "" });
  assert.equal((await a.getObject({ ...main, Key: "empty" })).Body.length, 0);
});

test("an upload that was broken off goes on with the parts that are there", async () => {
  const FilePath = path.join(d.dir, "resume");
  const data = random(4 * MIB);
  const Key = "resumed";
  fs.writeFileSync(FilePath, data);
  const { UploadId } = await a.multipartInit({ ...main, Key });
  await a.multipartUpload({ ...main, Key, UploadId, PartNumber: 2, Body: data.subarray(MIB, 2 * MIB) });
  // A line is written when its request is over, which the client may know first.
  await until(() => d.lines().some((l) => l.action === "UploadPart" && l.path === "/resumed"));
  const before = d.lines().length;
  await a.sliceUploadFile({ ...main, Key, FilePath, ChunkSize: MIB });
  const sent = d.lines().slice(before).filter((l) => l.action === "UploadPart");
  assert.equal(sent.length, 3);
  assert.ok((await a.getObject({ ...main, Key })).Body.equals(data));
  const left = await a.multipartList({ ...main, Prefix: Key });
  assert.equal(left.Upload.length, 0);
});

test("parts come in any order and again; what is wrong with their list is told", async () => {
  const Key = "parts";
  const { UploadId } = await a.multipartInit({ ...main, Key, ACL: "public-read" });
  const part = (PartNumber, Body) => a.multipartUpload({ ...main, Key, UploadId, PartNumber, Body });
  const one = random(MIB), two = random(MIB), three = random(7);
  const tags = {};
  tags[3] = (await part(3, three)).ETag;
  tags[1] = (await part(1, random(MIB))).ETag;
  const old = tags[1];
  [tags[1], tags[2]] = (await Promise.all([part(1, one), part(2, two)])).map((r) => r.ETag);
  const list = await a.multipartListPart({ ...main, Key, UploadId, MaxParts: 2 });
  assert.deepEqual(list.Part.map((p) => [p.PartNumber, p.ETag, p.Size]), [["1", tags[1], String(MIB)], ["2", tags[2], String(MIB)]]);
  assert.equal(list.IsTruncated, "true");
  const rest = await a.multipartListPart({ ...main, Key, UploadId, PartNumberMarker: list.NextPartNumberMarker });
  assert.deepEqual(rest.Part.map((p) => p.PartNumber), ["3"]);
  const uploads = await a.multipartList({ ...main, Prefix: "parts" });
  assert.deepEqual(uploads.Upload.map((u) => [u.Key, u.UploadId]), [[Key, UploadId]]);

  const complete = (...numbers) => a.multipartComplete({ ...main, Key, UploadId,
    Parts: numbers.map((n) => (Array.isArray(n) ? { PartNumber: n[0], ETag: n[1] } : { PartNumber: n, ETag: tags[n] })) });
  await refused(complete([1, old]), 400, "InvalidPart");
  await refused(complete(1, [4, tags[1]]), 400, "InvalidPart");
  await refused(complete(2, 1), 400, "InvalidPartOrder");
  await refused(complete(3, [4, tags[1]]), 400, "EntityTooSmall");
  await refused(part(0, "x"), 400, "InvalidArgument");
  await refused(part(10001, "x"), 400, "InvalidArgument");
  await refused(a.getObject({ ...main, Key }), 404, "NoSuchKey");
  await complete(1, 2, 3);
  const got = await raw(`http://${main.Bucket}.cos.${Region}.myqcloud.com/${Key}`);
  assert.equal(got.status, 200, "the ACL of the upload is the object's");
  assert.ok((await a.getObject({ ...main, Key })).Body.equals(Buffer.concat([one, two, three])));
  await refused(complete(1), 404, "NoSuchUpload");
  await refused(part(1, one), 404, "NoSuchUpload");
});

test("an upload is given up", async () => {
  const Key = "given up";
  const { UploadId } = await a.multipartInit({ ...main, Key });
  await a.multipartUpload({ ...main, Key, UploadId, PartNumber: 1, Body: "x" });
  assert.equal((await a.multipartAbort({ ...main, Key, UploadId })).statusCode, 204);
  await refused(a.multipartListPart({ ...main, Key, UploadId }), 404, "NoSuchUpload");
  await refused(a.multipartAbort({ ...main, Key, UploadId }), 404, "NoSuchUpload");
});

test("lists of parts that are no lists are refused", async () => {
  const Key = "bad list";
  const { UploadId } = await a.multipartInit({ ...main, Key });
  const post = async (body) => {
    const Authorization = a.getAuth({ Method: "POST", Key, Query: { uploadId: UploadId }, Expires: 60 });
    const r = await raw(`http://${main.Bucket}.cos.${Region}.myqcloud.com/bad%20list?uploadId=${UploadId}`,
      { method: "POST", body, headers: { authorization: Authorization } });
    return [r.status, /<Code>(.*)<\/Code>/.exec(r.text)?.[1]];
  };
  for (const body of ["", "<", "<a/>", "<CompleteMultipartUpload/>", "<!DOCTYPE x><CompleteMultipartUpload/>",
    "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
    `<CompleteMultipartUpload>${" ".repeat(3 * MIB)}</CompleteMultipartUpload>`])
    assert.deepEqual(await post(body), [400, "MalformedXML"], body.slice(0, 80));
});

test("objects are listed by prefix, delimiter, marker and number", async () => {
  const bucket = bucketOf(alice, "lists");
  await a.putBucket(bucket);
  for (const Key of ["a", "dir/1", "dir/2", "dir/sub/3", "e<&>\"'"]) await a.putObject({ ...bucket, Key, Body: Key });
  const keys = async (q) => {
    const r = await a.getBucket({ ...bucket, ...q });
    return [r.Contents.map((o) => o.Key), r.CommonPrefixes.map((p) => p.Prefix), r.IsTruncated, r.NextMarker];
  };
  assert.deepEqual(await keys({}), [["a", "dir/1", "dir/2", "dir/sub/3", "e<&>\"'"], [], "false", undefined]);
  assert.deepEqual(await keys({ Delimiter: "/" }), [["a", "e<&>\"'"], ["dir/"], "false", undefined]);
  assert.deepEqual(await keys({ Prefix: "dir/", Delimiter: "/" }), [["dir/1", "dir/2"], ["dir/sub/"], "false", undefined]);
  assert.deepEqual(await keys({ MaxKeys: 2 }), [["a", "dir/1"], [], "true", "dir/1"]);
  assert.deepEqual(await keys({ MaxKeys: 2, Marker: "dir/1" }), [["dir/2", "dir/sub/3"], [], "true", "dir/sub/3"]);
  assert.deepEqual(await keys({ MaxKeys: 2, Marker: "dir/sub/3" }), [["e<&>\"'"], [], "false", undefined]);
  await refused(a.getBucket({ ...bucket, MaxKeys: "many" }), 400, "InvalidArgument");
  await refused(a.deleteBucket(bucket), 409, "BucketNotEmpty");
  const gone = await a.deleteMultipleObject({ ...bucket, Objects: ["a", "dir/1", "dir/2", "dir/sub/3", "e<&>\"'", "never"].map((Key) => ({ Key })) });
  assert.equal(gone.Deleted.length, 6);
  await a.deleteBucket(bucket);
});

test("ranges and conditions", async () => {
  const Key = "conditions", url = `http://${main.Bucket}.cos.${Region}.myqcloud.com/${Key}`;
  const { ETag } = await a.putObject({ ...main, Key, Body: "0123456789", ACL: "public-read" });
  const modified = (await a.headObject({ ...main, Key })).headers["last-modified"];
  const past = new Date(Date.parse(modified) - 5000).toUTCString();
  const get = async (headers, method) => {
    const r = await raw(url, { headers, method });
    return [r.status, r.status < 300 ? r.text : r.headers["content-range"] ?? ""];
  };
  for (const [range, status, text] of [
    ["bytes=0-0", 206, "0"], ["bytes=8-100", 206, "89"], ["bytes=5-", 206, "56789"], ["bytes=-3", 206, "789"],
    ["bytes=-100", 206, "0123456789"], ["bytes=10-", 416, "bytes */10"], ["bytes=-0", 416, "bytes */10"],
    ["bytes=3-1", 200, "0123456789"], ["bytes=0-1,3-4", 200, "0123456789"], ["lines=1-2", 200, "0123456789"],
  ]) assert.deepEqual(await get({ range }), [status, text], range);
  for (const [headers, status] of [
    [{ "if-none-match": ETag }, 304], [{ "if-none-match": '"x"' }, 200], [{ "if-none-match": "*" }, 304],
    [{ "if-match": ETag }, 200], [{ "if-match": '"x"' }, 412], [{ "if-match": `"x", ${ETag}` }, 200],
    [{ "if-modified-since": modified }, 304], [{ "if-modified-since": past }, 200],
    [{ "if-unmodified-since": modified }, 200], [{ "if-unmodified-since": past }, 412],
    [{ range: "bytes=1-2", "if-range": ETag }, 206], [{ range: "bytes=1-2", "if-range": '"x"' }, 200],
    [{ "if-modified-since": "yesterday" }, 200],
  ]) assert.equal((await get(headers))[0], status, JSON.stringify(headers));
  await refused(a.getObject({ ...main, Key, Range: "bytes=10-20" }), 416, "InvalidRange");
});

test("what was sent must be what was meant", async () => {
  const good = crypto.createHash("md5").update("hello").digest("base64");
  const put = (ContentMD5) => a.putObject({ ...main, Key: "digest", Body: "hello", Headers: { "Content-MD5": ContentMD5 } });
  await refused(put(crypto.createHash("md5").update("other").digest("base64")), 400, "BadDigest");
  await refused(put("not base64"), 400, "InvalidDigest");
  await refused(a.getObject({ ...main, Key: "digest" }), 404, "NoSuchKey");
  await put(good);
});

test("an upload whose client goes away leaves nothing", async () => {
  const Key = "cut";
  const Authorization = a.getAuth({ Method: "PUT", Key, Expires: 60 });
  await new Promise((done) => {
    const socket = net.connect(d.port, "127.0.0.1", () => {
      socket.write(`PUT /cut HTTP/1.1\r\nHost: ${main.Bucket}.cos.${Region}.myqcloud.com\r\n` +
        `Authorization: ${Authorization}\r\nContent-Length: 3000000\r\n\r\n`);
      socket.write(random(2 * MIB), () => setTimeout(() => { socket.destroy(); done(); }, 100));
    });
  });
  await sleep(200);
  await refused(a.getObject({ ...main, Key }), 404, "NoSuchKey");
  assert.deepEqual(d.blobs.unfinished(), []);
});

test("bytes of what was replaced or deleted are gone from the store", async () => {
  const files = () => d.blobs.list("object/");
  const before = files().length;
  await a.putObject({ ...main, Key: "replaced", Body: "1" });
  await a.putObject({ ...main, Key: "replaced", Body: "2" });
  assert.equal(files().length, before + 1);
  await a.deleteObject({ ...main, Key: "replaced" });
  assert.equal(files().length, before);
});

test("what a crash left is swept at the next start", async () => {
  const e = await startDaemon();
  const carol = e.account("carol");
  const bucket = bucketOf(carol, "crash");
  const c = new COS({ SecretId: carol.secretId, SecretKey: carol.secretKey, Protocol: "http:", Ip: `127.0.0.1:${e.port}` });
  await c.putBucket(bucket);
  await c.putObject({ ...bucket, Key: "k", Body: "x" });
  const { UploadId } = await c.multipartInit({ ...bucket, Key: "u" });
  await c.multipartUpload({ ...bucket, Key: "u", UploadId, PartNumber: 1, Body: "part" });
  const files = () => e.blobs.list().length + e.blobs.unfinished().length;
  assert.equal(files(), 2);
  e.blobs.put(`object/ff/${"f".repeat(32)}`, "orphan");
  if (!process.env.S3_ENDPOINT)
    fs.writeFileSync(path.join(e.dir, "data/objects/.tmp/0123456789abcdef"), "unfinished");
  await e.stop("SIGKILL");
  await e.start();
  // Others may be writing into a catalogue that is a server: there an orphan is kept for a while.
  assert.equal(files(), process.env.STORE_URL ? 3 : 2);
});

test("buckets and objects are their owner's", async () => {
  const theirs = bucketOf(alice, "private");
  await a.putBucket(theirs);
  await refused(a.putBucket(theirs), 409, "BucketAlreadyOwnedByYou");
  await refused(b.putBucket(theirs), 403, "AccessDenied");
  await a.putObject({ ...theirs, Key: "k", Body: "secret" });
  for (const call of [
    () => b.getObject({ ...theirs, Key: "k" }), () => b.putObject({ ...theirs, Key: "k", Body: "x" }),
    () => b.deleteObject({ ...theirs, Key: "k" }), () => b.getBucket(theirs), () => b.deleteBucket(theirs),
    () => b.getBucketAcl(theirs), () => b.putBucketAcl({ ...theirs, ACL: "public-read" }),
    () => b.getObjectAcl({ ...theirs, Key: "k" }), () => b.putObjectAcl({ ...theirs, Key: "k", ACL: "public-read" }),
    () => b.multipartInit({ ...theirs, Key: "k" }), () => b.multipartList(theirs),
    () => b.deleteMultipleObject({ ...theirs, Objects: [{ Key: "k" }] }),
    () => b.getObject({ ...theirs, Key: "not there" }),
  ]) await refused(call(), 403, "AccessDenied", undefined);
  await refused(b.headObject({ ...theirs, Key: "k" }), 403);
  assert.ok(!(await b.getService()).Buckets.some((x) => x.Name === theirs.Bucket));
  assert.equal((await a.getObject({ ...theirs, Key: "k" })).Body.toString(), "secret");
  await refused(a.headBucket(bucketOf(alice, "never")), 404);
  await refused(a.getObject({ ...main, Region: "ap-shanghai", Key: "small.txt" }), 404, "NoSuchBucket");
});

test("ACLs open buckets and objects to all, or to one account", async () => {
  const bucket = bucketOf(alice, "acl"), url = `http://${bucket.Bucket}.cos.${Region}.myqcloud.com/`;
  await a.putBucket(bucket);
  await a.putObject({ ...bucket, Key: "k", Body: "text" });
  const anonymous = async (at, options) => (await raw(url + at, options)).status;
  assert.equal(await anonymous("k"), 403);
  await a.putBucketAcl({ ...bucket, ACL: "public-read" });
  assert.equal((await a.getBucketAcl(bucket)).ACL, "public-read");
  assert.equal(await anonymous("k"), 200);
  assert.equal(await anonymous(""), 200);
  assert.equal(await anonymous("k", { method: "PUT", body: "x" }), 403);
  assert.equal((await a.getObjectAcl({ ...bucket, Key: "k" })).ACL, "default");
  await a.putObjectAcl({ ...bucket, Key: "k", ACL: "private" });
  assert.equal((await a.getObjectAcl({ ...bucket, Key: "k" })).ACL, "private");
  assert.equal(await anonymous("k"), 403, "an object's own ACL beats the bucket's");
  await a.putBucketAcl({ ...bucket, ACL: "private" });
  await a.putObjectAcl({ ...bucket, Key: "k", ACL: "public-read" });
  assert.equal(await anonymous("k"), 200);
  assert.equal(await anonymous(""), 403);
  await a.putBucketAcl({ ...bucket, ACL: "public-read-write" });
  assert.equal(await anonymous("other", { method: "PUT", body: "x" }), 200);
  await refused(a.putObjectAcl({ ...bucket, Key: "k", ACL: "public-read-write" }), 400, "InvalidArgument");

  await a.putBucketAcl({ ...bucket, ACL: "private" });
  await a.putObjectAcl({ ...bucket, Key: "k", ACL: "default" });
  await a.putBucketAcl({ ...bucket, GrantRead: `id="qcs::cam::uin/${bob.uin}:uin/${bob.uin}"` });
  assert.equal((await b.getObject({ ...bucket, Key: "k" })).Body.toString(), "text");
  await refused(b.putObject({ ...bucket, Key: "k", Body: "x" }), 403, "AccessDenied");
  const owner = `qcs::cam::uin/${alice.uin}:uin/${alice.uin}`;
  await a.putBucketAcl({ ...bucket, AccessControlPolicy: { Owner: { ID: owner }, Grants: [
    { Grantee: { ID: `qcs::cam::uin/${bob.uin}:uin/${bob.uin}` }, Permission: "FULL_CONTROL" },
    { Grantee: { URI: "http://cam.qcloud.com/groups/global/AllUsers" }, Permission: "READ" }] } });
  await b.putObject({ ...bucket, Key: "k", Body: "by bob" });
  assert.equal(await anonymous("k"), 200);
  const acl = await b.getBucketAcl(bucket);
  assert.deepEqual(acl.Grants.map((g) => g.Permission).sort(), ["FULL_CONTROL", "FULL_CONTROL", "READ"]);
});

const linkOf = (c, options) => c.getObjectUrl({ Sign: true, ...options }, () => {});

test("links serve who has no key, for their time, and nothing else", async () => {
  const bucket = { ...bucketOf(alice, "links") };
  await a.putBucket({ ...bucket, Headers: { "x-imgport-one-time-links": "no" } });
  await a.putObject({ ...bucket, Key: "a/disk 1.img", Body: "disk" });
  const link = linkOf(a, { ...bucket, Key: "a/disk 1.img", Expires: 60 });
  for (let i = 0; i < 2; i++) assert.deepEqual([(await raw(link)).status, (await raw(link)).text], [200, "disk"]);
  const code = async (url, options) => {
    const r = await raw(url, options);
    return `${r.status} ${/<Code>(.*)<\/Code>/.exec(r.text)?.[1]} ${/<Message>(.*)<\/Message>/.exec(r.text)?.[1]}`;
  };
  const expired = linkOf(a, { ...bucket, Key: "a/disk 1.img", Expires: -10 });
  assert.equal(await code(expired), "403 AccessDenied Request has expired");
  assert.match(await code(link.replace("disk%201", "disk%202")), /^403 SignatureDoesNotMatch/);
  assert.match(await code(link.replace(/q-signature=./, "q-signature=z")), /^400 InvalidArgument/);
  assert.match(await code(link.replace(/q-ak=[^&]*/, "q-ak=AKIDnobody")), /^403 InvalidAccessKeyId/);
  assert.match(await code(link, { method: "DELETE" }), /^403 SignatureDoesNotMatch/);
  assert.match(await code(`${link}&acl`), /^403 SignatureDoesNotMatch/);
  assert.match(await code(`${link}&response-content-type=text/html`), /^400 InvalidArgument/);
  const dressed = linkOf(a, { ...bucket, Key: "a/disk 1.img", Query: { "response-content-type": "text/html" } });
  assert.equal((await raw(dressed)).headers["content-type"], "text/html");
  assert.match(await code(linkOf(b, { ...bucket, Key: "a/disk 1.img" })), /^403 AccessDenied/);
  // What is meant to put an object puts that object.
  const up = linkOf(a, { ...bucket, Key: "up", Method: "PUT" });
  assert.equal((await raw(up, { method: "PUT", body: "sent" })).status, 200);
  assert.match(await code(up), /^403 SignatureDoesNotMatch/);
});

test("a link that serves once is spent by the first full GET", async () => {
  const bucket = bucketOf(alice, "once");
  await a.putBucket({ ...bucket, Headers: { "x-imgport-one-time-links": "yes" } });
  assert.equal((await a.headBucket(bucket)).headers["x-imgport-one-time-links"], "yes");
  await a.putObject({ ...bucket, Key: "k", Body: "once only" });
  const link = linkOf(a, { ...bucket, Key: "k", Expires: 60 });
  // None of these is a full GET that is answered.
  assert.equal((await raw(link, { headers: { range: "bytes=0-3" } })).status, 206);
  assert.equal((await raw(link, { headers: { "if-match": '"x"' } })).status, 412);
  assert.equal((await raw(link, { headers: { "if-none-match": "*" } })).status, 304);
  assert.equal((await raw(link, { method: "HEAD" })).status, 403);
  assert.equal((await raw(`${link}&acl`)).status, 403);
  const first = await raw(link);
  assert.deepEqual([first.status, first.text], [200, "once only"]);
  const again = await raw(link);
  assert.equal(again.status, 403);
  assert.match(again.text, /AccessDenied.*Request has been used/s);
  assert.equal((await raw(link, { headers: { range: "bytes=0-3" } })).status, 403);
  // A range that is all of it counts; another link, and a signed header, do not care.
  const other = linkOf(a, { ...bucket, Key: "k", Expires: 61 });
  assert.equal((await raw(other, { headers: { range: "bytes=0-" } })).status, 206);
  assert.equal((await raw(other)).status, 403);
  for (let i = 0; i < 2; i++) await a.getObject({ ...bucket, Key: "k" });
  // Of many at once, one.
  const race = linkOf(a, { ...bucket, Key: "k", Expires: 62 });
  const got = await Promise.all(Array.from({ length: 8 }, () => raw(race).then((r) => r.status, () => 0)));
  assert.equal(got.filter((s) => s === 200).length, 1, got.join());
  // By default links serve once.
  await a.putObject({ ...main, Key: "default", Body: "x" });
  const byDefault = linkOf(a, { ...main, Key: "default" });
  assert.deepEqual([(await raw(byDefault)).status, (await raw(byDefault)).status], [200, 403]);
});

test("keys and signatures that are wrong are told apart", async () => {
  const wrong = cos({ ...alice, secretKey: "0".repeat(32) });
  await refused(wrong.getObject({ ...main, Key: "small.txt" }), 403, "SignatureDoesNotMatch");
  const nobody = cos({ secretId: "AKIDnobody", secretKey: "x" });
  await refused(nobody.getBucket(main), 403, "InvalidAccessKeyId");
  const url = `http://${main.Bucket}.cos.${Region}.myqcloud.com/small.txt`;
  const now = Math.floor(Date.now() / 1000);
  const signed = (KeyTime) => raw(url, { headers: { authorization: COS.getAuthorization({
    SecretId: alice.secretId, SecretKey: alice.secretKey, Method: "GET", Key: "small.txt", KeyTime }) } });
  assert.equal((await signed(`${now - 5};${now + 50}`)).status, 200);
  assert.match((await signed(`${now - 500};${now - 400}`)).text, /Request has expired/);
  assert.match((await signed(`${now + 5000};${now + 6000}`)).text, /RequestTimeTooSkewed/);
  // What means nothing is nobody's: private, so denied.
  assert.match((await raw(url, { headers: { authorization: "Basic eDp5" } })).text, /AccessDenied/);
  assert.match((await raw(url)).text, /AccessDenied/);
  assert.match((await raw(url, { headers: { authorization: "q-sign-algorithm=sha1&q-ak=x" } })).text, /InvalidArgument/);
});

test("what is not provided is said, and does nothing", async () => {
  const url = `http://${main.Bucket}.cos.${Region}.myqcloud.com/`;
  await refused(a.putObjectCopy({ ...main, Key: "copy", CopySource: `${main.Bucket}.cos.${Region}.myqcloud.com/small.txt` }), 501, "NotImplemented");
  await refused(a.getObject({ ...main, Key: "copy" }), 404, "NoSuchKey");
  await refused(a.getBucketCors(main).then((r) => r, (e) => { throw e; }), 501, "NotImplemented");
  assert.equal((await raw(url, { method: "PATCH" })).status, 405);
  assert.equal((await raw(`${url}%zz`)).status, 400);
  assert.match((await raw(`${url}${"k".repeat(851)}`, { method: "PUT", body: "x" })).text, /KeyTooLong/);
  await refused(a.putObject({ ...main, Key: "meta", Body: "x", Headers: { "x-cos-meta-a": "m".repeat(3000) } }), 400, "MetadataTooLarge");
});

test("a bucket of a configured domain, and the region's own path style", async () => {
  const e = await startDaemon({ conf: "[region ap-guangzhou]\ncos-domains = cos.lab.example\n" });
  const carol = e.account("carol");
  const c = new COS({ SecretId: carol.secretId, SecretKey: carol.secretKey, Protocol: "http:",
    Domain: "{Bucket}.cos.lab.example", Ip: `127.0.0.1:${e.port}` });
  const bucket = bucketOf(carol, "lab");
  await c.putBucket(bucket);
  await c.putObject({ ...bucket, Key: "k", Body: "x", ACL: "public-read" });
  const get = (host, at) => send(e.port, { path: at, headers: { host } });
  assert.equal((await get(`${bucket.Bucket}.cos.lab.example`, "/k")).text, "x");
  assert.equal((await get("cos.lab.example:8080", `/${bucket.Bucket}/k`)).text, "x");
  assert.equal((await get(`cos.${Region}.myqcloud.com`, `/${bucket.Bucket}/k`)).text, "x");
  assert.equal((await get(`${bucket.Bucket}.cosgz.myqcloud.com`, "/k")).text, "x");
});
