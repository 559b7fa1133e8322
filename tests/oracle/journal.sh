#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# journal.sh: filesystems with something in their journal, read by us as they are, and by us
# after e2fsck has replayed a copy.  Both must show the same tree.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mke2fs debugfs e2fsck zstd truncate python3

image=$work/image
here=$(dirname "$0")

says() { "$FSCAT" "$@" 2>&1; }

# told WANT FILE: the content of a one-line file as we read it.
told() { same "$2" "$1" "$(says cat "$image" "$2")"; }

as_replayed() {
    cp "$image" "$work/replayed"
    # 1: it changed something, and that is what we want.
    e2fsck -E journal_only -fy "$work/replayed" >"$work/e2fsck" 2>&1
    [ $? -le 1 ] || {
        cat "$work/e2fsck"
        return 1
    }
    # e2fsck may sort a directory anew.
    says tree "$work/replayed" | sort >"$work/want"
    [ "$(wc -l <"$work/want")" -ge "$1" ] && says tree "$image" | sort | diff "$work/want" -
}

state() { says info "$image" | grep -q -- "$1" || { says info "$image"; return 1; }; }

# ---- snapshots of mounted filesystems; dirty/make.sh says what is in them

for packed in "$here"/dirty/*.img.zst; do
    name=$(basename "$packed" .img.zst)
    case_ "$name: unpack" zstd -qdf "$packed" -o "$image"
    case "$name" in
    *-fast)
        case_ "$name: fast commits are not replayed" state 'stale_possible 1 .*fast commits'
        ;;
    *)
        case_ "$name: the tree after the journal" as_replayed 35
        case_ "$name: debugfs, which replays nothing, does not see the new one" \
            test "$(debugfs -R 'cat /hostname' "$image" 2>/dev/null)" != 'new name'
        case_ "$name: the new content" told 'new name' /hostname
        case_ "$name: nothing is stale" state 'needs_recovery 1 stale_possible 0'
        case_ "$name: byte by byte" diff "$work/want" <("$FSCAT" -1 tree "$image" | sort)
        ;;
    esac
done
case_ 'all snapshots were looked at' same last ext4 "$name"

# ---- logs written by debugfs, one transaction at a time

# make_ext SIZE-OF-BLOCKS MKE2FS-ARGUMENTS...: files a, b, c, d of one block each.
make_ext() {
    block=$1
    shift
    rm -rf "$image" "$work/source"
    mkdir "$work/source"
    for f in a b c d; do
        printf 'old %s\n' "$f" >"$work/source/$f"
        truncate -s "$block" "$work/source/$f"
    done
    truncate -s 16M "$image"
    mke2fs -q -F -b "$block" -J size=4 -d "$work/source" "$@" "$image"
}

block_of() { debugfs -R "blocks /$1" "$image" 2>/dev/null | tr -d ' \n'; }

# content NAME TEXT: a block that begins with TEXT, for jw.
content() {
    printf '%b' "$2" >"$work/$1"
    truncate -s "$block" "$work/$1"
}

# log OPTIONS-OF-JO < commands; @a is the block of file a, ^name a file made by content
log() {
    {
        echo "jo $1"
        sed "s/@a/$(block_of a)/g; s/@b/$(block_of b)/g; s/@c/$(block_of c)/g; s/@d/$(block_of d)/g
             s,\\^,$work/,g"
        echo jc
    } >"$work/commands"
    debugfs -w -f "$work/commands" "$image" >"$work/debugfs" 2>&1
    ! grep -iE 'error|invalid|unknown|usage|illegal' "$work/debugfs"
}

first_word() { says cat "$image" "/$1" | tr -d '\0' | head -1; }

# reads TEXT...: files a, b, c, d.
reads() {
    local f
    for f in a b c d; do
        same "/$f" "$1" "$(first_word "$f")" || return
        shift
    done
}

variants=0
# A row: sentence | block size | mke2fs | options of jo
while IFS='|' read -r sentence size arguments options; do
    read -ra words <<<"$arguments"
    size=${size// /}
    case_ "make:$sentence" make_ext "$size" "${words[@]}"
    content new1 'new 1\n'
    content new2 'new 2\n'
    content magic '\xc0\x3b\x39\x98escaped\n'
    case_ "log:$sentence" log "$options" <<'END'
jw -b @a,@b,@d ^magic
jw -b @a ^new1
jw -r @b
jw -b @a,@c ^new2
jw -r @c
jw -b @c ^new1
END
    case_ "as e2fsck replays it:$sentence" as_replayed 5
    case_ "revoked, overwritten and revoked again:$sentence" state 'needs_recovery 1 stale_possible 0'
    variants=$((variants + 1))
done <<'END'
 no checksums, 32 bits | 1024 | -t ext3 |
 no checksums, 64 bits | 1024 | -t ext4 -O ^metadata_csum,64bit |
 version 2, 32 bits | 1024 | -t ext4 -O metadata_csum,^64bit | -c -v 2
 version 2, 64 bits | 4096 | -t ext4 -O metadata_csum,64bit | -c -v 2
 version 3, 32 bits | 4096 | -t ext4 -O metadata_csum,^64bit | -c -v 3
 version 3, 64 bits | 1024 | -t ext4 -O metadata_csum,64bit | -c -v 3
END
case_ 'all variants were tried' same variants 6 $variants

# ---- damage: three transactions of descriptor, one block and commit each

three() {
    make_ext 1024 -t ext4 -O metadata_csum,64bit || return
    content new1 'new 1\n'
    content new2 'new 2\n'
    content new3 'new 3\n'
    log '-c -v 3' <<'END'
jw -b @a ^new1
jw -b @b ^new2
jw -b @a ^new3
END
}

# poke BLOCK-OF-LOG BYTE: turns one byte over.
poke() {
    local physical
    physical=$(debugfs -R 'blocks <8>' "$image" 2>/dev/null | tr ' ' '\n' | sed -n "$(($1 + 1))p")
    python3 - "$image" $((physical * 1024 + $2)) <<'END'
import sys

with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2]))
    byte = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([byte ^ 0xFF]))
END
}

case_ 'make: three transactions' three
case_ 'all three count' as_replayed 5
case_ 'and are read' reads 'new 3' 'new 2' 'old c' 'old d'
case_ 'poke: the last commit' poke 9 30
case_ 'a damaged last transaction is left out, as e2fsck does' as_replayed 5
case_ 'the second counts' reads 'new 1' 'new 2' 'old c' 'old d'
case_ 'and it is told' state 'stale_possible 1 transaction [0-9]* of the journal is damaged'
case_ 'poke: the second commit is torn off' poke 6 0
case_ 'a log without the commit ends there, as for e2fsck' as_replayed 5
case_ 'only the first counts' reads 'new 1' 'old b' 'old c' 'old d'
case_ 'make: three transactions' three
case_ 'poke: data of the second transaction' poke 5 100
case_ 'data with a wrong checksum are not given out' \
    matches <(says cat "$image" /b) 'corrupt: .*checksum of block'
case_ 'the others are' same a 'new 3' "$(first_word a)"
case_ 'make: three transactions' three
case_ 'poke: the superblock of the log' poke 0 50
case_ 'a log whose superblock is wrong is not replayed' reads 'old a' 'old b' 'old c' 'old d'
case_ 'and that is told' state 'needs_recovery 1 stale_possible 1 the checksum of the journal'
case_ 'make: three transactions' three
case_ 'unknown features: poke' poke 0 42
case_ 'a log with unknown features is not replayed' state 'stale_possible 1 the journal has unknown'
finish
