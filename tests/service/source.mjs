// SPDX-License-Identifier: GPL-2.0-or-later
// source.mjs: somebody else's object storage, which does what a test wants of it
//
//     const source = await startSource({ "good.raw": whole(bytes) });
//     [region ap-shanghai]  cos-endpoint = <source.url>
//     source.asked["good.raw"]        how often
//
// An answer is a function (socket, n, target): what it writes is the whole answer, and it may
// close the connection when it likes.  n counts the requests for that name, from 1.
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { after } from "node:test";
import { sleep } from "./lib.mjs";

const MIB = 1 << 20;

export const head = (status, headers = {}) => `HTTP/1.1 ${status} X\r\n${Object.entries({ connection: "close",
  ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;

// All of a body, some milliseconds between pieces; or a part of it, and then the end.
export const whole = (body, { pause = 5, length = body.length, sent = body.length, headers = {} } = {}) =>
  async (socket) => {
    socket.write(head(200, length === null ? headers : { "content-length": length, ...headers }));
    for (let at = 0; at < sent && !socket.destroyed; at += 4 * MIB) {
      const gone = once(socket, "close").catch(() => {});
      if (!socket.write(body.subarray(at, Math.min(at + 4 * MIB, sent))))
        await Promise.race([once(socket, "drain").catch(() => {}), gone]);
      if (pause) await sleep(pause);
    }
    socket.end();
  };
export const status = (code, words = "") => (socket) =>
  socket.end(head(code, { "content-length": words.length }) + words);
// The first answers, each once; the last one from then on.
export const first = (...answers) => (socket, n, target) => answers[Math.min(n, answers.length) - 1](socket, 1, target);
// Says that it has all, sends a part, and then nothing more.
export const stuck = (body, sent) => (socket) => {
  socket.write(head(200, { "content-length": body.length }));
  socket.write(body.subarray(0, sent));
};
// A link with a signature is good for one access.
export const once_ = (answer) => {
  const spent = new Set();
  return (socket, n, target) => {
    const used = target.includes("?") && spent.has(target);
    spent.add(target);
    return (used ? status(403, "<Error><Code>AccessDenied</Code><Message>The link has been used</Message></Error>")
      : answer)(socket, n, target);
  };
};

export async function startSource(answers) {
  const sockets = new Set(), asked = {};
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.setMaxListeners(0);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let text = "";
    socket.on("data", (piece) => {
      const had = text.includes("\r\n\r\n");
      text += piece;
      if (had || !text.includes("\r\n\r\n")) return;
      const target = text.split(" ")[1], name = path.basename(target.split("?")[0]);
      asked[name] = (asked[name] ?? 0) + 1;
      (answers[name] ?? status(404))(socket, asked[name], target);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, asked, answers };
}
