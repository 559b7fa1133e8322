#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# install-deps.sh: the Debian 12 packages that imgport needs
#
#   build   compile it with gcc and run its unit tests
#   run     build, and make the test guests that `make run` shows
#   check   run, and everything that `make check` compares with
#   all     check, and what bench/ and `make check-all` measure with
#
# Asks dpkg first and calls apt only for what is missing, so a second run does nothing, needs
# no network and no root.  Asks nothing; sudo may.
set -eu

usage='usage: tools/install-deps.sh [-n] [build|run|check|all]   (-n: only say what is missing)'

# Recommended packages are left out on purpose, so what gcc only recommends is named here.
build='
    make gcc libc6-dev meson ninja-build pkgconf gettext
    libcmocka-dev libext2fs-dev comerr-dev ntfs-3g-dev libjansson-dev libssl-dev libcurl4-openssl-dev libseccomp-dev
    libslirp-dev libglib2.0-dev
    libmicrohttpd-dev libsqlite3-dev libpq-dev libisofs-dev libcrypt-dev
    zlib1g-dev libdeflate-dev liblzo2-dev liblz4-dev libzstd-dev liblzma-dev libbz2-dev libisal-dev
'
# uidmap: the guests can be built without root.
run='
    mmdebstrap apt ca-certificates debian-archive-keyring uidmap
    qemu-utils e2fsprogs btrfs-progs fdisk xorriso jq python3-minimal util-linux
    cpio kmod zstd xz-utils
'
check='
    clang libclang-rt-14-dev clang-format llvm-14
    git shellcheck mandoc man-db
    lz4 lzop bzip2 gzip python3 python3-jsonschema python3-vmdkstream
    gdisk dosfstools mtools xfsprogs ntfs-3g lvm2 libxml2-utils
    cryptsetup-bin exfatprogs f2fs-tools jfsutils reiserfsprogs squashfs-tools udftools
    grub-common grub-pc-bin syslinux-common
    strace procps attr libwin-hivex-perl libhivex-bin user-mode-linux 7zip nginx-light
    postgresql
    curl
    qemu-system-x86 ovmf
'
# The image service is tried with the vendor's SDKs; node and npm may come from elsewhere.
command -v npm >/dev/null && command -v node >/dev/null || run="$run nodejs npm"
# Its TLS test makes a certificate.
check="$check openssl"
all='
    clang-tidy-14 clang-tools-14 arch-test syslinux
    ceph-mon ceph-osd radosgw ceph-common
'

say() { printf 'install-deps: %s\n' "$*"; }
die() {
    printf 'install-deps: %s\n' "$*" >&2
    exit 1
}

dry=
if [ "${1-}" = -n ]; then
    dry=1
    shift
fi
[ $# -le 1 ] || die "$usage"
case ${1-build} in
build) wanted=$build ;;
run) wanted="$build $run" ;;
check) wanted="$build $run $check" ;;
all) wanted="$build $run $check $all" ;;
*) die "$usage" ;;
esac
set_name=${1-build}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2086 # a list of words
    die "this system has no apt; install what corresponds to these Debian 12 packages by hand:" \
        "$(printf '%s ' $wanted)"
fi

# Prints those of its arguments that dpkg does not have.
missing() {
    # dpkg-query fails for a name it never heard of, which is the answer we are after.
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p' | sort -u >"$have"
    printf '%s\n' "$@" | sort -u | comm -23 - "$have" | tr '\n' ' '
}

have=$(mktemp)
log=$(mktemp)
trap 'rm -f "$have" "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2086 # lists of words
lacking=$(missing $wanted)
if [ -z "$lacking" ]; then
    # shellcheck disable=SC2086
    say "$set_name: all $(printf '%s\n' $wanted | sort -u | wc -l) packages are installed"
    exit 0
fi
say "$set_name: missing: $lacking"
[ -z "$dry" ] || exit 1

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
        die "not root and no sudo; as root run: apt-get install --no-install-recommends $lacking"
    as_root='sudo'
fi

# Another apt (unattended upgrades, a second make) may hold the lock: wait for it.
apt() {
    # shellcheck disable=SC2086 # sudo or nothing
    $as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -o DPkg::Lock::Timeout=600 -qq "$@" >"$log" 2>&1 </dev/null || {
        cat "$log" >&2
        return 1
    }
}

# Package lists are fetched only when there are none, or when they do not know a package.
listed() {
    for p in "$@"; do
        apt-cache show --no-all-versions "$p" >/dev/null 2>&1 || return 1
    done
}

updated=
update() {
    say "fetching package lists"
    apt update || die "apt-get update failed: is there a network?"
    updated=1
}

install() {
    # shellcheck disable=SC2086
    apt install -y --no-install-recommends -o Dpkg::Use-Pty=0 $lacking
}

# shellcheck disable=SC2086
listed $lacking || update
say "installing them"
if ! install; then
    # Lists of yesterday name versions that the mirror no longer has.
    [ -z "$updated" ] || die "apt-get install failed"
    update
    install || die "apt-get install failed"
fi

# shellcheck disable=SC2086
lacking=$(missing $wanted)
[ -z "$lacking" ] || die "apt-get says it is done, but these are still missing: $lacking"
say "$set_name: done"
