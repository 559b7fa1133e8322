#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seeds of fuzz_unwrap and fuzz_flow into corpora/ beside this script.

    seeds_stream.py

Needs xz and zstd, and the seeds of fuzz_vmdk and fuzz_vhd."""

import gzip
import pathlib
import struct
import subprocess
import zlib

HERE = pathlib.Path(__file__).parent / "corpora"
SECTOR = 512
TEXT = b"port of entry " * 300


def save(target, name, data):
    folder = HERE / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def piped(data, *command):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def unwrap():
    packed = {
        0: gzip.compress(TEXT, mtime=0),
        1: piped(TEXT, "xz", "-c"),
        2: piped(TEXT, "zstd", "-c", "--check"),
    }
    for kind, data in packed.items():
        name = ["gzip", "xz", "zstd"][kind]
        save("unwrap", name, bytes([kind | 12]) + data)
        save("unwrap", name + "-twice", bytes([kind | 4]) + data + data)
        save("unwrap", name + "-junk", bytes([kind | 12]) + data + b"junk")
        save("unwrap", name + "-cut", bytes([kind]) + data[:-5])
    save("unwrap", "xz-padded", bytes([1 | 12]) + packed[1] + bytes(8) + packed[1])
    skipped = struct.pack("<II", 0x184D2A50, 5) + b"12345"
    save("unwrap", "zstd-skipped", bytes([2 | 12]) + packed[2] + skipped + packed[2])


# ---- VMDK: a disk of 10 grains of 4 KiB, 4 to a table


DESCRIPTOR = b"""# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="streamOptimized"
RW 80 SPARSE "disk.vmdk"
"""


def header(directory, overhead):
    h = struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", 3, 0x30001, 80, 8, 1, 1, 4, 0, directory, overhead, 0,
                    b"\n \r\n", 1)
    return h.ljust(SECTOR, b"\0")


def sector(data):
    return data + bytes(-len(data) % SECTOR)


def marker(sectors, kind):
    return sector(struct.pack("<QII", sectors, 0, kind))


def grains(begin, which):
    """The grains, packed, and their sectors in the file."""
    out, where = b"", {}
    for g in which:
        data = zlib.compress(bytes((i * g + 1) & 0xFF for i in range(4096)))
        where[g] = begin + len(out) // SECTOR
        out += sector(struct.pack("<QI", g * 8, len(data)) + data)
    return out, where


def tables(where):
    for t in range(3):
        entries = [where.get(4 * t + i, 0) for i in range(4)]
        yield sector(struct.pack("<4I", *entries)) if any(entries) else None


def behind():
    file = header(0xFFFFFFFFFFFFFFFF, 2) + sector(DESCRIPTOR)
    directory = []
    for which in ([0, 2, 3], [], [8, 9]):
        data, where = grains(len(file) // SECTOR, which)
        file += data
        table = [t for t in tables(where) if t]
        directory.append(len(file) // SECTOR + 1 if table else 0)
        if table:
            file += marker(1, 1) + table[0]
    file += marker(1, 2)
    at = len(file) // SECTOR
    file += sector(struct.pack("<3I", *directory))
    file += marker(1, 3) + header(at, 2) + marker(0, 0)
    return file


def before():
    data, where = grains(6, [1, 2, 8])
    made = list(tables(where))
    directory = [3 + i if t else 0 for i, t in enumerate(made)]
    front = header(2, 6) + sector(DESCRIPTOR) + sector(struct.pack("<3I", *directory))
    for t in made:
        front += t or bytes(SECTOR)
    return front + data + bytes(4096)


def flow():
    for name, data in (("behind", behind()), ("before", before())):
        save("flow", "vmdk-" + name, b"\x17" + data)
        save("flow", "vmdk-" + name + "-bytes", b"\x01" + data)
        save("flow", "vmdk-" + name + "-junk", b"\x17" + data + b"junk")
    save("flow", "raw", b"\x06" + TEXT)
    for vhd in sorted((HERE / "vhd").iterdir()):
        if vhd.name.startswith("fixed"):
            save("flow", "vhd-" + vhd.name, b"\x06" + vhd.read_bytes())


unwrap()
flow()
