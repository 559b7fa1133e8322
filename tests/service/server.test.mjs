// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon itself: what it says of itself, its limits, and how it ends.
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { refused, send, sleep, startDaemon, until } from "./lib.mjs";

const d = await startDaemon({ conf: "[server]\nrate = 5\nidle-seconds = 2\nconnections-per-address = 60\n",
  service: "profile = tencent-2016" });
const alice = d.account("alice", "--language", "en");

test("/healthz and /metrics", async () => {
  const health = await send(d.port, { path: "/healthz" });
  assert.deepEqual([health.status, health.text], [200, "ok\n"]);
  const metrics = await send(d.port, { path: "/metrics" });
  assert.equal(metrics.status, 200);
  assert.match(metrics.headers["content-type"], /^text\/plain; version=0\.0\.4/);
  assert.match(metrics.text, /^imgport_http_requests_total\{handler="status",status="200"\} \d+$/m);
  for (const line of metrics.text.trim().split("\n"))
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? -?[\d.]+)$/);
});
test("another path is not found", async () =>
  assert.equal((await send(d.port, { path: "/nothing/here" })).status, 404));

test("more requests a second than allowed are refused, per account and action", async () => {
  const calls = await Promise.allSettled(Array.from({ length: 12 }, () => d.client(alice).DescribeRegions({})));
  const codes = calls.map((c) => c.reason?.code ?? "ok");
  assert.ok(codes.filter((c) => c === "ok").length >= 5, codes.join());
  assert.ok(codes.includes("RequestLimitExceeded"), codes.join());
  assert.ok(codes.every((c) => c === "ok" || c === "RequestLimitExceeded"), codes.join());
  await d.client(alice).DescribeZones({});
  await d.client(d.account("bob")).DescribeRegions({});
});

test("five operations a day, the sixth is refused, a dry run is none", async () => {
  const [id] = d.seed({ owner: alice.uin, name: "day" });
  const api = d.client(alice);
  const rename = (n) => api.ModifyImageAttribute({ ImageId: id, ImageName: `day ${n}` });
  const slowly = async (f) => {
    await sleep(250);
    return f();
  };
  await slowly(() => refused(api.ModifyImageAttribute({ ImageId: "img-00000000" }), "InvalidImageId.NotFound"));
  for (let n = 1; n <= 4; n++) await slowly(() => rename(n));
  await slowly(() => api.DeleteImages({ ImageIds: [id], DryRun: true }));
  await slowly(() => api.ModifyImageSharePermission({ ImageId: id, AccountIds: [d.account("eve").uin], Permission: "SHARE" }));
  await slowly(() => refused(api.ModifyImageSharePermission({ ImageId: id, AccountIds: [d.account("fay").uin],
    Permission: "SHARE" }), "LimitExceeded"));
  const [other] = d.seed({ owner: alice.uin, name: "there", region: "ap-shanghai" });
  await slowly(() => d.client(alice, { region: "ap-shanghai" }).DeleteImages({ ImageIds: [other] }));
});

// Bytes on a connection: everything that comes back until it is closed.
const raw = (text, { half = false } = {}) => new Promise((done, fail) => {
  const socket = net.connect(d.port, "127.0.0.1");
  let got = "";
  socket.on("data", (part) => (got += part));
  socket.on("close", () => done(got));
  socket.on("error", fail);
  socket.write(text);
  if (half) socket.end();
});
test("a connection without a request is closed", async () => {
  const begin = Date.now();
  assert.match(await raw("GET / HT"), /^$|408/);
  assert.ok(Date.now() - begin < 10000);
});
test("what is no HTTP is refused", async () => {
  assert.match(await raw("\x16\x03\x01\x02\x00\x01\r\n\r\n", { half: true }), /^$|^HTTP\/1\.[01] 400/);
});
test("a body that never comes is not waited for", async () => {
  const begin = Date.now();
  await raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  assert.ok(Date.now() - begin < 10000);
});
test("an endless header is refused", async () => {
  const got = await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(300000)}\r\n\r\n`).catch((e) => e.code);
  assert.match(got, /^HTTP\/1\.1 4\d\d|ECONNRESET|EPIPE/);
});
test("a Host header is needed", async () =>
  assert.match(await raw("GET / HTTP/1.1\r\n\r\n", { half: true }), /^HTTP\/1\.1 400/));
test("the daemon still answers", async () =>
  assert.equal((await send(d.port, { path: "/healthz" })).status, 200));

test("SIGHUP opens the log again, SIGTERM ends with status 0", async () => {
  const fs = await import("node:fs");
  fs.renameSync(`${d.dir}/log`, `${d.dir}/log.1`);
  d.child.kill("SIGHUP");
  await until(() => fs.existsSync(`${d.dir}/log`));
  await send(d.port, { path: "/healthz" });
  assert.equal(await d.stop(), 0);
  assert.ok(d.lines().some((l) => l.path === "/healthz"));
  assert.ok(d.lines().some((l) => l.event === "stop"));
});

test("TLS", async () => {
  const { execFileSync } = await import("node:child_process");
  const https = await import("node:https");
  const fs = await import("node:fs");
  const os = await import("node:os");
  const dir = fs.mkdtempSync(`${os.tmpdir()}/imgportd-tls-`);
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    "-keyout", `${dir}/key.pem`, "-out", `${dir}/cert.pem`, "-days", "1", "-subj", "/CN=127.0.0.1",
    "-addext", "subjectAltName=IP:127.0.0.1"], { stdio: "ignore" });
  const t = await startDaemon({ conf: `[server]\ntls-certificate = ${dir}/cert.pem\ntls-key = ${dir}/key.pem\n` });
  const text = await new Promise((done, fail) => https.get(`https://127.0.0.1:${t.port}/healthz`,
    { ca: fs.readFileSync(`${dir}/cert.pem`) }, (r) => r.on("data", (part) => done(String(part)))).on("error", fail));
  assert.equal(text, "ok\n");
  fs.rmSync(dir, { recursive: true });
});

test("a configuration that is wrong is told with file and line", async () => {
  const { spawnSync } = await import("node:child_process");
  const fs = await import("node:fs");
  const os = await import("node:os");
  const dir = fs.mkdtempSync(`${os.tmpdir()}/imgportd-conf-`);
  const cases = [
    ["[service]\nlisten = 127.0.0.1:0\nport = 1\n", /:3: unknown key "port" in \[service\]/],
    ["[server]\nworkers = 0\n", /:2: workers: "0" is no number from 1 to 256/],
    ["[server]\ntls-key = x\n", /tls-certificate and tls-key go together/],
    ["listen = x\n", /:1: key "listen" before the first section/],
    ["[service]\nregions = ap-guangzhou\n[region ap-tokyo]\n", /\[region ap-tokyo\] is not among "regions"/],
    ["[jobs]\nstaging-max = 1\n", /bad size "1"/],
  ];
  for (const [text, want] of cases) {
    fs.writeFileSync(`${dir}/c`, text);
    const r = spawnSync(process.env.IMGPORTD, ["--config", `${dir}/c`, "--check"], { encoding: "utf8" });
    assert.equal(r.status, 2, text);
    assert.match(r.stderr, want);
  }
  const missing = spawnSync(process.env.IMGPORTD, ["--config", `${dir}/none`], { encoding: "utf8" });
  assert.deepEqual([missing.status, missing.stderr], [2, `imgportd: configuration ${dir}/none: No such file or directory\n`]);
  fs.rmSync(dir, { recursive: true });
});

test("what machines could not use of a configuration is told, each of it", async () => {
  const { spawnSync } = await import("node:child_process");
  const fs = await import("node:fs");
  // Others than who runs the tests may look into it.
  const dir = fs.mkdtempSync("/var/tmp/imgportd-conf-"), root = process.getuid() === 0;
  const check = (lines, zone = "zone = ap-guangzhou-1\n", more = "") => {
    fs.writeFileSync(`${dir}/c`, `[instances]\n${zone}${lines}${more}`);
    const r = spawnSync(process.env.IMGPORTD, ["--config", `${dir}/c`, "--check"], { encoding: "utf8" });
    return [r.status, r.stderr.replaceAll("imgportd: [instances] ", "").replaceAll(dir, "")];
  };
  const file = (name, mode, folder = "") => {
    if (folder) fs.mkdirSync(`${dir}/${folder}`, { mode: 0o700 });
    fs.writeFileSync(`${dir}/${folder}${name}`, "#!/bin/sh\n", { mode });
    return `${dir}/${folder}${name}`;
  };
  fs.chmodSync(dir, 0o755);
  const program = file("program", 0o755), plain = file("plain", 0o644), hidden = file("hidden", 0o755, "mine/");
  const none = `${dir}/none`;
  for (const [lines, ...want] of [
    ["", 0, ""],
    [`program = ${program}\nuefi = ${plain}\nuser = nobody\n`, 0, ""],
    [`program = ${none}\n`, 2, "program /none: No such file or directory\n"],
    [`program = ${dir}\n`, 2, "program : Is a directory\n"],
    [`program = ${plain}\n`, 2, "program /plain: Permission denied\n"],
    [`uefi = ${none}\n`, 2, "uefi /none: No such file or directory\n"],
    ["user = no-such-user\n", 2, "there is no user no-such-user\n"],
    ["users = 65500-65599\n", 2, "users 65500-65599: 65534 is the user nobody\n"],
    [`program = ${none}\nuefi = ${dir}\nuser = no-such-user\n`, 2,
      "there is no user no-such-user\nprogram /none: No such file or directory\nuefi : Is a directory\n"],
    // Who carries a guest has to reach it, and not who checks.
    [`user = nobody\nprogram = ${hidden}\nuefi = ${hidden}\n`, ...(root ? [2,
      "program /mine/hidden, as the user nobody: Permission denied\nuefi /mine/hidden, as the user nobody: Permission denied\n"]
      : [0, ""])],
  ]) assert.deepEqual(check(lines), want, lines);
  // Who is no host needs none of it.
  assert.deepEqual(check(`program = ${none}\n`, ""), [0, ""]);
  assert.deepEqual(check(`program = ${none}\n`, undefined, "[jobs]\nrun = no\n"), [0, ""]);
  fs.rmSync(dir, { recursive: true });
});
