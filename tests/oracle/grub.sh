#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# grub.sh: what GRUB's own drivers read of small filesystems, and what we do: the checksum of
# every file that GRUB can name must be ours.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires grub-fstest zstd

image=$work/image

# sums DEVICE: a line for each file that we name in $work/tree and GRUB reads.
sums() {
    local path
    while read -r path; do
        printf '%s %s\n' "$(grub-fstest "$image" crc "($1)$path" 2>&1)" "$path"
    done < <(awk '{ print $2 }' "$work/want")
}

# Names of many files alike say little more than a few of them, and each costs a process.
# GRUB 2.06 does not read a file without any extent, nor what btrfs has as a hole without an
# extent or preallocated, and takes what lies behind the first hole in NTFS from elsewhere
# (ntfscat reads what we do): hole, holes, allocated, pieces.
same_as_grub() {
    awk -v not="/(holes?|allocated${3:+|$3})\$" \
        '$1 == "f" && NF == 7 && $7 !~ /[\\(),"]/ && $7 !~ /[3-9]$/ && $7 !~ not { print $6, $7 }' \
        "$work/tree" | LC_ALL=C sort >"$work/want"
    [ "$(wc -l <"$work/want")" -ge "$2" ] || {
        echo "only $(wc -l <"$work/want") files"
        return 1
    }
    sums "$1" | diff "$work/want" -
}

# A row: image | how GRUB calls the filesystem | options of fscat | files at least | not this one
while IFS='|' read -r name device options least except; do
    read -ra words <<<"$options"
    name=${name// /}
    from=$tests/mutate/images/$name.img.zst
    [ -f "$from" ] || from=$tests/oracle/$name.img.zst
    case_ "unpack $name" zstd -qdf --sparse --long=27 "$from" -o "$image"
    if [ "${words[0]}" = volume ]; then
        case_ "$name: the volume" expect 0 "$FSCAT" volume "$image" "${words[1]}"
        mv "$work/out" "$work/volume"
        "$FSCAT" tree "$work/volume" >"$work/tree"
    else
        "$FSCAT" "${words[@]}" tree "$image" >"$work/tree"
    fi
    case_ "$name: as GRUB reads it" same_as_grub "${device// /}" "$least" "${except// /}"
done <<'END'
ext2-1k       | loop0,msdos1       | -p 1 | 40
ext3-4k       | loop0,msdos1       | -p 1 | 40
ext4-csum     | loop0,msdos1       | -p 1 | 40
ext4-plain    | loop0,msdos1       | -p 1 | 40
gpt-ext4      | loop0,gpt2         | -p 2 | 40
lvm-linear    | lvm/debian--vg-root | volume debian-vg/root | 40
lvm-striped   | lvm/debian--vg-root | volume debian-vg/root | 40
xfs-v4        | loop0,msdos1       | -p 1 | 40
xfs-v5        | loop0,msdos1       | -p 1 | 40
btrfs-guest   | loop0,msdos1       | -p 1 | 40
btrfs/plain   | loop0              | -p 0 | 10
btrfs/packed  | loop0              | -p 0 | 25
ntfs-512      | loop0,msdos1       | -p 1 | 30 | pieces
ntfs-4k       | loop0,msdos1       | -p 1 | 30 | pieces
fat-12        | loop0,msdos1       | -p 1 | 25
fat-16        | loop0,msdos1       | -p 1 | 25
fat-32        | loop0,msdos1       | -p 1 | 25
END
finish
