// SPDX-License-Identifier: GPL-2.0-or-later
// lib.mjs: an imgportd of its own for each file of tests, and the vendor's SDK pointed at it
//
//     const d = await startDaemon();          a new catalogue, port chosen by the kernel
//     const alice = d.account("alice");       { uin, appId, secretId, secretKey, ... }
//     const api = d.client(alice);            the real SDK
//     await refused(api.DeleteImages({...}), "InvalidImageId.NotFound");
//
// Environment: IMGPORTD, IMGPORT, SEED (programs), IMGPORT_NODE (folder of node_modules).
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import { engines } from "./engines.mjs";

const program = (name) => {
  assert.ok(process.env[name], `$${name} is not set`);
  return process.env[name];
};
const require = createRequire(path.join(program("IMGPORT_NODE"), "here.js"));
const cvm = require("tencentcloud-sdk-nodejs-cvm").cvm.v20170312;
// What the SDK's clients are made of: any action and version by name.
const { AbstractClient } = require("tencentcloud-sdk-nodejs-common");

export { require };

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// What this says, as soon as that is something.
export async function until(what, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; ; await sleep(50)) {
    const got = await what();
    if (got) return got;
    assert.ok(Date.now() < end, `not within ${seconds} seconds: ${what}`);
  }
}

export const here = (name) => fileURLToPath(new URL(name, import.meta.url));

// A disk of make_disk.py: { file, body, wanted: SHA-256 of the image that comes of it }.
export function makeDisk(dir, mib) {
  const file = path.join(dir, "good.raw"), converted = path.join(dir, "good.qcow2");
  execFileSync(here("make_disk.py"), [file, `${mib}`]);
  execFileSync(program("IMGPORT"), ["convert", file, converted], { stdio: "ignore" });
  return { file, body: fs.readFileSync(file), wanted: sha256(fs.readFileSync(converted)) };
}

// The processes that this one has started and that still run.
export function children(pid) {
  // Of processes and threads that end meanwhile: nothing.
  const read = (f) => {
    try {
      return f();
    } catch (e) {
      if (["ENOENT", "ESRCH"].includes(e.code)) return [];
      throw e;
    }
  };
  return read(() => fs.readdirSync(`/proc/${pid}/task`)).flatMap((thread) =>
    read(() => fs.readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number)))
    .filter((child) => read(() => [/^State:\s+[^ZX]/m.test(fs.readFileSync(`/proc/${child}/status`, "utf8"))])[0]);
}

// The processes that name an instance: its machine.
export const processesOf = (id) => fs.readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(id);
  } catch {
    return false;
  }
}).map(Number);

// The text of a configuration with these lines in a section, which it may have or not.
const inSection = (conf, section, lines) => {
  if (!lines) return conf;
  return conf.includes(`[${section}]\n`) ? conf.replace(`[${section}]\n`, `[${section}]\n${lines}`)
    : `${conf}\n[${section}]\n${lines}`;
};

// `beside`: another daemon, whose catalogue and store this one shares.  `s3`: its store (s3.mjs).
// `disk`: the data folder, with what is staged, lies on a tmpfs of that size, in a namespace of
// the daemon's own, or only the folder `at` below the daemon's; daemon.mount("size=90m") changes it.
export async function startDaemon({ conf = "", regions = "ap-guangzhou ap-shanghai", service = "", beside, s3,
  disk, at = "data" } = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "imgportd-"));
  const config = path.join(dir, "imgportd.conf");
  const log = path.join(dir, "log");
  // How much the machine of the tests has free is nobody's business.
  if (conf.includes("[instances]\n") && !/^disk/m.test(conf)) conf = inSection(conf, "instances", "disk = 4TiB\n");
  const on = beside?.engines ?? engines(dir, { s3, disk: at === "data" && disk });
  fs.writeFileSync(config, `[service]
listen = 127.0.0.1:0
data = ${dir}/data
log = ${log}
regions = ${regions}
catalog = ${on.catalog}
objects = ${on.objects}
${service}
${inSection(conf.includes("[server]") ? conf : inSection(conf, "server", "rate = 0\n"), "objects", on.keys)}`);
  const mounted = `${dir}/${at}`;
  const env = { ...process.env, IMGPORTD_CONF: config, ...(disk && at === "data" ? { TMPDIR: mounted } : {}) };
  if (disk) fs.mkdirSync(mounted, { recursive: true });
  const user = process.getuid() === 0 ? [] : ["--user", "--map-root-user"];
  const command = disk ? ["unshare", "--mount", ...user, "--", "sh", "-c",
    'mount -t tmpfs -o "size=$1" none "$2" && exec "$3"', "sh", disk, mounted, program("IMGPORTD")]
    : [program("IMGPORTD")];
  // Where the daemon sees its files.
  const inside = (...words) => disk ? ["nsenter", "-t", `${daemon.child.pid}`, "--mount",
    ...(user.length ? ["--user", "--preserve-credentials"] : []), "--", ...words] : words;
  const run = (words) => {
    const [name, ...rest] = inside(...words);
    return execFileSync(name, rest, { env, encoding: "utf8" });
  };
  // Whole lines only: it may be writing one.
  const lines = () => (fs.existsSync(log) ? fs.readFileSync(log, "utf8") : "")
    .split("\n").slice(0, -1).map((line) => JSON.parse(line));

  const daemon = {
    dir, config, lines, port: 0, child: null, ended: null, engines: on,
    catalog: on.catalog, blobs: on.blobs,
    // Also after stop(); the port is another one then.
    async start() {
      let complaint = "";
      const had = lines().length;
      const child = spawn(command[0], command.slice(1), { env, stdio: ["ignore", "inherit", "pipe"] });
      child.stderr.on("data", (text) => (complaint += text));
      daemon.child = child;
      daemon.ended = new Promise((done) => child.on("exit", (code, signal) => done(code ?? signal)));
      daemon.port = 0;
      for (let i = 0; i < 400 && !daemon.port && child.exitCode === null && child.signalCode === null; i++) {
        await sleep(25);
        const start = lines().slice(had).find((line) => line.event === "start");
        daemon.port = start ? Number(/port (\d+)/.exec(start.message)[1]) : 0;
      }
      assert.ok(daemon.port, `imgportd does not start: ${complaint}`);
    },
    imgport: (...words) => run([program("IMGPORT"), ...words]),
    mount: (options) => run(["mount", "-o", `remount,${options}`, "none", mounted]),
    shell: (text) => run(["sh", "-c", `cd '${mounted}' && ${text}`]),
    account(name, ...options) {
      const j = JSON.parse(daemon.imgport("account", "create", name, "--json", ...options));
      return { uin: j.Uin, appId: j.AppId, secretId: j.SecretId, secretKey: j.SecretKey };
    },
    // Images, or accounts, straight into the catalogue: ids, in the order given.
    seed: (...images) => execFileSync(program("SEED"), [daemon.catalog], {
      input: images.map((i) => JSON.stringify(i)).join("\n") + "\n", encoding: "utf8",
    }).trim().split("\n"),
    profile: ({ language, signMethod, method = "POST" } = {}) => ({
      language, signMethod,
      httpProfile: { endpoint: `127.0.0.1:${daemon.port}`, protocol: "http://", reqMethod: method },
    }),
    client: (account, { region = "ap-guangzhou", ...options } = {}) => new cvm.Client({
      credential: { secretId: account.secretId, secretKey: account.secretKey },
      region, profile: daemon.profile(options),
    }),
    // Calls an action of any version by the SDK.
    own(account, action, params = {}, { region = "ap-guangzhou", version = "2026-11-20", ...options } = {}) {
      const client = new AbstractClient(`127.0.0.1:${daemon.port}`, version, {
        credential: { secretId: account.secretId, secretKey: account.secretKey },
        region, profile: daemon.profile(options),
      });
      return client.request(action, params);
    },
    // What no action does: statements straight into the catalogue; the last one's first column.
    sql(text) {
      if (!daemon.catalog.startsWith("sqlite:"))
        return execFileSync("psql", ["-X", "-q", "-A", "-t", "-d", daemon.catalog, "-c", text], { encoding: "utf8" })
          .replace(/\n$/, "").split("\n");
      return JSON.parse(execFileSync("python3", ["-c", `import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=20)
db.execute("PRAGMA foreign_keys = ON")
for statement in sys.argv[2].split(";"):
    rows = db.execute(statement).fetchall()
db.commit()
print(json.dumps([str(row[0]) for row in rows]))`, daemon.catalog.slice("sqlite:".length), text], { encoding: "utf8" }));
    },
    // A host of a zone that nobody is, heard of until 2100 (`seen`): its tasks stay where they are put.
    zone: (name, { memory = 4096, disk = 4096, subnet = 0x0a420000, prefix = 20, seen = 4102444800 } = {}) => daemon.sql(
      `INSERT INTO zone (name, region, memory_mib, disk_gib, subnet, prefix, seen) VALUES ('${name}',
      '${name.replace(/-\d+$/, "")}', ${memory}, ${disk}, ${subnet}, ${prefix}, ${seen})`),
    // The service's own failure: that table is not found any more.
    loseTable: (name) => daemon.sql(`ALTER TABLE ${name} RENAME TO elsewhere`),
    async stop(signal = "SIGTERM") {
      daemon.child.kill(signal);
      return daemon.ended;
    },
  };
  // Also of a file that ends before its tests begin: nobody waits for what a daemon prints.
  process.on("exit", () => daemon.child?.kill("SIGKILL"));
  after(async () => {
    const { child } = daemon;
    if (child && child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await daemon.ended;
    // Machines outlive it.
    const machines = `${dir}/data/instances`;
    for (const id of fs.existsSync(machines) ? fs.readdirSync(machines) : [])
      if (id.startsWith("ins-")) processesOf(id).forEach((pid) => process.kill(pid, "SIGKILL"));
    fs.rmSync(dir, { recursive: true, force: true });
  });
  await daemon.start();
  return daemon;
}

// The call is refused with this code, a message and a request id.
export async function refused(call, code, message) {
  const error = await call.then(
    (answer) => assert.fail(`not refused: ${JSON.stringify(answer)}`), (e) => e);
  assert.equal(error.code, code, `${error.code}: ${error.message}`);
  assert.ok(error.message, "an error without a message");
  assert.match(error.requestId, /^[0-9a-f-]{36}$/);
  if (message) assert.match(error.message, message);
  return error;
}

export const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");
const hmac = (key, text) => crypto.createHmac("sha256", key).update(text).digest();

// A TC3 request made by hand, so that each part of it can be wrong.
export function tc3({ port, account, action = "DescribeRegions", version = "2017-03-12",
  body = "{}", sent = body, timestamp = Math.floor(Date.now() / 1000), headers = {}, method = "POST",
  query = "", authorization, host = `127.0.0.1:${port}`, signed = ["content-type", "host"],
  payload = body, region = "ap-guangzhou" }) {
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
  const all = { "content-type": "application/json", host, "x-tc-action": action,
    "x-tc-version": version, "x-tc-timestamp": String(timestamp),
    ...(region ? { "x-tc-region": region } : {}), ...headers };
  const canonical = [method, "/", method === "GET" ? query : "",
    ...signed.map((name) => `${name}:${all[name]}`), "", signed.join(";"), sha256(payload)].join("\n");
  const scope = `${date}/cvm/tc3_request`;
  const toSign = ["TC3-HMAC-SHA256", timestamp, scope, sha256(canonical)].join("\n");
  const key = ["cvm", "tc3_request"].reduce(hmac, hmac(`TC3${account.secretKey}`, date));
  const signature = hmac(key, toSign).toString("hex");
  return send(port, { method, path: query ? `/?${query}` : "/", body: sent, headers: { ...all,
    authorization: authorization ?? `TC3-HMAC-SHA256 Credential=${account.secretId}/${scope}, ` +
      `SignedHeaders=${signed.join(";")}, Signature=${signature}` } });
}

// A v1 request made by hand.
export function v1({ port, account, params = {}, method = "GET", drop = [], path: at = "/", hash }) {
  const all = { Action: "DescribeRegions", Version: "2017-03-12", Region: "ap-guangzhou",
    SecretId: account.secretId, Timestamp: Math.floor(Date.now() / 1000),
    Nonce: crypto.randomInt(1, 2 ** 31), ...(hash ? { SignatureMethod: hash } : {}), ...params };
  for (const name of drop) delete all[name];
  const source = `${method}127.0.0.1:${port}${at}?` +
    Object.keys(all).sort().map((k) => `${k}=${all[k]}`).join("&");
  all.Signature ??= crypto.createHmac(hash === "HmacSHA256" ? "sha256" : "sha1", account.secretKey)
    .update(source).digest("base64");
  if (drop.includes("Signature")) delete all.Signature;
  const text = new URLSearchParams(all).toString();
  return send(port, method === "GET" ? { path: `${at}?${text}` } : { method, path: at, body: text,
    headers: { "content-type": "application/x-www-form-urlencoded" } });
}

// { status, headers, text, answer, code }
export function send(port, { method = "GET", path: at = "/", headers = {}, body = "" }) {
  return new Promise((done, fail) => {
    const request = http.request({ port, host: "127.0.0.1", method, path: at,
      headers: body ? { "content-length": Buffer.byteLength(body), ...headers } : headers }, (r) => {
      const parts = [];
      r.on("error", fail);
      r.on("data", (part) => parts.push(part));
      r.on("end", () => {
        const text = Buffer.concat(parts).toString();
        let answer;
        try {
          answer = JSON.parse(text).Response;
        } catch {
          answer = undefined;
        }
        done({ status: r.statusCode, headers: r.headers, text, answer, code: answer?.Error?.Code });
      });
    });
    request.on("error", fail);
    request.end(body);
  });
}
