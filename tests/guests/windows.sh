#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# windows.sh FILE KEY=VALUE...: a small disk that is laid out as Windows documents itself
#
# windows.py has the keys of the system; there is no Windows on the disk.  More of them here:
#
#     layout    plain (default) one partition; reserved, with bootmgr and its store on a
#               partition of its own; gpt, with an EFI system partition; dynamic, of type 42;
#               lvm, the system on a logical volume
#     format    ntfs (default), vfat
#     damage    SYSTEM or SOFTWARE, by commas; SYSTEM:stale, SYSTEM:gone
#
# NTFSFILL names the program that writes into NTFS; by default that of build/.
set -euo pipefail
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
ntfsfill=${NTFSFILL:-$here/../../build/tests/tools/ntfsfill}
export ASAN_OPTIONS=detect_leaks=0 # of libntfs-3g
file=$1
rm -f "$file"
shift

declare -A option=([layout]=plain [format]=ntfs [damage]='' [with]='' [without]='')
for word; do
    option[${word%%=*}]=${word#*=}
done
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/imgport-windows.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

SIGNATURE=3141592653 # of the disk
SYSTEM_MIB=72
DISK_GUID=6b1f0c54-93aa-4d0c-8d1c-52540012a001
PART_GUID=6b1f0c54-93aa-4d0c-8d1c-52540012a002
ESP_MIB=36
has() { [[ ",${option[$1]}," == *",$2,"* ]]; }

case ${option[layout]} in
reserved) before=16 ;;
gpt) before=$ESP_MIB ;;
*) before=0 ;;
esac
start=$((1 + before)) # of the system, in MiB

hive() {
    python3 "$here/empty_hive.py" "$tmp/$1"
    hivexregedit --merge --encoding UTF-8 "$tmp/$1" "$tmp/$1.reg"
}

words=()
for word in version edition arch drivers with without; do
    [ -z "${option[$word]-}" ] || words+=("$word=${option[$word]}")
done
[ "${option[layout]}" != gpt ] || words+=("guids=$PART_GUID+$DISK_GUID")
python3 "$here/windows.py" "$tmp" "${words[@]}" disk=$SIGNATURE start=$((start << 20))
config=$tmp/tree/Windows/System32/config
mkdir -p "$config"
for name in SYSTEM SOFTWARE DRIVERS BCD; do
    [ ! -f "$tmp/$name.reg" ] || hive "$name"
    [ "$name" = BCD ] || [ ! -f "$tmp/$name" ] || cp "$tmp/$name" "$config/$name"
done

# damage HIVE:HOW
damage() {
    local hive=$config/${1%%:*}
    case $1 in
    *:gone) rm "$hive" ;;
    # Only the first of the two numbers goes up, and the checksum with it.
    *:stale) python3 - "$hive" <<'EOF' ;;
import struct, sys
with open(sys.argv[1], 'r+b') as f:
    head = bytearray(f.read(512))
    struct.pack_into('<I', head, 4, struct.unpack_from('<I', head, 8)[0] + 1)
    total = 0
    for (word,) in struct.iter_unpack('<I', head[:508]):
        total ^= word
    struct.pack_into('<I', head, 508, total)
    f.seek(0)
    f.write(head)
EOF
    *) printf x | dd of="$hive" bs=1 seek=60 conv=notrunc status=none ;;
    esac
}
IFS=, read -ra damages <<<"${option[damage]}"
for word in "${damages[@]}"; do
    damage "$word"
done

# boot_files FOLDER: bootmgr and its store
boot_files() {
    has without bootmgr || printf bootmgr >"$1/bootmgr"
    has without bcd || { mkdir -p "$1/Boot" && cp "$tmp/BCD" "$1/Boot/BCD"; }
}

# make_ntfs FILE MIB START-SECTOR FOLDER: a volume with the files of the folder
make_ntfs() {
    truncate -s "$2M" "$1"
    mkntfs -F -Q -q -L Windows -p "$3" -H 255 -S 63 -s 512 "$1" 2>/dev/null
    "$ntfsfill" "$1" fill "$4" >/dev/null
    if has with read-only && [ -d "$4/Windows" ]; then
        "$ntfsfill" "$1" flags Windows/System32/drivers/viostor.sys 1
    fi
}

# make_vfat FILE MIB FOLDER
make_vfat() {
    truncate -s "$2M" "$1"
    mkfs.vfat -F 32 -s 1 "$1" >/dev/null
    MTOOLS_SKIP_CHECK=1 mcopy -s -Q -i "$1" "$3"/* ::/
}

mkdir "$tmp/boot"
case ${option[layout]} in
plain | dynamic | lvm) boot_files "$tmp/tree" ;;
reserved)
    boot_files "$tmp/boot"
    make_ntfs "$tmp/first" $before 2048 "$tmp/boot"
    ;;
gpt)
    mkdir -p "$tmp/boot/EFI/Microsoft/Boot" "$tmp/boot/EFI/BOOT"
    printf MZ | tee "$tmp/boot/EFI/Microsoft/Boot/bootmgfw.efi" >"$tmp/boot/EFI/BOOT/BOOTX64.EFI"
    cp "$tmp/BCD" "$tmp/boot/EFI/Microsoft/Boot/BCD"
    make_vfat "$tmp/first" $before "$tmp/boot"
    ;;
esac
if [ "${option[format]}" = vfat ]; then
    make_vfat "$tmp/system" $SYSTEM_MIB "$tmp/tree"
else
    make_ntfs "$tmp/system" $SYSTEM_MIB $((start * 2048)) "$tmp/tree"
fi

# LVM puts a MiB of its own in front.
truncate -s $((start + SYSTEM_MIB + 3))M "$file"
# A boot record that looks like Windows': its code is only recognised.
python3 - "$file" <<'EOF'
import sys
with open(sys.argv[1], 'r+b') as f:
    f.write(b'\x33\xc0\x8e\xd0\xbc\x00\x7c'.ljust(0x150, b'\0') +
            b'Invalid partition table\0Error loading operating system\0Missing operating system\0')
EOF
table() { sfdisk -q --no-reread --no-tell-kernel "$file"; }
size=$((SYSTEM_MIB * 2048))
case ${option[layout]} in
plain | dynamic | lvm)
    type=7
    [ "${option[layout]}" != dynamic ] || type=42
    [ "${option[layout]}" != lvm ] || type=8e size=$((size + 2048))
    printf 'label: dos\nlabel-id: %#x\nstart=2048, size=%d, type=%s, bootable\n' \
        $SIGNATURE $size $type | table
    ;;
reserved)
    printf 'label: dos\nlabel-id: %#x\nstart=2048, size=%d, type=7, bootable\n' \
        $SIGNATURE $((before * 2048)) >"$tmp/table"
    printf 'start=%d, size=%d, type=7\n' $((start * 2048)) $size >>"$tmp/table"
    table <"$tmp/table"
    ;;
gpt)
    printf 'label: gpt\nlabel-id: %s\n' $DISK_GUID >"$tmp/table"
    printf 'start=2048, size=%d, type=U\n' $((before * 2048)) >>"$tmp/table"
    printf 'start=%d, size=%d, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid=%s\n' \
        $((start * 2048)) $size $PART_GUID >>"$tmp/table"
    table <"$tmp/table"
    ;;
esac
if [ "${option[layout]}" = dynamic ]; then
    printf PRIVHEAD | dd of="$file" bs=512 seek=6 conv=notrunc status=none
fi
[ ! -f "$tmp/first" ] || dd if="$tmp/first" of="$file" bs=1M seek=1 conv=notrunc,sparse status=none
if [ "${option[layout]}" = lvm ]; then
    python3 "$here/lvm.py" "$file" windows "[[2048, $size]]" \
        "{\"system\": {\"file\": \"$tmp/system\", \"segments\": [[$((SYSTEM_MIB / 4)), [[0, 0]]]]}}"
    # A boot sector, so that the volume is all that is wrong.
    printf '\x55\xaa' | dd of="$file" bs=1 seek=$((2048 * 512 + 510)) conv=notrunc status=none
else
    dd if="$tmp/system" of="$file" bs=1M seek=$start conv=notrunc,sparse status=none
fi
