#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mend.sh: every access to a disk fails once while it is edited
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.ext4 sfdisk dd truncate

disk=$work/disk.raw tree=$work/tree
mkdir -p "$tree"/{bin,sbin,etc/ssh,var/log,root}
printf 'ID=debian\nVERSION_ID="12"\n' >"$tree/etc/os-release"
printf '#!/bin/sh\n' >"$tree/sbin/init"
echo key >"$tree/etc/ssh/ssh_host_rsa_key"
echo log >"$tree/var/log/syslog"
echo root >"$tree/etc/passwd"
printf '/dev/vda1 / ext4 defaults 0 0\n/dev/vdb1 /x ext4 defaults 0 0\n' >"$tree/etc/fstab"

ext() {
    rm -f "$work/part"
    truncate -s 8M "$work/part"
    mkfs.ext4 -q -F -d "$tree" "$@" "$work/part" && truncate -s 9M "$disk" &&
        printf '2048,,83,*\n' | sfdisk -q "$disk" &&
        dd if="$work/part" of="$disk" bs=1M seek=1 conv=notrunc status=none && "$FAULT_MEND" "$disk"
}

windows() { "$tests/guests/windows.sh" "$disk" version=2012-R2 && "$FAULT_MEND" "$disk" 7; }

case_ 'ext4' ext
case_ 'ext2 with blocks of 1 KiB' ext -t ext2 -b 1024
case_ 'NTFS' windows
finish
