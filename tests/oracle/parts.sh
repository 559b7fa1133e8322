#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# parts.sh: partition tables by sfdisk and sgdisk, listed by us and by partx (libblkid, which
# numbers as Linux does); boot code by the packages that install it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires sfdisk sgdisk partx truncate awk mkfs.vfat mkntfs mke2fs

image=$work/image

# number start size type uuid, of what partx shows.  It gives an extended partition two
# sectors, as Linux does.
partx_says() {
    partx -r -g -b -o NR,START,SECTORS,TYPE,UUID "$image" |
        awk '{ type = toupper($4); sub(/^0X/, "", type)
               if (length(type) == 1) type = "0" type
               size = type == "05" || type == "0F" || type == "85" ? "-" : $3 * 512
               print $1, $2 * 512, size, type, $5 }'
}

we_say() {
    "$FSCAT" parts "$image" |
        awk 'NR > 1 { print $1, $2, / extended/ ? "-" : $3, $4, $5 }'
}

agree() {
    partx_says >"$work/want"
    [ -s "$work/want" ] || {
        echo 'partx lists nothing'
        return 1
    }
    we_say | sort -n | diff <(sort -n "$work/want") -
}

make_table() {
    rm -f "$image"
    truncate -s "$1" "$image"
    sfdisk -q --no-reread --no-tell-kernel "$image"
}

# is WORD: what the first line of ours begins with.
is() {
    "$FSCAT" parts "$image" >"$work/got" && matches "$work/got" "^$1"
}

try() {
    case_ "make: $1" make_table "${2:-64M}"
    case_ "partx agrees: $1" agree
}

try 'four primaries, one active' <<'END'
label: dos
label-id: 0x1a2b3c4d
start=2048, size=8192, type=83, bootable
start=10240, size=8192, type=7
start=18432, size=8192, type=82
start=26624, type=8e
END
try 'a slot left out' <<'END'
label: dos
2 : start=10240, size=8192, type=83
4 : start=20480, type=ef
END
try 'logical partitions' <<'END'
label: dos
start=2048, size=8192, type=83
start=10240, type=5
start=12288, size=4096, type=83
start=18432, size=4096, type=82
start=24576, size=4096, type=83
END
try 'logical partitions, LBA, not in order of the disk' <<'END'
label: dos
2 : start=10240, type=f
5 : start=40960, size=4096, type=83
6 : start=18432, size=4096, type=fd
7 : start=24576, size=4096, type=83
END
case_ 'make: a logical partition removed' sfdisk -q --no-reread --delete "$image" 6
case_ 'partx agrees: a logical partition removed' agree
try 'an empty extended partition' <<'END'
label: dos
start=2048, size=8192, type=83
start=10240, type=85
END
try 'GPT' <<'END'
label: gpt
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649
start=4096, size=20480, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="EFI System"
size=+, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="root ä"
END
case_ 'the first copy of a GPT is destroyed' dd if=/dev/zero of="$image" bs=512 seek=1 count=1 \
    conv=notrunc status=none
case_ 'partx agrees: only the backup of a GPT' agree
try 'GPT with 4 entries and numbers left out' <<'END'
label: gpt
table-length: 4
2 : start=2048, size=2048
4 : start=8192, size=2048
END
case_ 'make: a GPT with 56 partitions' sgdisk -o "$image"
for i in $(seq 56); do
    args+=(-n "$((i * 2)):$((2048 + 256 * i)):+100")
done
case_ 'make: 56 partitions' sgdisk -a 1 "${args[@]}" "$image"
case_ 'partx agrees: 56 partitions' agree
case_ 'make: hybrid MBR' sgdisk -h 2:4 "$image"
case_ 'a hybrid MBR is a GPT' is gpt

for kind in 'vfat -F 16' 'vfat -F 32' 'ntfs -q -F -f' 'ext4 -q'; do
    rm -f "$image"
    truncate -s 64M "$image"
    # shellcheck disable=SC2086 # options
    case_ "make: $kind without a table" mkfs.$kind "$image"
    case_ "$kind is no table" is none
done

# Boot code as packages install it, beside one partition.
while read -r name file; do
    echo 'start=2048' | make_table 64M
    case_ "put $file" dd if="$file" of="$image" bs=440 count=1 conv=notrunc status=none
    case_ "$file is $name" is "mbr boot=$name "
done <<'END'
grub /usr/lib/grub/i386-pc/boot.img
syslinux /usr/lib/syslinux/mbr/mbr.bin
syslinux /usr/lib/syslinux/mbr/gptmbr.bin
syslinux /usr/lib/syslinux/mbr/altmbr.bin
unknown /bin/true
END
finish
