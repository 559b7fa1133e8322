// SPDX-License-Identifier: GPL-2.0-or-later
// What accounts are told by mail (a real SMTP server), SMS (a stand-in for the vendor's SendSms,
// which cannot be asked from here; it checks the signature as the vendor documents it) and
// webhooks: to whom, what it says, and what becomes of it when the other side will not have it.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { refused, require, sha256, startDaemon, until } from "./lib.mjs";

const { SMTPServer } = require("smtp-server");
const listening = (server) => new Promise((done) => {
  server.listen(0, "127.0.0.1", () => done((server.address ?? (() => server.server.address())).call(server).port));
});

// ---- the other sides

const keys = fs.mkdtempSync(path.join(os.tmpdir(), "notices-"));
after(() => fs.rmSync(keys, { recursive: true, force: true }));
execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2",
  "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", `${keys}/key.pem`, "-out", `${keys}/cert.pem`],
{ stdio: "ignore" });

// Mail as another program reads it, when somebody looks.
const parseMail = (raw) => JSON.parse(execFileSync("python3", ["-c", `
import email, email.policy, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print(json.dumps({"headers": {k.lower(): str(v) for k, v in m.items()}, "defects": [str(d) for d in m.defects],
                  "body": m.get_content()}))`], { input: raw, encoding: "utf8" }));

class Mail {
  #raw; #parsed;
  constructor(session, raw) {
    this.#raw = raw;
    this.from = session.envelope.mailFrom.address;
    this.to = session.envelope.rcptTo.map((a) => a.address);
    this.secure = session.secure;
    this.user = session.user;
  }
  #read() { return (this.#parsed ??= parseMail(this.#raw)); }
  get headers() { return this.#read().headers; }
  get body() { return this.#read().body; }
  get defects() { return this.#read().defects; }
}

const smtp = { mails: [], refuse: () => null, secured: [], users: [] };
const smtpError = (code, text) => Object.assign(new Error(text), { responseCode: code });
const smtpServer = new SMTPServer({
  key: fs.readFileSync(`${keys}/key.pem`), cert: fs.readFileSync(`${keys}/cert.pem`),
  authOptional: true, disabledCommands: [], logger: false,
  onAuth(auth, session, done) {
    smtp.users.push(auth.username);
    done(auth.password === "secret of mail" ? null : smtpError(535, "5.7.8 bad password"), { user: auth.username });
  },
  onMailFrom: (address, session, done) => done(smtp.refuse("from", address.address)),
  onRcptTo: (address, session, done) => done(smtp.refuse("rcpt", address.address)),
  onData(stream, session, done) {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      const to = session.envelope.rcptTo.map((a) => a.address);
      const error = smtp.refuse("data", to[0]);
      if (!error) smtp.mails.push(new Mail(session, Buffer.concat(parts)));
      done(error);
    });
  },
});
smtpServer.on("error", () => {});
const smtpPort = await listening(smtpServer);
after(() => new Promise((done) => smtpServer.close(done)));
const mailsTo = (address) => smtp.mails.filter((m) => m.to.includes(address));

const hook = { got: [], answer: () => 200 };
const hookServer = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString();
    const one = { path: request.url, headers: request.headers, raw: body, ...JSON.parse(body) };
    hook.got.push(one);
    const status = hook.answer(one);
    if (status) response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end("thanks");
    else request.socket.destroy();
  });
});
const hookPort = await listening(hookServer);
after(() => { hookServer.closeAllConnections(); hookServer.close(); });
const hookUrl = (at) => `http://127.0.0.1:${hookPort}/${at}`;
const hooksTo = (at) => hook.got.filter((h) => h.path === `/${at}`);

// TC3 by the vendor's recipe, from what arrives.
const SMS_ID = "AKIDsmsexample0000000000000000000000", SMS_KEY = "secretofsms0000000000000000000";
const sms = { got: [], answer: () => "Ok" };
const hmac = (key, text) => crypto.createHmac("sha256", key).update(text).digest();
const smsServer = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString(), h = request.headers;
    const answer = (o) => response.end(JSON.stringify({ Response: { RequestId: crypto.randomUUID(), ...o } }));
    const m = /^TC3-HMAC-SHA256 Credential=(\S+?)\/(\S+?)\/(\S+?)\/tc3_request, SignedHeaders=content-type;host, Signature=(\w+)$/
      .exec(h.authorization);
    const canonical = ["POST", "/", "", `content-type:${h["content-type"]}`, `host:${h.host}`, "",
      "content-type;host", sha256(body)].join("\n");
    const date = new Date(h["x-tc-timestamp"] * 1000).toISOString().slice(0, 10);
    const scope = `${date}/sms/tc3_request`;
    const key = ["sms", "tc3_request"].reduce(hmac, hmac(`TC3${SMS_KEY}`, date));
    const want = hmac(key, ["TC3-HMAC-SHA256", h["x-tc-timestamp"], scope, sha256(canonical)].join("\n")).toString("hex");
    if (!m || m[1] !== SMS_ID || m[2] !== date || m[3] !== "sms" || m[4] !== want)
      return answer({ Error: { Code: "AuthFailure.SignatureFailure", Message: "bad signature" } });
    const one = { action: h["x-tc-action"], version: h["x-tc-version"], region: h["x-tc-region"], ...JSON.parse(body) };
    sms.got.push(one);
    const code = sms.answer(one);
    if (code.startsWith("!")) return answer({ Error: { Code: code.slice(1), Message: "as asked" } });
    return answer({ SendStatusSet: [{ SerialNo: "1", PhoneNumber: one.PhoneNumberSet[0], Fee: 1,
      SessionContext: one.SessionContext, Code: code, Message: "as asked", IsoCode: "CN" }] });
  });
});
const smsPort = await listening(smsServer);
after(() => { smsServer.closeAllConnections(); smsServer.close(); });

// ---- the daemon

const notice = (more = {}) => Object.entries({
  "retry-seconds": 1, "attempt-seconds": 3, smtp: `smtp://127.0.0.1:${smtpPort}`, "smtp-ca": `${keys}/cert.pem`,
  "mail-from": "imgport@lab.example", "sms-endpoint": `http://127.0.0.1:${smsPort}`, "sms-id": SMS_ID,
  "sms-key": SMS_KEY, "sms-app": "1400000001", "sms-sign": "实验室", "sms-template": "100", "sms-code-template": "200",
  "webhook-hosts": `127.0.0.1:${hookPort}`, ...more,
}).reduce((text, [key, value]) => `${text}${key} = ${value}\n`, "[notice]\n");
const d = await startDaemon({ conf: notice() });
let accounts = 0;
const person = (language = "en", daemon = d) => daemon.account(`person-${++accounts}`, "--language", language);

const modify = (who, params, options, daemon = d) => daemon.own(who, "ModifyMessageSubscription", params, options);
const confirm = (who, SubscriptionId, Code, daemon = d) => modify(who, { Operation: "VERIFY", SubscriptionId, Code }, {}, daemon);
const code = {
  mail: async (at) => (await until(() => mailsTo(at)[0])).headers.subject.match(/\d{6}/)[0],
  sms: async (at) => (await until(() => sms.got.find((s) => s.PhoneNumberSet[0] === at))).TemplateParamSet[0],
  webhook: async (at) => (await until(() => hook.got.find((h) => at.endsWith(h.path)))).Data.Code,
};
async function subscribe(who, Channel, Address, Type, daemon = d) {
  const answer = await modify(who, { Operation: "ADD", Channel, Address, Type }, {}, daemon);
  assert.equal(answer.Verified, false);
  await confirm(who, answer.SubscriptionId, await code[Channel](Address), daemon);
  return answer;
}
// An import that fails at once, so that there is something to tell.
let images = 0;
async function failing(who, ImageName = `image-${++images}`, daemon = d) {
  const { ImageId } = await daemon.client(who).ImportImage({ Architecture: "x86_64", OsType: "Debian", OsVersion: "12",
    ImageUrl: "http://example.com/disk.qcow2", ImageName });
  return until(async () =>
    (await daemon.own(who, "DescribeMessages", { ImageId })).MessageSet[0]);
}
const delivery = async (who, message, daemon = d) => (await daemon.own(who, "DescribeMessages",
  { ImageId: message.ImageId, WithDeliveries: true })).MessageSet[0].DeliverySet;
const settled = (who, message, state, daemon = d) => until(async () =>
  (await delivery(who, message, daemon)).find((one) => one.State === state));

test("a mail says what the message says, in both languages", async () => {
  for (const [language, words] of [["en", /could not be imported: InvalidUrl/], ["zh", /InvalidUrl.*\p{Script=Han}|\p{Script=Han}.*InvalidUrl/u]]) {
    const who = person(language), address = `${language}@lab.example`;
    await subscribe(who, "mail", address);
    const message = await failing(who);
    const mail = await until(() => mailsTo(address)[1]);
    assert.deepEqual(mail.defects, []);
    assert.equal(mail.from, "imgport@lab.example");
    assert.equal(mail.headers.to, address);
    assert.equal(mail.headers.subject, message.Subject);
    assert.match(mail.headers.subject, words);
    assert.equal(mail.body.trim().replaceAll("\r\n", "\n"), message.Body.trim());
    assert.match(mail.headers["message-id"], new RegExp(`^<imgport-${message.MessageId}-\\d+@lab.example>$`));
    assert.equal(mail.secure, true, "STARTTLS was offered and not taken");
    const sent = await settled(who, message, "sent");
    assert.deepEqual(sent, { Channel: "mail", Address: address, State: "sent", Attempts: 1, Detail: "" });
  }
});

test("an address is told nothing before it is proved, and the code is nowhere else", async () => {
  const who = person(), address = "stranger@lab.example";
  const { SubscriptionId, CodeSent } = await modify(who, { Operation: "ADD", Channel: "mail", Address: address });
  assert.equal(CodeSent, true);
  const secret = await code.mail(address);
  const message = await failing(who);
  assert.deepEqual(await delivery(who, message), []);
  assert.equal((await d.own(who, "DescribeMessages", {})).TotalCount, 1);
  assert.ok(!JSON.stringify(d.lines()).includes(secret), "the journal has the code");
  await refused(modify(who, { Operation: "ADD", Channel: "mail", Address: address }), "RequestLimitExceeded");
  for (let i = 0; i < 5; i++)
    await refused(confirm(who, SubscriptionId, secret === "000000" ? "111111" : "000000"), "InvalidParameterValue");
  await refused(confirm(who, SubscriptionId, secret), "InvalidParameterValue"); // guessed too often
  assert.equal(mailsTo(address).length, 1);
});

test("subscriptions are listed, are their account's, and end", async () => {
  const who = person(), other = person(), address = "list@lab.example";
  const { SubscriptionId } = await subscribe(who, "mail", address, "import-failed");
  const { SubscriptionSet: [one], TotalCount } = await d.own(who, "DescribeMessageSubscriptions", {});
  assert.equal(TotalCount, 1);
  assert.deepEqual([one.SubscriptionId, one.Type, one.Channel, one.Address, one.Verified],
    [SubscriptionId, "import-failed", "mail", address, true]);
  assert.equal((await d.own(other, "DescribeMessageSubscriptions", {})).TotalCount, 0);
  await refused(modify(other, { Operation: "REMOVE", SubscriptionId }), "ResourceNotFound");
  await refused(confirm(other, SubscriptionId, "123456"), "ResourceNotFound");
  // Proved once, it is proved for every type.
  const again = await modify(who, { Operation: "ADD", Channel: "mail", Address: address, Type: "import-succeeded" });
  assert.deepEqual([again.Verified, again.CodeSent], [true, false]);
  await failing(other);
  await modify(who, { Operation: "REMOVE", SubscriptionId });
  const message = await failing(who); // of a type that is no longer subscribed to
  assert.deepEqual(await delivery(who, message), []);
  assert.equal(mailsTo(address).length, 1);
});

test("what is wrong with a subscription is said", async () => {
  const who = person();
  const wrong = [
    [{ Operation: "ADD" }, "MissingParameter"],
    [{ Operation: "VERIFY" }, "MissingParameter"],
    [{ Operation: "VERIFY", SubscriptionId: 1 }, "MissingParameter"],
    [{ Operation: "REMOVE" }, "MissingParameter"],
    [{ Operation: "BREAK" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "pigeon", Address: "a@b" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "mail", Address: "a@lab.example", Type: "Any Thing" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "mail", Address: "a@lab.example", Type: "address-proof" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "mail", Address: "a@lab.example\r\nBcc: b@lab.example" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "mail", Address: "a@lab.example> SIZE=1" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "sms", Address: "13711112222" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "webhook", Address: "http://169.254.169.254/latest" }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "webhook", Address: `http://127.0.0.1:${d.port}/` }, "InvalidParameterValue"],
    [{ Operation: "ADD", Channel: "webhook", Address: "gopher://lab.example/" }, "InvalidParameterValue"],
  ];
  for (const [params, code] of wrong) await refused(modify(who, params), code);
  const zh = await refused(modify(who, { Operation: "VERIFY" }, { language: "zh-CN" }), "MissingParameter");
  assert.match(zh.message, /\p{Script=Han}/u);
  assert.equal((await d.own(who, "DescribeMessageSubscriptions", {})).TotalCount, 0);
});

test("a name cannot write headers of a mail", async () => {
  const who = person(), address = "names@lab.example", name = "x =?UTF-8?B?DQpCY2M6IGV2aWw=?= 镜像";
  await subscribe(who, "mail", address);
  const message = await failing(who, name);
  const mail = await until(() => mailsTo(address)[1]);
  assert.deepEqual(Object.keys(mail.headers).sort(), ["auto-submitted", "content-transfer-encoding", "content-type", "date",
    "from", "message-id", "mime-version", "subject", "to"]);
  assert.deepEqual(mail.to, [address]);
  assert.ok(mail.body.includes(name) && message.Body.includes(name));
});

test("a webhook is signed with the secret of its subscription", async () => {
  const who = person("zh"), url = hookUrl("signed");
  const { Secret, SubscriptionId } = await subscribe(who, "webhook", url);
  const message = await failing(who);
  const got = await until(() => hooksTo("signed")[1]);
  const want = crypto.createHmac("sha256", Secret).update(`${got.headers["x-imgport-timestamp"]}.${got.raw}`).digest("hex");
  assert.equal(got.headers["x-imgport-signature"], `sha256=${want}`);
  assert.ok(Math.abs(got.headers["x-imgport-timestamp"] - Date.now() / 1000) < 60);
  assert.equal(got.headers["x-imgport-delivery"], got.Id);
  assert.deepEqual([got.MessageId, got.Type, got.Account, got.Subject, got.Body, got.Language, got.ImageId, got.TaskId],
    [message.MessageId, "import-failed", who.uin, message.Subject, message.Body, "zh", message.ImageId, message.TaskId]);
  assert.equal(got.Data.Reason, "InvalidUrl");
  // It is told once, when it is made.
  const { SubscriptionSet: [listed] } = await d.own(who, "DescribeMessageSubscriptions", {});
  assert.equal(listed.SubscriptionId, SubscriptionId);
  assert.ok(!JSON.stringify(listed).includes(Secret));
});

test("a webhook that fails is tried again with the same id, later each time", async () => {
  const who = person(), url = hookUrl("flaky");
  await subscribe(who, "webhook", url);
  const answers = [500, 0, 302, 200];
  hook.answer = (one) => (one.path === "/flaky" && one.Type !== "address-proof" ? answers.shift() ?? 200 : 200);
  const message = await failing(who);
  const sent = await settled(who, message, "sent");
  assert.equal(sent.Attempts, 4);
  const got = hooksTo("flaky").slice(1);
  assert.equal(new Set(got.map((h) => h.Id)).size, 1);
  assert.equal(hooksTo("elsewhere").length, 0, "a redirect was followed");
  const stamps = got.map((h) => Number(h.headers["x-imgport-timestamp"]));
  assert.ok(stamps[3] - stamps[2] >= 3, `pauses do not grow: ${stamps}`);
  hook.answer = () => 200;
});

test("a webhook that is gone is told so once", async () => {
  const who = person();
  await subscribe(who, "webhook", hookUrl("gone"));
  hook.answer = (one) => (one.path === "/gone" ? 410 : 200);
  const failed = await settled(who, await failing(who), "failed");
  assert.deepEqual([failed.Attempts, failed.Detail], [1, "the server answers 410: gone"]);
  hook.answer = () => 200;
});

test("a name that leads to a private address is not followed there", async () => {
  const who = person();
  // localhost is not configured, whatever listens on that port.
  const { SubscriptionId } = await modify(who, { Operation: "ADD", Channel: "webhook", Address: `http://localhost:${hookPort}/name` });
  assert.ok(SubscriptionId);
  const line = await until(() => d.lines().find((l) => l.event === "notice" && l.address?.includes("localhost")));
  assert.equal(line.result, "put-off");
  assert.match(line.reason, /private address/);
  assert.equal(hooksTo("name").length, 0);
});

test("an SMS has template, values and signature as SendSms asks", async () => {
  const who = person("zh"), number = "+8613711112222";
  await subscribe(who, "sms", number);
  assert.deepEqual([sms.got[0].TemplateId, sms.got[0].SignName], ["200", "实验室"]);
  const message = await failing(who);
  const got = await until(() => sms.got.find((s) => s.TemplateId === "100"));
  assert.deepEqual([got.action, got.version, got.region], ["SendSms", "2021-01-11", "ap-guangzhou"]);
  assert.deepEqual([got.PhoneNumberSet, got.SmsSdkAppId, got.TemplateParamSet],
    [[number], "1400000001", [message.ImageId, "ap-guangzhou", "InvalidUrl"]]);
  assert.match(got.SessionContext, new RegExp(`^${message.MessageId}-\\d+$`));
});

test("an SMS is tried again unless it is the number", async () => {
  const who = person(), number = "+8613733334444";
  await subscribe(who, "sms", number);
  const answers = ["!RequestLimitExceeded", "LimitExceeded.PhoneNumberThirtySecondLimit", "Ok"];
  sms.answer = () => answers.shift() ?? "Ok";
  assert.equal((await settled(who, await failing(who), "sent")).Attempts, 3);
  sms.answer = () => "FailedOperation.PhoneNumberInBlacklist";
  const failed = await settled(who, await failing(who), "failed");
  assert.equal(failed.Attempts, 1);
  assert.match(failed.Detail, /PhoneNumberInBlacklist/);
  sms.answer = () => "Ok";
});

test("a mail server that refuses for now is asked again, one that refuses for good is not", async () => {
  const who = person(), address = "refused@lab.example";
  await subscribe(who, "mail", address);
  const script = (...answers) => {
    smtp.refuse = (at, to) => {
      if (at !== "from" && to !== address) return null;
      if (answers[0]?.[0] !== at) return null;
      const [, code, text] = answers.shift();
      return smtpError(code, text);
    };
  };
  script(["rcpt", 450, "4.2.1 mailbox busy"], ["data", 451, "4.3.0 try later"], ["from", 550, "5.7.1 not today"]);
  const sent = await settled(who, await failing(who), "sent");
  assert.equal(sent.Attempts, 4);
  script(["rcpt", 550, "5.1.1 no such person"]);
  const rcpt = await settled(who, await failing(who), "failed");
  assert.deepEqual([rcpt.Attempts, rcpt.Detail], [1, "the mail server answers 550 5.1.1 no such person"]);
  script(["data", 554, "5.6.0 not this"]);
  const data = await settled(who, await failing(who), "failed");
  assert.deepEqual([data.Attempts, data.Detail], [1, "the mail server answers 554 5.6.0 not this"]);
  smtp.refuse = () => null;
});

// A server that says what it is told to, and then stops to, or dies.
async function scripted(replies, last) {
  const seen = { connections: 0 };
  const server = net.createServer((socket) => {
    seen.connections++;
    socket.on("error", () => {});
    let i = 0;
    const next = () => {
      if (i < replies.length) socket.write(replies[i++]);
      else if (last === "dies") socket.destroy();
    };
    next();
    socket.on("data", next);
  });
  seen.port = await listening(server);
  after(() => server.close());
  return seen;
}

test("a mail server that hangs or dies in the middle loses nothing", async () => {
  const address = "hangs@lab.example";
  const cases = [
    ["hangs at once", [], "hangs"],
    ["hangs after EHLO", ["220 here\r\n", "250 here\r\n"], "hangs"],
    ["dies at once", [], "dies"],
    ["dies after RCPT", ["220 here\r\n", "250 here\r\n", "250 ok\r\n", "250 ok\r\n"], "dies"],
    ["dies in DATA", ["220 here\r\n", "250 here\r\n", "250 ok\r\n", "250 ok\r\n", "354 go on\r\n"], "dies"],
    ["talks nonsense", ["hello\r\n", "hello\r\n"], "dies"],
    ["is full", ["421 too many\r\n"], "dies"],
  ];
  await Promise.all(cases.map(async ([name, replies, last]) => {
    const broken = await scripted(replies, last);
    const own = await startDaemon({ conf: notice({ smtp: `smtp://127.0.0.1:${broken.port}`, "attempt-seconds": 1 }) });
    const other = person("en", own);
    // Where it cannot be proved by mail, the code waits as any other delivery does.
    await modify(other, { Operation: "ADD", Channel: "mail", Address: address }, {}, own);
    const line = await until(() => own.lines().find((l) => l.event === "notice" && l.attempt === 2));
    assert.equal(line.result, "put-off", name);
    assert.ok(broken.connections >= 2, name);
    await own.stop();
  }));
});

test("a daemon that was killed leaves its deliveries to the next", async () => {
  const broken = await scripted([], "hangs");
  const conf = (port) => notice({ smtp: `smtp://127.0.0.1:${port}`, "attempt-seconds": 1, "retry-seconds": 1 });
  const first = await startDaemon({ conf: conf(broken.port) });
  const who = person("en", first), address = "killed@lab.example";
  await modify(who, { Operation: "ADD", Channel: "mail", Address: address }, {}, first);
  await until(() => broken.connections > 0);
  await first.stop("SIGKILL");
  assert.equal(mailsTo(address).length, 0);
  // It goes on when the lease of the dead one has run out.
  const second = await startDaemon({ conf: conf(smtpPort), beside: first });
  await until(() => mailsTo(address)[0], 40);
  await second.stop();
  assert.equal(mailsTo(address).length, 1);
});

test("two daemons on one catalogue send each notice once", async () => {
  const conf = notice({ "attempt-seconds": 60 });
  const first = await startDaemon({ conf });
  const second = await startDaemon({ conf, beside: first });
  const who = person("en", first), address = "twice@lab.example";
  await subscribe(who, "mail", address, undefined, first);
  const messages = [];
  for (let i = 0; i < 12; i++) messages.push(await failing(who, `twice-${i}`, first));
  for (const message of messages) await settled(who, message, "sent", first);
  const ids = mailsTo(address).slice(1).map((m) => m.headers["message-id"]);
  assert.equal(ids.length, 12);
  assert.equal(new Set(ids).size, 12);
  await first.stop();
  await second.stop();
});

test("a login and a secured connection are used where they are configured", async () => {
  const secure = await startDaemon({ conf: notice({ "smtp-user": "imgport", "smtp-password": "secret of mail" }) });
  const who = person("en", secure), address = "login@lab.example";
  await subscribe(who, "mail", address, undefined, secure);
  assert.deepEqual([mailsTo(address)[0].secure, mailsTo(address)[0].user], [true, "imgport"]);
  await secure.stop();
  // A wrong password is not the mail's fault: it waits, and says why.
  const wrong = await startDaemon({ conf: notice({ "smtp-user": "imgport", "smtp-password": "no" }) });
  const other = person("en", wrong);
  await modify(other, { Operation: "ADD", Channel: "mail", Address: "wrong@lab.example" }, {}, wrong);
  const line = await until(() => wrong.lines().find((l) => l.event === "notice"));
  assert.equal(line.result, "put-off");
  assert.match(line.reason, /535|denied/i);
  await wrong.stop();
  // A server without TLS is not told a password, and one with a strange certificate nothing.
  const plain = await scripted(["220 here\r\n", "250-here\r\n250 AUTH PLAIN\r\n", "502 no\r\n"], "dies");
  const careful = await startDaemon({ conf: notice({ smtp: `smtp://127.0.0.1:${plain.port}`, "smtp-user": "u", "smtp-password": "p" }) });
  await modify(person("en", careful), { Operation: "ADD", Channel: "mail", Address: "plain@lab.example" }, {}, careful);
  assert.match((await until(() => careful.lines().find((l) => l.event === "notice"))).reason, /SSL/);
  await careful.stop();
  const strange = await startDaemon({ conf: notice({ "smtp-ca": "" }) });
  await modify(person("en", strange), { Operation: "ADD", Channel: "mail", Address: "strange@lab.example" }, {}, strange);
  assert.match((await until(() => strange.lines().find((l) => l.event === "notice"))).reason, /certificate/);
  assert.equal(mailsTo("strange@lab.example").length, 0);
  await strange.stop();
});

test("a channel that is not configured is refused, and none is needed", async () => {
  const bare = await startDaemon();
  const who = person("en", bare);
  for (const [Channel, Address] of [["mail", "a@lab.example"], ["sms", "+8613711112222"]])
    await refused(modify(who, { Operation: "ADD", Channel, Address }, {}, bare), "UnsupportedOperation");
  await failing(who, undefined, bare);
  await bare.stop();
});

test("attempts are counted", async () => {
  const text = await (await fetch(`http://127.0.0.1:${d.port}/metrics`)).text();
  for (const labels of ['channel="mail",result="sent"', 'channel="mail",result="failed"', 'channel="mail",result="put-off"',
    'channel="sms",result="sent"', 'channel="webhook",result="sent"'])
    assert.match(text, new RegExp(`^imgport_notices_total\\{${labels}\\} [1-9]`, "m"));
  assert.match(text, /^imgport_notices_waiting \d+$/m);
});
