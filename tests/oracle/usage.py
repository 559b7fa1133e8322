#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage.py KIND IMAGE < what fscat usage says: are the free areas those that the filesystem's
own tools tell?

They name numbers of blocks; here all become ranges of bytes."""
import re
import struct
import subprocess
import sys


def run(*words):
    return subprocess.run(words, check=True, capture_output=True).stdout


def number(text, pattern):
    return int(re.search(pattern, text, re.M).group(1))


def ext(image):
    """ "Free blocks: 1-2, 5" of every group; of clusters the first block is named."""
    text = run("dumpe2fs", image).decode("latin-1")
    size = number(text, r"^Block size: +(\d+)")
    end = number(text, r"^Block count: +(\d+)") * size
    cluster = re.search(r"^Cluster size: +(\d+)", text, re.M)
    cluster = int(cluster.group(1)) if cluster else size
    for line in re.findall(r"^  Free blocks: (.*)$", text, re.M):
        for item in filter(None, line.split(", ")):
            first, _, last = item.partition("-")
            yield int(first) * size, min(int(last or first) * size + cluster, end)


def xfs_db(image, *commands):
    words = [w for c in commands for w in ("-c", c)]
    return run("xfs_db", "-r", *words, image).decode()


def xfs(image):
    """freesp tells the blocks that are kept for the trees as well, which are no free space
    of a group's tree."""
    sb = dict(re.findall(r"^(\w+) = (\d+)", xfs_db(image, "sb 0", "p"), re.M))
    size, blocks = int(sb["blocksize"]), int(sb["agblocks"])
    kept = set()
    for group in range(int(sb["agcount"])):
        agf = dict(re.findall(r"^(\w+) = (\d+)", xfs_db(image, f"agf {group}", "p"), re.M))
        listed = re.search(r"bno\[[^]]*\] = (.*)", xfs_db(image, f"agfl {group}", "p")).group(1)
        slots = {}
        for first, last, block in re.findall(r"(\d+)(?:-(\d+))?:(\d+|null)", listed):
            for slot in range(int(first), int(last or first) + 1):
                slots[slot] = block
        for i in range(int(agf["flcount"])):
            kept.add((group, int(slots[(int(agf["flfirst"]) + i) % len(slots)])))
    for group, start, length in re.findall(r"^ *(\d+) +(\d+) +(\d+)$",
                                           xfs_db(image, "freesp -d"), re.M):
        group, start, length = int(group), int(start), int(length)
        if length == 1 and (group, start) in kept:
            continue
        at = (group * blocks + start) * size
        yield at, at + length * size


def btrfs(image):
    """What is in no extent of a chunk on the device, but for the superblocks."""
    sb = run("btrfs", "inspect-internal", "dump-super", image).decode()
    node, total = number(sb, r"^nodesize\s+(\d+)"), number(sb, r"^dev_item.total_bytes\s+(\d+)")
    used = [(0, 1 << 20)] + [(at, at + 4096) for at in (64 << 20, 256 << 30) if at < total]
    tree = run("btrfs", "inspect-internal", "dump-tree", "-t", "extent", image).decode()
    extents = [(int(a), node if what == "METADATA" else int(b)) for a, what, b in
               re.findall(r"key \((\d+) (EXTENT|METADATA)_ITEM (\d+)\)", tree)]
    chunks = run("btrfs", "inspect-internal", "dump-tree", "-t", "chunk", image).decode()
    for item in re.split(r"^\titem ", chunks, flags=re.M):
        head = re.search(r"FIRST_CHUNK_TREE CHUNK_ITEM (\d+)", item)
        if not head:
            continue
        first, length = int(head.group(1)), number(item, r"length (\d+)")
        for at in re.findall(r"devid 1 offset (\d+)", item):
            used += [(int(at) + a - first, int(at) + a - first + n) for a, n in extents
                     if first <= a < first + length]
    at = 0
    for start, end in sorted(used):
        if start > at:
            yield at, start
        at = max(at, end)
    if at < total:
        yield at, total


def bits(raw, n, unit, start):
    for i in range(n):
        if not raw[i // 8] >> i % 8 & 1:
            yield start + i * unit, start + (i + 1) * unit


def ntfs(image):
    text = run("ntfsinfo", "-m", image).decode()
    size = number(text, r"Cluster Size: (\d+)")
    count = number(text, r"Volume Size in Clusters: (\d+)")
    return bits(run("ntfscat", image, "$Bitmap"), count, size, 0)


def fat(image):
    """Where the data begins and how many clusters there are says fsck.fat."""
    text = subprocess.run(("fsck.fat", "-nv", image), check=False, capture_output=True,
                          text=True).stdout
    size = number(text, r"(\d+) bytes per cluster")
    start = number(text, r"Data area starts at byte (\d+)")
    count = number(text, r"(\d+) data clusters")
    table = number(text, r"First FAT starts at byte (\d+)")
    width = number(text, r"(\d+) bit entries")
    used = number(text, rf", (\d+)/{count} clusters")
    with open(image, "rb") as f:
        f.seek(table)
        raw = f.read((count + 2) * width // 8 + 8)
    free = []
    for i in range(2, count + 2):
        value = struct.unpack_from("<I", raw, i * width // 8)[0]
        value >>= 4 if width == 12 and i % 2 else 0
        if value & (1 << min(width, 28)) - 1 == 0:
            free.append((start + (i - 2) * size, start + (i - 1) * size))
    assert len(free) == count - used, (len(free), count, used)
    return free


def merged(ranges):
    out = []
    for start, end in sorted(ranges):
        if out and out[-1][1] == start:
            out[-1][1] = end
        else:
            out.append([start, end])
    return out


def main():
    kind, image = sys.argv[1:]
    ours, at = [], 0
    for line in sys.stdin:
        what, start, length = line.split()
        assert int(start) == at and int(length) > 0, line
        at += int(length)
        if what == "free":
            ours.append([int(start), at])
    theirs = merged(globals()[kind](image))
    for want, got in zip(theirs, ours):
        if want != got:
            sys.exit(f"expected {want}, got {got}")
    if len(theirs) != len(ours):
        sys.exit(f"{len(theirs)} areas, got {len(ours)}")
    if len(ours) < 2:
        sys.exit(f"{len(ours)} areas are too few for a test")
    print(len(ours), "areas")


main()
