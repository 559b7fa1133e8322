#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh [-n RUNS] [-g RUNS]: what `imgport check` costs, beside others that look inside
#
#   imgport check     on guests with ext4 (raw and qcow2), LVM, XFS and btrfs, the release build
#   debugfs           reading the files that a check reads, ext4 only: the least it can cost
#   virt-inspector    libguestfs, which starts a small virtual machine (emulated)
#
# Prints medians of RUNS runs (-n, 20; -g for virt-inspector, 3) as a table for RESULTS.md:
# CPU time (user and system, of all processes), wall time, peak memory of the largest process,
# and how much more CPU time than imgport virt-inspector takes.  The page cache is warm: a check
# runs once before it is measured.  Exit status 1 when a check is over its limits.  Installs what
# it needs, libguestfs and a kernel for it among that.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin

runs=20
guestfs_runs=3
while getopts n:g: option; do
    case $option in
    n) runs=$OPTARG ;;
    g) guestfs_runs=$OPTARG ;;
    *)
        echo 'usage: bench/check.sh [-n RUNS] [-g RUNS]' >&2
        exit 2
        ;;
    esac
done

tools/install-deps.sh all >&2
if [ "$guestfs_runs" -gt 0 ] && ! command -v virt-inspector >/dev/null; then
    echo 'bench: installing libguestfs and a kernel for it' >&2
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y \
        --no-install-recommends libguestfs-tools linux-image-amd64 >/dev/null
fi

[ -f build-release/build.ninja ] || meson setup build-release --buildtype release \
    -Db_ndebug=false >/dev/null
ninja -C build-release >/dev/null
imgport=$PWD/build-release/imgport

# What is in it | guest
rows=('ext4|good' 'ext4 in qcow2|container-qcow2-v3' 'LVM, two segments|lvm'
    'LVM, striped|lvm-striped' 'XFS|xfs' 'btrfs|btrfs' 'btrfs, snapshots|btrfs-snapshot')
# Those that virt-inspector has to look at: the others differ in nothing that costs it time.
inspected=('ext4|good' 'LVM, two segments|lvm' 'XFS|xfs' 'btrfs|btrfs')
raw=$(tests/guests/build.sh --file good)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

kernel=$(debugfs -R 'ls -p /boot' "$raw?offset=1048576" 2>/dev/null |
    sed -n 's|.*/vmlinuz-\([^/]*\)/.*|\1|p')
cat >"$work/reads" <<EOF
cat /etc/os-release
cat /etc/fstab
cat /boot/grub/grub.cfg
cat /boot/config-$kernel
cat /boot/initrd.img-$kernel
cat /lib/modules/$kernel/modules.dep
cat /var/lib/dpkg/status
EOF

# measure TOOL WHAT RUNS COMMAND...: a row.
measure() {
    python3 - "$work" "$@" <<'EOF'
import json
import os
import statistics
import subprocess
import sys
import time

CPU_MAX, PEAK_MAX = 0.15, 64  # of a check: seconds, MiB
work, tool, what, runs, command = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5:]
ours = tool == 'imgport check'


def run():
    """CPU seconds, wall seconds and peak KiB, of the command and all it waited for."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{tool}, {what}: exit status {child.returncode}: {complaint.decode()}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss


if tool != 'virt-inspector':
    run()
rows = [run() for _ in range(runs)]
cpu = sorted(row[0] for row in rows)
median = statistics.median(cpu)
wall = statistics.median(row[1] for row in rows)
peak = max(row[2] for row in rows) / 1024
kept = os.path.join(work, 'medians')
medians = json.load(open(kept)) if os.path.exists(kept) else {}
ratio = f'{median / medians[what]:.1f}' if what in medians and not ours else ''
if ours:
    medians[what] = median
    json.dump(medians, open(kept, 'w'))
    if median > CPU_MAX or peak > PEAK_MAX:
        open(os.path.join(work, 'over'), 'w').close()
print(
    f"| {tool} | {what} | {runs} | {median:.3f} s ({cpu[0]:.3f} to {cpu[-1]:.3f}) "
    f"| {ratio} | {wall:.3f} s | {peak:.0f} MiB |",
    flush=True,
)
EOF
}

export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
processor=$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -1)
printf '%s, %s, %s processors (%s), load %s\n\n' "$(date -u +%Y-%m-%d)" \
    "$("$imgport" --version | head -1)" "$(nproc)" "$processor" "$(cut -d' ' -f1 /proc/loadavg)"
echo '| command | guest | runs | CPU: median (least to most) | of imgport | wall: median | peak memory |'
echo '|---|---|---|---|---|---|---|'
for row in "${rows[@]}"; do
    measure 'imgport check' "${row%|*}" "$runs" \
        "$imgport" check --json "$(tests/guests/build.sh --file "${row#*|}")"
done
measure 'debugfs, the same files' ext4 "$runs" debugfs -f "$work/reads" "$raw?offset=1048576"
[ "$guestfs_runs" -gt 0 ] || inspected=()
for row in "${inspected[@]}"; do
    file=$(tests/guests/build.sh --file "${row#*|}")
    measure virt-inspector "${row%|*}" "$guestfs_runs" virt-inspector \
        --format="${file##*.}" -a "$file" --no-applications --no-icon
done
[ ! -e "$work/over" ] || {
    echo 'bench: a check took more than 0.15 CPU-seconds or 64 MiB' >&2
    exit 1
}
