#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh: the test guests, real Debian 12 systems built without mounting anything
#
#   build.sh [NAME...]   makes what is missing of the named guests (all of them by default)
#   build.sh --list      names them
#   build.sh --file NAME prints the name of a guest's file, making it if need be
#
# mmdebstrap makes one root filesystem; every guest is a copy of it with one thing changed,
# written by mke2fs -d into a partition that sfdisk laid out, with GRUB's images put where
# grub-install would put them.  Needs no loop device and no mount, and no root where user
# namespaces are allowed.
#
# The folder is cache/guests/<key> (IMGPORT_CACHE moves cache/), the key a hash of these
# scripts: change one and the guests are made anew.  A file that is there is complete, since
# each is made under another name and renamed.  Two builds at a time wait for each other.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC0 PATH=$PATH:/usr/sbin:/sbin
umask 022

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${IMGPORT_CACHE:-$top/cache}/guests
key=$(cat "$here"/*.sh "$here"/*.py | sha256sum | cut -c1-12)
dir=$cache/$key

. "$here/rootfs.sh"
. "$here/disks.sh"
. "$here/lvm.sh"
. "$here/containers.sh"

say() { printf 'guests: %s\n' "$*" >&2; }
die() {
    printf 'guests: %s\n' "$*" >&2
    exit 1
}

# What each is, and what a cloud should say of it: README.md.
names=(good no-cloud-init no-virtio gpt gpt-esp no-table boot-only data-only zeros iso
    iso-hybrid dirty btrfs lvm lvm-striped lvm-no-cloud-init lvm-no-virtio lvm-incomplete)
mapfile -O ${#names[@]} -t names < <(container_names)

# The file (for a VMDK of several files: the descriptor) of a guest.
guest_file() {
    case $1 in
    iso | iso-hybrid) echo "$dir/$1.iso" ;;
    container-*) echo "$dir/$1/$(container_file "${1#container-}")" ;;
    *) echo "$dir/$1.raw" ;;
    esac
}

case ${1-} in
--list)
    printf '%s\n' "${names[@]}"
    exit 0
    ;;
--file)
    "$here/build.sh" "$2"
    guest_file "$2"
    exit
    ;;
esac
[ $# -gt 0 ] || set -- "${names[@]}"

for name; do
    case " ${names[*]} " in
    *" $name "*) ;;
    *) die "no guest is called '$name'; build.sh --list names them" ;;
    esac
done

missing() {
    todo=()
    for name; do
        [ -e "$(guest_file "$name")" ] || todo+=("$name")
    done
    [ ${#todo[@]} -gt 0 ]
}

missing "$@" || exit 0
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock -n 9 || {
    say "waiting for another build"
    flock 9
    missing "$@" || exit 0
}

# Without root: again, as root of a user namespace, whose other users are the subordinate
# ones of /etc/subuid.
if [ "$(id -u)" -ne 0 ]; then
    exec 9>&-
    exec unshare --map-root-user --map-auto --mount --pid --fork --kill-child -- \
        "$here/build.sh" "$@"
fi

# Guests of older scripts only take room.
find "$cache" -mindepth 1 -maxdepth 1 ! -name "$key" ! -name .lock -exec rm -rf {} +
mkdir -p "$dir"
rm -rf "$dir"/.tmp.*
tmp=$(mktemp -d "$dir/.tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for name in "${todo[@]}"; do
    file=$(guest_file "$name")
    # A guest that another one needed is there by now.
    [ ! -e "$file" ] || continue
    started=$SECONDS
    case $name in
    container-*) container_make "${name#container-}" ;;
    *) disk_make "$name" ;;
    esac
    say "$name: $(du -sh "$file" | cut -f1), $((SECONDS - started)) s"
done
