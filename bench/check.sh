#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh [-n RUNS] [-g RUNS]: what `imgport check` costs, beside others that look inside
#
#   imgport check     on the good guest, raw and qcow2, the release build
#   debugfs           reading the files that a check reads, raw only: the least it can cost
#   virt-inspector    libguestfs, which starts a small virtual machine (emulated)
#
# Prints medians of RUNS runs (-n, 20; -g for virt-inspector, 3) as a table for RESULTS.md:
# CPU time (user and system, of all processes), wall time, peak memory of the largest process.
# The page cache is warm: every command runs once before it is measured.  Installs what it
# needs, libguestfs and a kernel for it among that.
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
raw=$(tests/guests/build.sh --file good)
qcow2=$(tests/guests/build.sh --file container-qcow2-v3)

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

# measure NAME RUNS COMMAND...: a row.
measure() {
    python3 - "$@" <<'EOF'
import os
import statistics
import subprocess
import sys
import time

name, runs, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]


def run():
    """CPU seconds, wall seconds and peak KiB, of the command and all it waited for."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{name}: exit status {child.returncode}: {complaint.decode()}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss


run()
rows = [run() for _ in range(runs)]
cpu = sorted(row[0] for row in rows)
wall = statistics.median(row[1] for row in rows)
peak = max(row[2] for row in rows) / 1024
print(
    f"| {name} | {runs} | {statistics.median(cpu):.3f} s ({cpu[0]:.3f} to {cpu[-1]:.3f}) "
    f"| {wall:.3f} s | {peak:.0f} MiB |"
)
EOF
}

export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
processor=$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -1)
printf '%s, %s, %s processors (%s), load %s\n\n' "$(date -u +%Y-%m-%d)" \
    "$("$imgport" --version | head -1)" "$(nproc)" "$processor" "$(cut -d' ' -f1 /proc/loadavg)"
echo '| command | runs | CPU: median (least to most) | wall: median | peak memory |'
echo '|---|---|---|---|---|'
measure 'imgport check, raw' "$runs" "$imgport" check --json "$raw"
measure 'imgport check, qcow2' "$runs" "$imgport" check --json "$qcow2"
measure 'debugfs, the same files, raw' "$runs" debugfs -f "$work/reads" "$raw?offset=1048576"
if [ "$guestfs_runs" -gt 0 ]; then
    measure 'virt-inspector, raw' "$guestfs_runs" \
        virt-inspector --format=raw -a "$raw" --no-applications --no-icon
    measure 'virt-inspector, qcow2' "$guestfs_runs" \
        virt-inspector --format=qcow2 -a "$qcow2" --no-applications --no-icon
fi
