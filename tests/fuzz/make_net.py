#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_net.py FOLDER: the seeds of corpora/net, as fuzz_net.c reads them"""
import pathlib
import struct
import sys

MAC = bytes([0x52, 0x54, 0, 1, 2, 3])
METADATA, OTHER, INNER, HOST = 0xA9FE0017, 0xA9FEA9FE, 0xA9FE000F, 0xA9FE0002
GUEST, GATEWAY = 0x0A00020F, 0x0A000202
SYN, RST, PSH, ACK = 2, 4, 8, 16


def ether(kind, body):
    return b"\xff" * 6 + MAC + struct.pack(">H", kind) + body


def ip(source, to, protocol, body):
    head = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, source, to)
    return ether(0x0800, head + body)


def tcp(source, to, port, to_port, flags, seq=100, ack=0, data=b""):
    head = struct.pack(">HHIIBBHHH", port, to_port, seq, ack, 0x50, flags, 1000, 0, 0)
    return ip(source, to, 6, head + data)


def arp(what, source, to):
    return ether(0x0806, b"\0\1\x08\0\6\4" + struct.pack(">H", what) + MAC
                 + struct.pack(">I", source) + bytes(6) + struct.pack(">I", to))


def dhcp(kind, options=b"", has=0):
    body = struct.pack(">BBBBIHHIIII", 1, 1, 6, 0, 7, 0, 0, has, 0, 0, 0) + MAC + bytes(202)
    body += b"\x63\x82\x53\x63\x35\1" + bytes([kind]) + options + b"\xff"
    body = body.ljust(300, b"\0")
    return ip(0, 0xFFFFFFFF, 17, struct.pack(">HHHH", 68, 67, 8 + len(body), 0) + body)


def piece(data, flags):
    data += bytes(-len(data) % 8)
    return bytes([flags | len(data) // 8]) + data


def sent(frame):
    frame += bytes((-len(frame) - 4) % 8)
    return piece(struct.pack(">I", len(frame)) + frame, 64)


def back(frame):
    return piece(frame, 128 | 64)


def option(code, address):
    return bytes([code, 4]) + struct.pack(">I", address)


SEEDS = {
    "connect": sent(arp(1, GUEST, GATEWAY)) + sent(tcp(GUEST, METADATA, 4000, 80, SYN))
    + back(tcp(METADATA, INNER, 80, 4000, SYN | ACK, 7, 101))
    + sent(tcp(GUEST, METADATA, 4000, 80, ACK, 101, 8))
    + sent(tcp(GUEST, METADATA, 4000, 80, PSH | ACK, 101, 8, b"GET / HTTP/1.0\r\n\r\n")),
    "dhcp": sent(dhcp(1)) + sent(dhcp(3, option(50, GUEST) + option(54, GATEWAY)))
    + sent(dhcp(8, has=GUEST)),
    "arp": sent(arp(1, GUEST, METADATA)) + sent(arp(1, GUEST, OTHER))
    + back(arp(1, HOST, INNER)) + sent(arp(2, GUEST, METADATA)),
    "long": piece(struct.pack(">I", 600) + b"x" * 100, 0) + piece(b"y" * 496, 0)
    + piece(b"z" * 8 + struct.pack(">I", 20) + b"q" * 20, 0),
    "syns": b"".join(sent(tcp(GUEST, OTHER, 1000 + i, 80, SYN)) for i in range(40))
    + b"".join(back(tcp(OTHER, INNER, 80, 1000 + i, RST | ACK)) for i in range(40)),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(b"\1" + data)
        (folder / f"{name}-other").write_bytes(b"\3" + data)


main()
