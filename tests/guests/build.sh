#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh: the test guests, real Debian systems built without mounting anything
#
#   build.sh [NAME...]       makes what is missing of the named guests (the usual ones by default)
#   build.sh --list          names the usual ones, which `make check` looks at
#   build.sh --list matrix   names those of the full matrix
#   build.sh --file NAME     prints the name of a guest's file, making it if need be
#   build.sh --key NAME      prints what the key of a guest is a hash of
#
# mmdebstrap makes a tree; every guest is a copy of it with one thing changed, written by
# mke2fs -d into a partition that sfdisk laid out, with GRUB's images put where grub-install
# would put them.  Needs no loop device and no mount, and no root where user namespaces are
# allowed.
#
# A recipe is a function of a file in recipes/:
#   disk_NAME FILE            writes a guest; a hyphen of the name is _ in the function's
#   table_FAMILY              prints a line a guest: its name, and words
#   row_FAMILY FILE NAME ...  writes one of them
# Names that begin with matrix- are those of the full matrix, with bench- what is measured, with
# run- what slow tests of instances start.
#
# The cache (cache/, or IMGPORT_CACHE) has trees/TREE.KEY.tar.zst and disks/NAME.KEY.raw.  The
# key is a hash of the functions that make it, of those they call, of the constants (in
# capitals) and scripts they name, of the tree they unpack, of the guest they take
# (`guest_file NAME`), and of the guest's row: a change makes anew what it changes, and only that.
# Comments are not part of it.  A file that is there is complete, since each is made under
# another name and renamed; who needs one that is being made waits.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC0 PATH=$PATH:/usr/sbin:/sbin
umask 022

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${IMGPORT_CACHE:-$top/cache}
disks=$cache/disks
trees=$cache/trees

say() { printf 'guests: %s\n' "$*" >&2; }
die() {
    printf 'guests: %s\n' "$*" >&2
    exit 1
}

# guest_row NAME: its line of a table; nothing for a guest with a function of its own.
guest_row() {
    local family
    for family in "${families[@]}"; do
        "table_$family" | awk -v name="$1" -v family="$family" '$1 == name { $1 = $1; print family, $0 }'
    done
}

guest_names() {
    local family
    # What others are made of comes first.
    echo good
    compgen -A function disk_ | sed 's/^disk_//; s/_/-/g; /^good$/d'
    for family in "${families[@]}"; do
        "table_$family" | awk 'NF { print $1 }'
    done
}

# What a guest or a tree is made by, as text: see above.
recipe() {
    local row family='' wanted
    case $1 in
    tree) wanted=tree_${2//-/_} ;;
    guest)
        row=$(guest_row "$2")
        family=${row%% *}
        wanted=${family:+row_$family}
        wanted=${wanted:-disk_${2//-/_}}
        printf '%s\n' "$row"
        ;;
    esac
    { printf '=%s\n' "${constants[@]}" && declare -f; } |
        awk -v wanted="$wanted" -v row="${row-}" -v own="${own[*]}" '
        function follow(text,    i, n, word) {
            n = split(text, word, /[^A-Za-z0-9_.-]+/)
            for (i = 1; i <= n; i++) {
                if (word[i] in body)
                    need(word[i])
                else if (word[i] in value)
                    values[word[i]]
                else if (word[i] ~ /^[a-z_0-9]+\.(py|sh)$/)
                    files[word[i]]
                if (i > 1 && word[i - 1] == "guest_file")
                    made_of("disk_", word[i])
                if (i > 1 && word[i - 1] == "rootfs_unpack")
                    made_of("tree_", word[i])
            }
        }
        function made_of(kind, name) {
            gsub(/-/, "_", name)
            if (kind name in body)
                need(kind name)
        }
        function need(name) {
            if (name in needed || name in mine)
                return
            needed[name]
            follow(body[name])
        }
        BEGIN {
            n = split(own, names, " ")
            for (i = 1; i <= n; i++)
                mine[names[i]]
        }
        /^=/ { value[substr($1, 2)] = $0; next }
        /^[a-z_0-9]+ \(\) *$/ { name = $1 }
        { body[name] = body[name] $0 "\n" }
        END {
            need(wanted)
            follow(row)
            for (name in needed)
                print "function " name
            for (name in values)
                print "constant " name
            for (name in files)
                print "file " name
        }' | sort | while read -r kind name; do
        case $kind in
        function) declare -f "$name" ;;
        constant) printf '%s=%s\n' "$name" "${!name}" ;;
        file) [ ! -e "$here/$name" ] || cat "$here/$name" ;;
        esac
    done
}

key() { recipe "$1" "$2" | sha256sum | cut -c1-12; }

tree_file() { echo "$trees/$1.$(key tree "$1").tar.zst"; }

# The file (for a VMDK of several files: the descriptor) of a guest.
guest_file() {
    local at
    at=$disks/$1.$(key guest "$1")
    case $1 in
    iso*) echo "$at.iso" ;;
    container-*) echo "$at/$(container_file "$1")" ;;
    *) echo "$at.raw" ;;
    esac
}

# alone FOLDER NAME: waits until nobody else makes it; for a subshell, whose end lets go.
alone() {
    mkdir -p "$1"
    exec 9>"$1/.lock.$2"
    flock -n 9 || {
        say "waiting for another build of $2"
        flock 9
    }
}

# scratch FOLDER NAME: sets $tmp, and removes what an interrupted build left.
scratch() {
    tmp=$1/.tmp.$2
    rm -rf "$tmp"
    mkdir "$tmp"
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# finished FILE KEPT FOLDER NAME: FILE becomes KEPT, the only version of NAME.
finished() {
    find "$3" -mindepth 1 -maxdepth 1 -name "$4.*" -exec rm -rf {} +
    mv "$1" "$2"
}

# In subshells, each with a $tmp of its own.  $1 is the name.
tree_need() (
    set -e
    file=$(tree_file "$1")
    [ ! -e "$file" ] || exit 0
    alone "$trees" "$1"
    [ ! -e "$file" ] || exit 0
    started=$SECONDS
    scratch "$trees" "$1"
    "tree_${1//-/_}" "$tmp/tree"
    finished "$tmp/tree" "$file" "$trees" "$1"
    say "tree $1: $(du -sh "$file" | cut -f1), $((SECONDS - started)) s"
)

guest_need() (
    set -e
    file=$(guest_file "$1")
    [ ! -e "$file" ] || exit 0
    alone "$disks" "$1"
    [ ! -e "$file" ] || exit 0
    started=$SECONDS
    scratch "$disks" "$1"
    read -r family row < <(guest_row "$1") || true
    if [ -n "$family" ]; then
        # shellcheck disable=SC2086 # a list of words
        "row_$family" "$tmp/disk" $row
    else
        "disk_${1//-/_}" "$tmp/disk"
    fi
    kept=$file
    [ ! -d "$tmp/disk" ] || kept=${file%/*}
    finished "$tmp/disk" "$kept" "$disks" "$1"
    say "$1: $(du -sh "$kept" | cut -f1), $((SECONDS - started)) s"
)

mapfile -t own < <(compgen -A function)
mapfile -t before < <(compgen -v)
for file in "$here"/rootfs.sh "$here"/disks.sh "$here"/recipes/*.sh; do
    # shellcheck source=/dev/null
    . "$file"
done
mapfile -t constants < <(compgen -v | grep -vxF "$(printf '%s\n' "${before[@]}" before)" |
    grep -xE '[A-Z][A-Z0-9_]+' | grep -vxE 'BASH.*|PIPESTATUS|FUNCNAME|MAPFILE|REPLY')
mapfile -t families < <(compgen -A function table_ | sed 's/^table_//')
mapfile -t names < <(guest_names)

usual() { printf '%s\n' "${names[@]}" | grep -v -e '^matrix-' -e '^bench-' -e '^run-'; }

case ${1-} in
--list)
    if [ "${2-}" = matrix ]; then
        printf '%s\n' "${names[@]}" | grep '^matrix-'
    else
        usual
    fi
    exit 0
    ;;
--file)
    "$here/build.sh" "$2" >&2
    guest_file "$2"
    exit
    ;;
--key)
    recipe guest "$2"
    exit
    ;;
--tree)
    tree_need "$2"
    exit
    ;;
--guest)
    guest_need "$2"
    exit
    ;;
esac
if [ $# -eq 0 ]; then
    mapfile -t wanted < <(usual)
    set -- "${wanted[@]}"
fi

for name; do
    case " ${names[*]} " in
    *" $name "*) ;;
    *) die "no guest is called '$name'; build.sh --list names them" ;;
    esac
done

todo=()
for name; do
    [ -e "$(guest_file "$name")" ] || todo+=("$name")
done
[ ${#todo[@]} -gt 0 ] || exit 0

# Without root: again, as root of a user namespace, whose other users are the subordinate
# ones of /etc/subuid.
if [ "$(id -u)" -ne 0 ]; then
    exec unshare --map-root-user --map-auto --mount --pid --fork --kill-child -- \
        "$here/build.sh" "$@"
fi

# As many at a time as there are processors; the trees first, since all wait for them.
each() { xargs -r -P "$(nproc)" -n 1 "$here/build.sh" "$1"; }
mapfile -t needed < <(for name in "${todo[@]}"; do recipe guest "$name"; done |
    sed -n 's/^tree_\([a-z0-9_]*\) ().*/\1/p' | sort -u | tr _ -)
if ! printf '%s\n' "${needed[@]}" | each --tree || ! printf '%s\n' "${todo[@]}" | each --guest; then
    die 'not all guests could be made'
fi
