# SPDX-License-Identifier: GPL-2.0-or-later
"""disk.py: a disk around a tree: partition table, boot code, filesystems"""
import os
import re
import struct
import subprocess
import uuid
import zlib

from tree import UUID

MIB = 1 << 20
SECTOR = 512

# Boot code is told by what it prints when something is wrong.
CODE = {
    "grub": b"\xeb\x63\x90".ljust(0x180, b"\0") + b"GRUB \0Geom\0Hard Disk\0Read\0 Error",
    "other": b"\xeb\x63\x90 nobody's loader",
    "none": b"",
}

GUID = {
    "linux": "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    "esp": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "bios": "21686148-6449-6E6F-744E-656564454649",
    "coreos-usr": "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6",
    "coreos-resize": "3884DD41-8582-4404-B9A8-E9B84F2DF50E",
}


def run(*command, **how):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


def poke(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at, 0 if at >= 0 else 2)
        f.write(data)


def peek(path, at, n):
    with open(path, "rb") as f:
        f.seek(at, 0 if at >= 0 else 2)
        return f.read(n)


def entry(type_, start, sectors, active=False):
    """One entry of an MBR, without cylinders and heads."""
    return struct.pack("<B3sB3sII", 0x80 if active else 0, b"\0\2\0", type_, b"\0\2\0",
                       start, sectors)


def mbr(entries, code="grub", signature=b"\x55\xaa"):
    sector = CODE[code][:440].ljust(440, b"\0") + struct.pack("<IH", 0x1A2B3C4D, 0)
    return sector + b"".join(entries)[:64].ljust(64, b"\0") + signature


def guid(text):
    return uuid.UUID(text).bytes_le


def gpt(path, size, parts, code="grub", protective=None):
    """parts are (type, first sector, sectors[, name, attributes, GUID]); both copies of the
    table are written."""
    last = size // SECTOR - 1
    array = b""
    for i, (type_, start, n, *more) in enumerate(parts):
        name, attributes, own = (*more, *("", 0, str(uuid.UUID(int=i + 1)))[len(more):])
        array += struct.pack("<16s16sQQQ72s", guid(GUID.get(type_, type_)), guid(own), start,
                             start + n - 1, attributes, name.encode("utf-16-le"))
    array = array.ljust(128 * 128, b"\0")

    def header(at, other, entries):
        raw = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, at, other, 34,
                          last - 33, uuid.UUID(int=99).bytes_le, entries, 128, 128,
                          zlib.crc32(array))
        return raw[:16] + struct.pack("<I", zlib.crc32(raw)) + raw[20:]

    poke(path, 0, mbr(protective or [entry(0xEE, 1, last)], code))
    poke(path, SECTOR, header(1, last, 2) + bytes(SECTOR - 92) + array)
    poke(path, (last - 32) * SECTOR, array + header(last, 1, last - 32))


def mke2fs(path, at, size, folder, *options, kind="ext4", uuid_=UUID):
    """A folder as ext4 in a part of a file, as Debian's installer makes it.  The time is
    fixed, so that the same folder gives the same bytes."""
    features = ["-O", "^metadata_csum_seed,^orphan_file"] if kind == "ext4" else []
    run("mke2fs", "-q", "-F", "-t", kind, *features, "-U", uuid_, "-E",
        f"hash_seed={UUID},offset={at},nodiscard,lazy_itable_init=1,lazy_journal_init=1",
        *(["-d", folder] if folder else []), *options, path, f"{size // 1024}k",
        env={**os.environ, "E2FSPROGS_FAKE_TIME": "1700000000"})


def debugfs(path, at, *commands, write=True):
    """Commands of debugfs on the filesystem that begins at a byte of a file."""
    script = "".join(command + "\n" for command in commands)
    return run("debugfs", *(["-w"] if write else []), "-f", "/dev/stdin", f"{path}?offset={at}",
               input=script.encode())


def inode_place(path, at, name):
    """The byte of the file at which the inode of a path of the guest begins."""
    text = debugfs(path, at, f"imap {name}", write=False)
    block, offset = re.search(r"located at block (\d+), offset (0x[0-9a-f]+)", text).groups()
    size = int(re.search(r"Block size:\s+(\d+)",
                         debugfs(path, at, "stats -h", write=False)).group(1))
    return at + int(block) * size + int(offset, 16)


def first_block(path, at, name):
    """The byte of the file at which the first block of a path of the guest begins."""
    text = debugfs(path, at, f"blocks {name}", write=False)
    size = int(re.search(r"Block size:\s+(\d+)",
                         debugfs(path, at, "stats -h", write=False)).group(1))
    return at + int(re.search(r"^([0-9]+)[ 0-9]*$", text, re.M).group(1)) * size
