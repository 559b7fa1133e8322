#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_http.py: the first seeds of fuzz_http, written to corpora/http/

fuzz_http.c tells what the bytes mean: flags, size / 64, then for each request an opcode, for each
question kind, length and offset, and how often the network is looked at."""
import os
import struct

SIZE = struct.pack(">H", 40000)
ASK = b"\x00" + struct.pack(">HH", 16384, 300) + b"\x03"  # 64 KiB at 19200
NEXT = b"\x02" + struct.pack(">H", 16384) + b"\x05"  # 64 KiB, where the last one ended
END = b"\x07" + struct.pack(">H", 9999) + b"\x00"
HONEST = b"\x00"

ANSWERS = {
    "honest": HONEST,
    "cut": b"\x01" + struct.pack(">H", 7000),
    "more": b"\x02\x00\x05",
    "etag": b'\x03ETag: "three"\r\n\x00',
    "weak": b'\x03ETag: W/"one"\r\n\x00',
    "range": b"\x03Content-Range: bytes 5-9/2560000\r\n\x00",
    "ranges": b"\x03Content-Type: multipart/byteranges; boundary=x\r\nContent-Range: bytes */5\r\n\x00",
    "huge": b"\x03Content-Range: bytes 0-32767/9223372036854775807\r\n\x00",
    "lines": b"\x04HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/2\r\n\r\n\x00",
    "nonsense": b"\x04HTTP/1.1\r\nETag:\r\n: \r\nLocation\r\n\x00",
    "whole": b"\x05\x00\x01\x00",
    "missing": b"\x05\x01\x00\x10",
    "busy": b"\x05\x02\x00\x10",
    "there": b"\x06/there\x00\x00",
    "other": b"\x06https://other:81/a b/\xc3\xa4?x=%20#f\x00\x00",
    "file": b"\x06file:///etc/passwd\x00\x00",
    "up": b"\x06//[::1]/../x\x00\x00",
    "hopeless": b"\x07\x02",
    "private": b"\x07\x03",
    "broken": b"\x07\x01",
    "exchanged": b"\x08",
    "slow": b"\x09\x00\x00",
}

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpora", "http")
os.makedirs(folder, exist_ok=True)
for i, (name, answer) in enumerate(ANSWERS.items()):
    for when, seed in {
        "first": answer + HONEST + ASK + HONEST + NEXT + NEXT + END,
        "later": HONEST + ASK + answer + HONEST + NEXT + answer + NEXT + answer + END + HONEST * 4,
    }.items():
        with open(os.path.join(folder, name + "-" + when), "wb") as f:
            f.write(bytes([i % 8]) + SIZE + seed)
