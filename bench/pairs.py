#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pairs.py PAIRS OUTPUT COMMAND -- COMMAND: two commands that write the same file, in pairs.

The order changes from pair to pair; before each run the output is gone, the disk idle, and as much
memory as a run may fill was touched and let go: a virtual machine whose host takes back what is
free pays more for the first touch of a page than for anything else here, now one command
and now the other.  {} in a command is OUTPUT.

Prints one object of JSON: medians of wall seconds, CPU seconds (user and system, of all processes)
and the largest peak memory (MiB, of the largest process) of either command; and of the ratios
of a pair, first by second, the median, the least and the most, and the ratio of the two best runs.
"""
import json
import mmap
import os
import statistics
import subprocess
import sys
import time

WARM = 3 << 30  # bytes


def warm():
    memory = mmap.mmap(-1, WARM)
    for at in range(0, WARM, mmap.PAGESIZE):
        memory[at] = 1
    memory.close()


def run(command, output):
    """Wall seconds, CPU seconds and peak MiB."""
    if os.path.exists(output):
        os.unlink(output)
    # What the last run left to be written would be written during this one.
    subprocess.run(["sync", "-f", os.path.dirname(output)], check=True)
    # In a process of its own: its peak would count as that of the command.
    child = os.fork()
    if child == 0:
        warm()
        os._exit(0)
    os.waitpid(child, 0)
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {child.returncode}: {complaint.decode()}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    pairs, output, rest = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    cut = rest.index("--")
    commands = [
        [word.replace("{}", output) for word in part] for part in (rest[:cut], rest[cut + 1 :])
    ]
    rows = [[], []]
    for i in range(pairs):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            rows[which].append(run(commands[which], output))
    os.unlink(output)
    found = {"pairs": pairs}
    for name, side in zip(("first", "second"), rows):
        found[name] = {
            "wall": statistics.median(row[0] for row in side),
            "cpu": statistics.median(row[1] for row in side),
            "peak": max(row[2] for row in side),
        }
    for at, name in ((0, "wall"), (1, "cpu")):
        ratios = sorted(a[at] / b[at] for a, b in zip(*rows))
        found[name] = {
            "median": statistics.median(ratios),
            "least": ratios[0],
            "most": ratios[-1],
            "best": min(row[at] for row in rows[0]) / min(row[at] for row in rows[1]),
        }
    print(json.dumps(found))


main()
