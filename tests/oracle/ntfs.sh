#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ntfs.sh: a folder of 20,000 files written into NTFS by libntfs-3g (tools/ntfsfill), and
# read back by us: names, sizes and checksums must be those of the folder.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkntfs ntfs-3g.probe ntfscat ntfsinfo ntfscp ntfsfix python3 truncate

image=$work/image
source=$work/source
here=$(dirname "$0")

# The library forgets some memory.
fill() { ASAN_OPTIONS=detect_leaks=0 "$NTFSFILL" "$image" "$@"; }

# Type, size, checksum, name; a symlink has no size here.
columns() { awk '{ printf "%s %s %s", $1, $1 == "l" ? 0 : $4, $6; for (i = 7; i <= NF; i++) printf " %s", $i; print "" }'; }

same_tree() {
    "$FSCAT" tree "$image" >"$work/lines" && columns <"$work/lines" | LC_ALL=C sort >"$work/got"
    diff "$work/want" "$work/got" | head -5
    cmp "$work/want" "$work/got"
}

same_as_ntfscat() {
    ntfscat "$image" "$1" >"$work/theirs" && "$FSCAT" cat "$image" "$2" | cmp - "$work/theirs"
}

all_as_ntfscat() {
    local path
    find "$source" -type f -not -path '*/many/*' -not -path '*/folder *' -printf '%P\n' |
        grep -v '[\\:]' >"$work/paths"
    [ "$(wc -l <"$work/paths")" -gt 80 ] || return
    while IFS= read -r path; do
        same_as_ntfscat "$path" "$path" || {
            echo "$path"
            return 1
        }
    done <"$work/paths"
}

is_packed() { ntfsinfo -F packed/text "$image" >"$work/info" && matches "$work/info" 'Compressed size'; }

# tells SENTENCE COMMAND...: fscat refuses, and says so.
tells() {
    local want=$1
    shift
    ! "$FSCAT" "$@" >"$work/out" 2>"$work/err" && [ ! -s "$work/out" ] && matches "$work/err" "$want"
}

test_tree() {
    local size words
    case_ 'make the folder' python3 "$here/ntfs_tree.py" "$source" 20000
    python3 "$here/tree_lines.py" "$source" | columns | LC_ALL=C sort >"$work/want"
    case_ 'it has 20,000 files' [ "$(grep -c '^f' "$work/want")" -gt 20000 ]
    # Sectors of 4 KiB make records of 4 KiB; the last one is used further down.
    for size in '-c 512' '-s 4096 -c 65536' '-c 4096'; do
        read -ra words <<<"$size"
        rm -f "$image"
        truncate -s 1500M "$image"
        case_ "make: $size" mkntfs -F -Q -q "${words[@]}" "$image"
        case_ "fill: $size" fill fill "$source"
        case_ "the tree is the folder's: $size" same_tree
        case_ "as ntfscat reads it: $size" all_as_ntfscat
        [ "$size" = '-s 4096 -c 65536' ] || case_ "compressed: $size" is_packed
        case_ "another case finds it: $size" same_as_ntfscat \
            /Windows/System32/config/SOFTWARE /WINDOWS/system32/CONFIG/software
        case_ "through a link: $size" same_as_ntfscat \
            /Windows/System32/config/SOFTWARE /link-1/CONFIG/software
    done
}

# junction DRIVE: what follows the header of a reparse point to the folder Windows there.
junction() {
    python3 -c "
import struct
name = r'\??\\$1:\Windows'.encode('utf-16le')
print((struct.pack('<HHHH', 0, len(name), len(name) + 2, 0) + name + bytes(4)).hex())"
}

# Provider FILE, algorithm XPRESS4K; its files have a hole where the data was.
test_refused() {
    local drive
    case_ 'make: compressed by Windows' fill reparse noise 0x80000017 01000000020000000100000000000000
    case_ 'a file that Windows compressed is refused, not read as zeros' tells \
        'unsupported: .*compressed by Windows itself \(CompactOS, WOF\)' cat "$image" /noise
    case_ 'make: deduplicated' fill reparse name 0x80000013 0000000000000000
    case_ 'a file that is deduplicated is refused' tells 'unsupported: .*deduplicated' cat "$image" /name
    case_ 'make: in a cloud' fill reparse Name 0x9000001a 0000000000000000
    case_ 'a file that a driver makes is refused by its tag' tells \
        'unsupported: .*a driver of Windows .reparse tag 0x9000001a' cat "$image" /Name
    case_ 'make: a folder of a cloud' fill reparse Windows/System32 0x9000001a 0000000000000000
    case_ 'what it has is read' same_as_ntfscat \
        /Windows/System32/config/SOFTWARE /Windows/System32/config/SOFTWARE
    case_ 'what it has not may be elsewhere' tells \
        'unsupported: .*not all of it may be on this volume .reparse tag 0x9000001a' \
        cat "$image" /Windows/System32/none
    case_ 'make: encrypted' fill flags NAME 0x4000
    case_ 'an encrypted file is refused' tells 'unsupported: .*encrypted' cat "$image" /NAME
    mkdir -p "$work/links/to C" "$work/links/to D"
    case_ 'make: folders' fill fill "$work/links"
    for drive in C D; do
        case_ "make: a junction to $drive:" fill reparse "to $drive" 0xa0000003 "$(junction $drive)"
    done
    case_ 'a junction within the volume is followed' same_as_ntfscat \
        /Windows/System32/config/SOFTWARE '/to C/System32/config/SOFTWARE'
    case_ 'one to another volume is no missing file' tells \
        'unsupported: .*a link to another volume, ....D:.Windows' cat "$image" '/to D/System32'
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

test_tree
test_refused
test_state
finish
