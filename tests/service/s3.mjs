// SPDX-License-Identifier: GPL-2.0-or-later
// s3.mjs: a bucket in memory that can refuse; no signature is looked at, no parts are taken
//
//     const s3 = await startS3();       s3.url for `objects`, s3.keys for section [objects]
//     s3.refuse = ({ method, key }) => method === "PUT" && 503;     false: as usual
//     s3.hold = ({ method, key }) => promise;     answered when it is kept
import { once } from "node:events";
import http from "node:http";
import { after } from "node:test";

export async function startS3() {
  const objects = new Map();
  const xml = (name, rows) => `<?xml version="1.0"?><${name}><IsTruncated>false</IsTruncated>${rows}</${name}>`;
  const s3 = { objects, refuse: () => false, hold: () => undefined, refused: 0, url: "", keys: "s3-key-id = k\ns3-key-secret = s\n" };
  const serve = async (request, answer, body) => {
    const url = new URL(request.url, "http://x"), { method } = request;
    const key = decodeURIComponent(url.pathname).replace(/^\/bucket\/?/, "");
    await s3.hold({ method, key });
    const code = s3.refuse({ method, key });
    if (code) {
      s3.refused++;
      return answer.writeHead(code).end("<Error><Code>Refused</Code></Error>");
    }
    if (key === "") {
      const rows = url.searchParams.has("uploads") ? "" : [...objects.keys()]
        .filter((k) => k.startsWith(url.searchParams.get("prefix") ?? ""))
        .map((k) => `<Contents><Key>${k}</Key><Size>${objects.get(k).length}</Size>` +
          "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>").join("");
      return answer.writeHead(200).end(method === "HEAD" ? "" : xml("List", rows));
    }
    if (method === "PUT") {
      objects.set(key, body);
      return answer.writeHead(200, { etag: '"e"' }).end();
    }
    const had = objects.get(key);
    if (method === "DELETE") {
      objects.delete(key);
      return answer.writeHead(204).end();
    }
    if (!had) return answer.writeHead(404).end();
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
    const part = range ? had.subarray(Number(range[1]), Number(range[2]) + 1) : had;
    answer.writeHead(range ? 206 : 200, { "content-length": part.length });
    return answer.end(method === "HEAD" ? undefined : part);
  };
  const server = http.createServer((request, answer) => {
    const parts = [];
    request.on("error", () => {});
    request.on("data", (part) => parts.push(part));
    request.on("end", () => serve(request, answer, Buffer.concat(parts)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  s3.url = `s3://bucket?endpoint=http://127.0.0.1:${server.address().port}&style=path`;
  return s3;
}
