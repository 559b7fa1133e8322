#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fresh.sh: does it work on a machine with nothing installed by hand?  (`make fresh`)
#
#   fresh.sh [TARGET...]   make targets to run there; by default check, run and install
#
# Makes a Debian 12 of essential packages, apt, make and git, copies what git tracks into it,
# and runs the targets inside with an own set of namespaces.  Needs root and a network; takes
# as long as the targets and the download of every package.  The folder stays for a look when
# a target fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" -eq 0 ] || {
    echo 'fresh.sh: needs root' >&2
    exit 1
}
[ $# -gt 0 ] || set -- check run install
tools/install-deps.sh run

say() { printf 'fresh: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}
# shellcheck source=tests/guests/rootfs.sh
. tests/guests/rootfs.sh

work=$(mktemp -d "${TMPDIR:-/var/tmp}/imgport-fresh.XXXXXX")
root=$work/root
rootfs_apt_settings >"$work/apt.conf"
sources=$(rootfs_sources)
say "a new Debian 12 in $root"
mmdebstrap --quiet --variant=minbase --include=make,git,ca-certificates --format=directory \
    --aptopt="$work/apt.conf" bookworm "$root" ${sources:+-} <<<"$sources"
# As after an installation: the package lists are old or not there.
rm -rf "$root"/var/lib/apt/lists/*
cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
if [ -d /usr/local/share/ca-certificates ]; then
    cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1 || true
fi

mkdir -p "$root/home/imgport"
git ls-files -z | xargs -0 tar -cf - | tar -C "$root/home/imgport" --no-same-owner -xf -
git -C "$root/home/imgport" init -q
git -C "$root/home/imgport" add -A

# Own mounts and processes, so that nothing of it outlives this script.
inside() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" -- sh -ec '
        # A root is a place where something is mounted: tests make mounts of their own.
        mount --rbind "$1" "$1"
        mount --rbind /dev "$1/dev"
        mount -t sysfs sysfs "$1/sys" || true
        exec chroot "$1" env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            make -C /home/imgport "$2"' sh "$root" "$1" </dev/null
}

for target; do
    status=0
    say "make $target"
    started=$SECONDS
    inside "$target" || status=$?
    [ $status -eq 0 ] || die "make $target failed with $status; the system is in $root"
    say "make $target: passed in $((SECONDS - started)) s"
done
rm -rf --one-file-system "$work"
