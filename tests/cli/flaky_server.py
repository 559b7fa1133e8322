#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""flaky_server.py FILE PORT-FILE: one file by HTTP, with faults as the path asks for

  /ok            ranges, an ETag
  /cut/SEED      one connection is broken, after so many bytes of all that is sent as SEED gives
  /storm/SEED    every third answer is broken: before it, in its header or in its body
  /dies          nothing is answered any more after 20 answers
  /always-cut    every answer ends after 1000 bytes
  /changes       another ETag after 20 answers
  /shrinks       another size after 20 answers
  /liar          answers with another range than was asked for
  /flood         sends more than was asked for
  /long          a Content-Length that is larger than what comes, and no ranges
  /etagless      no ETag
  /weak          a weak ETag
  /once          ranges, but only the first request is answered, the others by 403
  /whole         no ranges
  /short         no ranges; the connection ends after half of it
  /html          a page and 200, for whatever is asked
  /head          405 for HEAD, to show that none is sent

Writes its port to PORT-FILE when it listens."""
import http.server
import os
import random
import re
import sys
import threading

PATH = sys.argv[1]
SIZE = os.path.getsize(PATH)
CUT_WITHIN = 24 << 20  # what a check transfers of a guest, about
lock = threading.Lock()
answers = {}
sent = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.send_error(405)

    def do_GET(self):
        path = self.path.split("?")[0]
        kind = path.split("/")[1]
        with lock:
            answers[path] = answers.get(path, 0) + 1
            count = answers[path]
        if kind == "dies" and count > 20:
            self.close_connection = True
            return
        storm = random.Random(f"{path} {count}")
        strikes = kind == "storm" and storm.randrange(3) == 0
        if strikes and storm.randrange(3) == 0:
            head = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-"
            self.wfile.write(head[: storm.randrange(len(head))])
            self.close_connection = True
            return
        if kind == "html":
            body = b"<html><body>Not here any more</body></html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        if kind == "once" and count > 1:
            self.send_error(403)
            return
        if kind in ("long", "whole", "short") or "Range" not in self.headers:
            self.send_response(200)
            self.send_header("Content-Length", str(SIZE + 1000 if kind == "long" else SIZE))
            self.end_headers()
            left = SIZE // 2 if kind == "short" else SIZE
            with open(PATH, "rb") as f:
                while data := f.read(min(left, 1 << 20)):
                    self.wfile.write(data)
                    left -= len(data)
            self.close_connection = True
            return
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = map(int, match.groups())
        last = min(last, SIZE - 1)
        size, etag = SIZE, '"one"'
        if count > 20 and kind == "changes":
            etag = '"two"'
        if count > 20 and kind == "shrinks":
            size -= 512
        if self.headers.get("If-Range", etag) != etag:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"other")
            return
        shown = first + 512 if kind == "liar" and count > 3 else first
        extra = 100 if kind == "flood" and count > 3 else 0
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {shown}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1 + extra))
        if kind == "weak":
            self.send_header("ETag", 'W/"one"')
        elif kind != "etagless":
            self.send_header("ETag", etag)
        self.end_headers()
        with open(PATH, "rb") as f:
            f.seek(first)
            data = f.read(last - first + 1) + b"x" * extra
        limit = len(data)
        if kind == "always-cut":
            limit = min(limit, 1000)
        if kind == "cut":
            point = random.Random(path).randrange(min(SIZE, CUT_WITHIN))
            with lock:
                before = sent.get(path, 0)
                sent[path] = before + len(data)
            if before <= point < before + len(data):
                limit = point - before
        if strikes:
            limit = storm.randrange(limit)
        self.wfile.write(data[:limit])
        if limit < len(data):
            self.wfile.flush()
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that goes away is what some of the tests are about."""


server = Server(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".tmp", "w") as f:
    f.write(str(server.server_port))
os.rename(sys.argv[2] + ".tmp", sys.argv[2])
server.serve_forever()
