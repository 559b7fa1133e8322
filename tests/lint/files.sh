# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# files.sh: which files are the project's; sourced by the lints
#
# In a git checkout what is tracked or about to be; in an unpacked release everything
# outside of build folders and the cache.  Fuzz corpora are data, and many.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

# files PATTERN...: names that match one of the patterns (of `case`), one a line
files() {
    local name pattern
    {
        if [ -e .git ] && command -v git >/dev/null; then
            git -c safe.directory='*' ls-files --cached --others --exclude-standard
        else
            find . -type f -not -path './build*' -not -path './cache/*' -printf '%P\n'
        fi
    } | while IFS= read -r name; do
        [[ $name != */corpora/* && -f $name ]] || continue
        for pattern; do
            # shellcheck disable=SC2053 # the right side is a pattern
            if [[ $name == $pattern ]]; then
                printf '%s\n' "$name"
                break
            fi
        done
    done | sort
}

# scripts: shell scripts, by their name or by their first line
scripts() {
    local name
    files '*' | while IFS= read -r name; do
        case ${name##*/} in
        *.sh) echo "$name" ;;
        *.*) ;;
        *) head -c 40 "$name" | tr -d '\0' | head -n 1 |
            grep -qE '^#!.*[/ ](ba|da)?sh( |$)' && echo "$name" ;;
        esac
    done
}

# needs TOOL...: a check that cannot run has not passed
needs() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || {
            echo "needs $tool; tools/install-deps.sh check installs it"
            exit 1
        }
    done
}

# some COUNT WHAT: a check of nothing has not passed either
some() {
    [ "$1" -gt 0 ] || {
        echo "found no $2"
        exit 1
    }
    echo "$1 $2"
}
