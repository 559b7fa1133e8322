#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ntfs.sh: a folder copied into NTFS by ntfs-3g's own driver, and read back by us: names,
# sizes and checksums must be those of the folder.  Needs /dev/fuse.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkntfs ntfs-3g ntfs-3g.probe ntfscat ntfscp ntfsfix setfattr umount python3 truncate

image=$work/image
lines=$(dirname "$0")/tree_lines.py

make_source() {
    local i dir=$work/source
    mkdir -p "$dir/Windows/System32/config" "$dir/many" "$dir/deep/er/and/deeper" "$dir/packed"
    head -c 3000000 /dev/urandom >"$dir/Windows/System32/config/SOFTWARE"
    echo small >"$dir/small.txt"
    : >"$dir/empty"
    truncate -s 5M "$dir/hole"
    printf end >>"$dir/hole"
    echo long >"$dir/$(printf 'n%.0s' $(seq 250)).txt"
    echo unicode >"$dir/日本語 und Ümläute.txt"
    echo pair >"$dir/beyond the plane 😀"
    echo deep >"$dir/deep/er/and/deeper/file"
    head -c 200000 /dev/urandom >"$dir/packed/random"
    seq 200000 >"$dir/packed/numbers"
    for i in $(seq 2000); do
        echo "$i" >"$dir/many/a file with a long name, number $i"
    done
}

columns() { awk '{ printf "%s %s %s", $1, $4, $6; for (i = 7; i <= NF; i++) printf " %s", $i; print "" }'; }

fill() {
    ntfs-3g -o compression "$image" "$work/mount" </dev/null &&
        mkdir "$work/mount/packed" &&
        setfattr -h -v 0x00000800 -n system.ntfs_attrib_be "$work/mount/packed" &&
        cp -r --no-preserve=mode,ownership "$work"/source/. "$work/mount/"
    local status=$?
    umount "$work/mount"
    return "$status"
}

same_tree() {
    python3 "$lines" "$work/source" | columns | LC_ALL=C sort >"$work/want"
    "$FSCAT" "$@" tree "$image" | columns | LC_ALL=C sort >"$work/got"
    diff "$work/want" "$work/got" | head -5
    cmp "$work/want" "$work/got"
}

same_as_ntfscat() {
    ntfscat "$image" "$1" >"$work/theirs" && "$FSCAT" cat "$image" "$2" | cmp - "$work/theirs"
}

refuses_wof() {
    ntfs-3g "$image" "$work/mount" </dev/null
    # Tag, length, reserved, and the 16 bytes of WOF_EXTERNAL_INFO: provider FILE, XPRESS4K.
    setfattr -h -n system.ntfs_reparse_data \
        -v 0x170000801000000001000000020000000100000000000000 "$work/mount/small.txt"
    local status=$?
    umount "$work/mount"
    [ "$status" -eq 0 ] || return
    ! "$FSCAT" cat "$image" /small.txt 2>"$work/err" && grep -q unsupported "$work/err"
}

# state WANT PROBE: our words, and the exit status of ntfs-3g.probe: 0 may be mounted, 14
# hibernated, 15 not unmounted.
state() {
    local status=0
    ntfs-3g.probe --readwrite "$image" >"$work/probe" 2>&1 || status=$?
    same 'status of ntfs-3g.probe' "$2" "$status" &&
        same state "$1" "$("$FSCAT" info "$image" | sed -n 's/^clean //p')"
}

# A row: sentence | restart pages for ntfs_log.py | what ntfs-3g.probe says | what we say
test_log() {
    local sentence pages status want
    while IFS='|' read -r sentence pages status want; do
        read -ra words <<<"$pages"
        python3 "$(dirname "$0")/ntfs_log.py" "$image" "${words[@]}"
        case_ "$sentence" state "${want# }" "${status// /}"
    done <<'END'
a log that is closed, as Windows 2000 does it | 5:1:0xffff:0 5:1:0xffff:0 | 0 | 1 needs_recovery 0 stale_possible 0 
a log that is marked clean | 5:1:0:2 5:1:0:2 | 0 | 1 needs_recovery 0 stale_possible 0 
an open log | 5:1:0:0 5:1:0:0 | 15 | 1 needs_recovery 1 stale_possible 1 its log was not closed, and is not replayed
the second page is newer, and open | 5:1:0:2 6:1:0:0 | 15 | 1 needs_recovery 1 stale_possible 1 its log was not closed, and is not replayed
the second page is newer, and clean | 5:1:0:0 6:1:0:2 | 0 | 1 needs_recovery 0 stale_possible 0 
a fast startup | 5:2:0:2 5:2:0:2 | 14 | 1 needs_recovery 1 stale_possible 1 its log is that of a running Windows, or of one shut down by Fast Startup
a torn page beside a clean one | torn:7:1:0:0 6:1:0:2 | 15 | 1 needs_recovery 1 stale_possible 1 its log is damaged
a torn page beside an open one | 5:1:0:0 torn:9:1:0:2 | 15 | 1 needs_recovery 1 stale_possible 1 its log was not closed, and is not replayed
no page | - - | 15 | 1 needs_recovery 1 stale_possible 1 its log is damaged
END
}

test_state() {
    rm -f "$image"
    truncate -s 8M "$image"
    case_ 'make: state' mkntfs -F -Q -q "$image"
    case_ 'a log of ones, as mkntfs leaves it' state '1 needs_recovery 0 stale_possible 0 ' 0
    { printf wake && head -c 5000 /dev/zero; } >"$work/wake"
    { printf hibr && head -c 5000 /dev/zero; } >"$work/hibr"
    case_ 'a session that was resumed' ntfscp -q "$image" "$work/wake" hiberfil.sys
    case_ '... is clean' state '1 needs_recovery 0 stale_possible 0 ' 0
    test_log
    python3 "$(dirname "$0")/ntfs_log.py" "$image" 5:1:0:2
    case_ 'marked as in use' ntfsfix "$image"
    case_ '... is not clean' state '0 needs_recovery 1 stale_possible 1 the volume is marked as in use' 0
    case_ 'a session that waits' ntfscp -q -f "$image" "$work/hibr" hiberfil.sys
    case_ '... is not' state '0 needs_recovery 1 stale_possible 1 Windows is hibernated, and keeps a part of it in memory' 14
}

mkdir "$work/mount"
make_source
for options in '-c 4096' '-c 512' '-c 65536'; do
    rm -f "$image"
    truncate -s 64M "$image"
    read -ra words <<<"$options"
    case_ "make: $options" mkntfs -F -Q -q "${words[@]}" "$image"
    case_ "fill: $options" fill
    case_ "the tree is the folder's: $options" same_tree
    case_ "another case finds it: $options" same_as_ntfscat \
        /Windows/System32/config/SOFTWARE /WINDOWS/system32/CONFIG/software
done
case_ 'a file that the system compressed is refused, not read as zeros' refuses_wof
test_state
finish
