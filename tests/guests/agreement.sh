#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# agreement.sh [-w FILE] [NAME...]: what check says of each guest, and what its start shows
#
# Prints a table for docs/boot-agreement.md, and fails where the two disagree or where a row is
# not the one that stands there.  -w writes the rows of NAME (of all, without names) into FILE
# between its marks.  A few guests are started whole (20 to 90 CPU-seconds each), those with a
# kernel of their own only by kernel and initramfs (5 to 20), and what has nothing to start ends
# with its firmware or loader anyway.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires jq qemu-system-x86_64 python3

profile=generic-kvm
doc=$top/docs/boot-agreement.md
write=
all=()
if [ "${1-}" = -w ]; then
    write=$2
    shift 2
fi

# How a guest is started: whole where more than its kernel is to be shown.
whole=' good dirty no-cloud-init gpt-esp systemd-boot uki '
whole+='matrix-sysvinit matrix-trixie-uefi matrix-grub-legacy matrix-extlinux matrix-syslinux '

# coreos and ostree are laid out to be read: what their loaders and first starts need of their
# own programs is not Debian's to have.
guests() {
    "$tests/guests/build.sh" --list | grep -vE '^(coreos|ostree)$|^container-'
    "$tests/guests/build.sh" --list matrix
}

# mode FACTS NAME
mode() {
    case $whole in *" $2 "*)
        echo full
        return
        ;;
    esac
    jq -r 'if .facts.boot.kernel_exists // false then "quick" else "full" end' "$1"
}

# row NAME: one line of the table.
row() {
    local file how options=()
    file=$(guest "$1")
    "$IMGPORT" check --json --profile $profile "$file" >"$work/check" 2>"$work/err"
    how=$(mode "$work/check" "$1")
    [ "$how" = full ] || options=(--quick)
    "$IMGPORT" boot --json --profile $profile --timeout 1800 "${options[@]}" "$file" \
        >"$work/boot" 2>"$work/err"
    jq -rn --arg name "$1" --slurpfile check "$work/check" --slurpfile boot "$work/boot" '
        $check[0] as $c | $boot[0] as $b |
        ([$c.findings[] | select(.level == "error").id] | join(" ")) as $errors |
        [$name, $c.verdict, (if $errors == "" then "-" else $errors end), $b.mode, $b.verdict, $b.reached,
            ($b.stopped // $b.error.code // "-"), ($b.finding.id // "-"),
            (if $b.check.agrees == null then "not known" elif $b.check.agrees then "yes" else "**no**" end)] |
        "| " + join(" | ") + " |"'
}

# Rows of the document, or of a part of it, replaced.
put_rows() {
    python3 - "$1" "$work/rows" <<'END'
import sys
path, rows = sys.argv[1], open(sys.argv[2]).read().splitlines()
text = open(path).read()
head, rest = text.split("<!-- rows -->\n")
old, tail = rest.split("<!-- end -->\n")
table = {line.split("|")[1].strip(): line for line in old.splitlines() + rows}
open(path, "w").write(head + "<!-- rows -->\n" + "".join(
    line + "\n" for line in table.values()) + "<!-- end -->\n" + tail)
END
}

[ $# -gt 0 ] || mapfile -t all < <(guests)
for name in "$@" "${all[@]}"; do
    row "$name" | tee -a "$work/rows"
    [ -z "$write" ] || put_rows "$write"
done
[ -z "$write" ] || exit 0

# A guest that the document has no row of yet is only to agree.
told() { ! grep -q "^|$name|" "$doc" || grep -qxF "$(cat "$work/one")" "$doc"; }
agrees() { ! grep -F '**no**' "$work/one"; }
while read -r line; do
    printf '%s\n' "$line" >"$work/one"
    name=$(cut -d '|' -f 2 <<<"$line")
    case_ "check and boot agree on$name" agrees
    case_ "the row of$name is as docs/boot-agreement.md has it" told
done <"$work/rows"
finish
