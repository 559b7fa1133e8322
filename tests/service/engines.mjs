// SPDX-License-Identifier: GPL-2.0-or-later
// engines.mjs: where a daemon under test keeps its catalogue and its bytes, and a look at them
//
// run.sh says which engines: STORE_URL is a PostgreSQL of the test's own (else SQLite), and
// S3_ENDPOINT with S3_KEY_ID and S3_KEY_SECRET a store of objects (else a folder).  Each daemon
// has a database, and a prefix in the bucket, of its own.
import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const { STORE_URL, S3_ENDPOINT, S3_KEY_ID, S3_KEY_SECRET } = process.env;

function catalogOf(dir, name) {
  if (!STORE_URL) return `sqlite:${dir}/data/catalog.db`;
  sql(STORE_URL, `CREATE DATABASE ${name}`);
  return STORE_URL.replace("/imgport?", `/${name}?`);
}

function sql(url, text) {
  return execFileSync("psql", ["-X", "-q", "-A", "-t", "-d", url, "-c", text], { encoding: "utf8" }).trim();
}

// Files below a folder: [{ key, size }]
function walk(root, at = "") {
  const here = path.join(root, at);
  if (!fs.existsSync(here)) return [];
  return fs.readdirSync(here, { withFileTypes: true }).flatMap((e) => {
    const key = at ? `${at}/${e.name}` : e.name;
    if (e.isDirectory()) return e.name === ".tmp" ? [] : walk(root, key);
    try {
      return [{ key, size: fs.statSync(path.join(root, key)).size }];
    } catch {
      return []; // gone meanwhile
    }
  });
}

const folder = (root) => ({
  list: (prefix = "") => walk(root).filter((f) => f.key.startsWith(prefix)).map((f) => f.key).sort(),
  put(key, bytes) {
    fs.mkdirSync(path.dirname(path.join(root, key)), { recursive: true });
    fs.writeFileSync(path.join(root, key), bytes);
  },
  get: (key) => fs.readFileSync(path.join(root, key)),
  // What writers have not finished.
  unfinished: () => fs.existsSync(path.join(root, ".tmp")) ? fs.readdirSync(path.join(root, ".tmp")) : [],
});

function bucket(prefix) {
  const curl = (method, at, more = [], input = "") => execFileSync("curl", ["-sS", "-f", "-X", method, "--aws-sigv4",
    "aws:amz:us-east-1:s3", "-u", `${S3_KEY_ID}:${S3_KEY_SECRET}`, "-H",
    "x-amz-content-sha256: UNSIGNED-PAYLOAD", ...more, `${S3_ENDPOINT}/images${at}`], { maxBuffer: 1 << 30, input });
  const all = (text, tag) => [...text.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, "g"))].map((m) => m[1]);
  const strip = (keys) => keys.map((key) => key.slice(prefix.length + 1)).sort();
  return {
    list: (under = "") => strip(all(curl("GET",
      `?list-type=2&prefix=${encodeURIComponent(`${prefix}/${under}`)}`).toString(), "Key")),
    put: (key, bytes) => curl("PUT", `/${prefix}/${key}`, ["--data-binary", "@-"], bytes),
    get: (key) => curl("GET", `/${prefix}/${key}`),
    unfinished: () => strip(all(curl("GET",
      `?prefix=${encodeURIComponent(`${prefix}/`)}&uploads=`).toString(), "Key")),
  };
}

// PostgreSQL "down" and "up" (run.sh has started it).
export const postgresql = (what) => execFileSync("bash", ["-c", '. "$0"; "pg_$1"',
  fileURLToPath(new URL("../store/pg.sh", import.meta.url)), what], { env: { ...process.env, work: process.env.PG_FOLDER } });

// { catalog, objects, keys (lines of section [objects]), blobs }
export function engines(dir, { s3, disk } = {}) {
  const name = `t${crypto.randomBytes(6).toString("hex")}`;
  const catalog = catalogOf(dir, name);
  if (s3) return { catalog, objects: s3.url, keys: s3.keys, blobs: { list: (prefix = "") => [...s3.objects.keys()]
    .filter((key) => key.startsWith(prefix)).sort(), get: (key) => s3.objects.get(key), unfinished: () => [] } };
  if (disk) return { catalog: `sqlite:${dir}/data/catalog.db`, objects: `dir:${dir}/data/objects`, keys: "" };
  return {
    catalog,
    objects: S3_ENDPOINT ? `s3://images/${name}?endpoint=${S3_ENDPOINT}&style=path` : `dir:${dir}/data/objects`,
    keys: S3_ENDPOINT ? `s3-key-id = ${S3_KEY_ID}\ns3-key-secret = ${S3_KEY_SECRET}\n` : "",
    blobs: S3_ENDPOINT ? bucket(name) : folder(`${dir}/data/objects`),
  };
}
