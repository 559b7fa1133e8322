# SPDX-License-Identifier: GPL-2.0-or-later
"""Section C: containers, whole and spoilt by a field"""
import functools
import gzip
import http.server
import random
import struct
import threading

import disk
from golden import fires, quiet

SMALL = disk.MIB


class Server(http.server.BaseHTTPRequestHandler):
    """One small disk without ranges at /disk, and nothing else."""

    def do_GET(self):
        if self.path != "/disk":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(SMALL))
        self.end_headers()
        self.wfile.write(b"\1" + bytes(SMALL - 1))

    def log_message(self, *args):
        pass


@functools.cache
def server():
    """Where it listens, for as long as this program runs."""
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{s.server_port}"


@fires("C01", "a server that has no such object")
def _(d):
    d.take(server() + "/nothing")


@quiet("C01", "a server that has it")
def _(d):
    d.take(server() + "/disk")


ZEROS = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"


@fires("C04", "another checksum than was declared", "--sha256", ZEROS[::-1])
def _(d):
    d.blank(SMALL)


@quiet("C04", "the checksum that was declared", "--sha256", ZEROS.upper())
def _(d):
    d.blank(SMALL)


def small(d, name, format_, *options):
    """One MiB with a byte in it, in a container of qemu-img."""
    d.blank(SMALL)
    disk.poke(d.file, 4096, b"\1")
    return d.container(name, format_, *options, write=False)


def system(d, name, format_, *options):
    """The whole base system in a container."""
    return d.container(name, format_, *options)


def spoilt(group, name, make, at, data):
    """A container with other bytes at a place; negative: from the end."""
    @fires(group, name)
    def _(d):
        disk.poke(make(d), at, data)


def qcow2(d):
    return small(d, "a.qcow2", "qcow2")


def dynamic_vhd(d):
    return small(d, "a.vhd", "vpc")


def stream(d):
    return small(d, "a.vmdk", "vmdk", "-o", "subformat=streamOptimized")


def dynamic_footer(path, at, data):
    """A field of both footers of a VHD, with the checksum right again."""
    for start in (0, -512):
        raw = bytearray(disk.peek(path, start, 512))
        raw[at:at + len(data)] = data
        raw[64:68] = bytes(4)
        raw[64:68] = struct.pack(">I", ~sum(raw) & 0xFFFFFFFF)
        disk.poke(path, start, bytes(raw))


# ---- C02 to C09

@fires("C02", "the server's error in place of an image")
def _(d):
    d.content(b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>\n')


@fires("C02", "nothing at all")
def _(d):
    d.content(b"")


@quiet("C02", "text in the first sector of a disk with a table")
def _(d):
    d.poke(0, b"#!/bin/sh\n")


@fires("C03", "a qcow2 that ends in the middle")
def _(d):
    path = system(d, "a.qcow2", "qcow2")
    with open(path, "r+b") as f:
        f.truncate(disk.MIB)


@quiet("C03", "the whole of it")
def _(d):
    system(d, "a.qcow2", "qcow2")


@fires("C05", "an image packed by gzip")
def _(d):
    qcow2(d)
    with open(d.file, "rb") as f:
        d.content(gzip.compress(f.read(), 1, mtime=0))


fires("C05", "a format that the cloud does not take", "--profile", "aws")(
    lambda d: system(d, "a.qcow2", "qcow2"))
fires("C05", "a kind of VHD that the cloud does not take", "--profile", "azure")(
    lambda d: system(d, "a.vhd", "vpc"))
quiet("C05", "the kind that it takes", "--profile", "azure")(
    lambda d: system(d, "a.vhd", "vpc", "-o", "subformat=fixed,force_size"))
fires("C06", "a qcow2 declared raw", "-f", "raw")(qcow2)


@fires("C06", "a qcow2 that ends like a VHD")
def _(d):
    dynamic_vhd(d)
    footer = disk.peek(d.file, -512, 512)
    qcow2(d)
    with open(d.file, "ab") as f:
        f.write(footer)


quiet("C06", "declared as what it is", "-f", "qcow2")(
    lambda d: system(d, "a.qcow2", "qcow2"))
for kind in ("vhdx", "vdi", "qed"):
    fires("C07", f"{kind.upper()}")(lambda d, k=kind: small(d, "a." + k, k))


@fires("C07", "LUKS as the whole file")
def _(d):
    d.content((b"LUKS\xba\xbe\0\1" + bytes(4088)).ljust(disk.MIB, b"\0"))


quiet("C07", "a VMDK")(lambda d: system(d, "a.vmdk", "vmdk"))


@fires("C08", "a qcow2 in a qcow2")
def _(d):
    qcow2(d)
    d.container("outer.qcow2", "qcow2", write=False)


quiet("C08", "a disk in a qcow2")(lambda d: system(d, "a.qcow2", "qcow2"))
spoilt("C09", "a version that nobody knows", qcow2, 4, b"\0\0\0\x09")
quiet("C09", "version 2")(lambda d: system(d, "a.qcow2", "qcow2", "-o", "compat=0.10"))

# ---- C10 to C15: qcow2


@fires("C10", "a qcow2 over another")
def _(d):
    base = qcow2(d)
    d.file = d.path("over.qcow2")
    disk.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", d.file)
    # The name of the file below is in the evidence.
    where = disk.peek(d.file, 0, 65536).index(base.encode())
    disk.poke(d.file, where, b"/base.qcow2".ljust(len(base), b"\0"))
    disk.poke(d.file, 16, struct.pack(">I", 11))


@quiet("C10", "the same, flattened")
def _(d):
    system(d, "a.qcow2", "qcow2")


spoilt("C11", "data in another file", qcow2, 72, struct.pack(">Q", 4))
quiet("C11", "an image with its own data")(lambda d: system(d, "a.qcow2", "qcow2"))
spoilt("C12", "a feature of the future", qcow2, 72, struct.pack(">Q", 1 << 40))
quiet("C12", "compatible features do not matter")(
    lambda d: disk.poke(system(d, "a.qcow2", "qcow2"), 80, struct.pack(">Q", 1 << 40)))
spoilt("C13", "marked corrupt", qcow2, 72, struct.pack(">Q", 2))
fires("C13", "not closed cleanly")(
    lambda d: disk.poke(system(d, "a.qcow2", "qcow2", "-o", "lazy_refcounts=on"), 72,
                        struct.pack(">Q", 1)))
quiet("C13", "closed cleanly")(
    lambda d: system(d, "a.qcow2", "qcow2", "-o", "lazy_refcounts=on"))
spoilt("C14", "an L1 table of 2^31 entries", qcow2, 36, b"\x7f\xff\xff\xff")
spoilt("C14", "an L1 table in the header", qcow2, 40, bytes(8))
quiet("C14", "small clusters")(
    lambda d: system(d, "a.qcow2", "qcow2", "-o", "cluster_size=4k"))
spoilt("C15", "encrypted", qcow2, 32, b"\0\0\0\2")
quiet("C15", "packed clusters are no cipher")(lambda d: system(d, "a.qcow2", "qcow2", "-c"))

# ---- C16 to C18: VMDK

DESCRIPTOR = """# Disk DescriptorFile
version=1
CID=12345678
parentCID=ffffffff
createType="%s"

# Extent description
%s

# The Disk Data Base
#DDB
ddb.adapterType = "ide"
"""


@fires("C16", "an extent in another folder")
def _(d):
    d.content((DESCRIPTOR % ("monolithicFlat", 'RW 2048 FLAT "../other/a-flat.vmdk" 0')).encode(),
              "a.vmdk")


@fires("C16", "a kind that nobody knows")
def _(d):
    d.content((DESCRIPTOR % ("somethingNew", 'RW 2048 FLAT "a-flat.vmdk" 0')).encode(), "a.vmdk")


@quiet("C16", "extents beside the descriptor")
def _(d):
    system(d, "a.vmdk", "vmdk", "-o", "subformat=monolithicFlat")


spoilt("C17", "the last grain is another one's", stream, 65536, b"\x80" + bytes(7))
quiet("C17", "a whole stream")(
    lambda d: system(d, "a.vmdk", "vmdk", "-o", "subformat=streamOptimized"))


@fires("C18", "a snapshot")
def _(d):
    d.content((DESCRIPTOR % ("vmfsSparse", 'RW 2048 VMFSSPARSE "a-delta.vmdk"')).encode(),
              "a.vmdk")


@fires("C18", "an extent of a snapshot by itself")
def _(d):
    d.content((b"COWD" + struct.pack("<III", 1, 3, 2048)).ljust(disk.MIB, b"\0"))


@quiet("C18", "a monolithic sparse VMDK")
def _(d):
    system(d, "a.vmdk", "vmdk")


# ---- C19 to C21: VHD

def fixed_checksum(d):
    disk.poke(small(d, "a.vhd", "vpc", "-o", "subformat=fixed"), -512 + 64, b"\0\0\0\0")


fires("C19", "the checksum of the footer is wrong")(fixed_checksum)
fires("C19", "a VHD over another")(lambda d: dynamic_footer(dynamic_vhd(d), 60, b"\0\0\0\4"))
quiet("C19", "a fixed VHD")(
    lambda d: system(d, "a.vhd", "vpc", "-o", "subformat=fixed,force_size"))


@fires("C20", "a block table without a block")
def _(d):
    path = dynamic_vhd(d)
    raw = bytearray(disk.peek(path, 512, 1024))
    raw[28:32], raw[36:40] = bytes(4), bytes(4)
    raw[36:40] = struct.pack(">I", ~sum(raw) & 0xFFFFFFFF)
    disk.poke(path, 512, bytes(raw))


quiet("C20", "a dynamic VHD")(lambda d: system(d, "a.vhd", "vpc"))


@fires("C21", "a disk of an odd number of sectors", "--profile", "azure")
def _(d):
    d.size += 512
    system(d, "a.vhd", "vpc", "-o", "subformat=fixed,force_size")


@fires("C21", "a raw disk that is no whole GiB", "--profile", "gcp")
def _(d):
    pass


@quiet("C21", "a raw disk of a GiB", "--profile", "gcp")
def _(d):
    d.size = 1 << 30


# ---- C22

@fires("C22", "a disk of 501 GiB, nearly all of it holes")
def _(d):
    d.size = 501 << 30


@fires("C22", "a disk of a sector more than 500 GiB")
def _(d):
    d.size = (500 << 30) + 512


SMALL_PROFILE = ("--profile", "tests/golden/small.profile")


@fires("C22", "more data than the profile allows, counted without their zeros", *SMALL_PROFILE)
def _(d):
    d.tree.write("/srv/random", random.Random(1).randbytes(24 * disk.MIB))


@quiet("C22", "as much again of zeros", *SMALL_PROFILE)
def _(d):
    d.tree.write("/srv/zeros", bytes(24 * disk.MIB))


@quiet("C22", "a disk of exactly 500 GiB")
def _(d):
    d.size = 500 << 30
