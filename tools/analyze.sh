#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# analyze.sh: clang's analyzer and clang-tidy over every source (part of `make check-all`)
#
# A false alarm is silenced on its line, with the reason: NOLINT(check): why.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -f build-clang/compile_commands.json ] || CC=clang meson setup build-clang -Dwerror=true
# Generated headers must be there.
ninja -C build-clang >/dev/null
git ls-files 'src/*.c' 'tests/*.c' | xargs -P "$(nproc)" -n 4 \
    clang-tidy-14 -p build-clang --quiet --warnings-as-errors='*' \
    --checks='-*,bugprone-*,cert-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-cert-dcl37-c,-bugprone-narrowing-conversions,-cert-err33-c,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-bugprone-implicit-widening-of-multiplication-result,-bugprone-assignment-in-if-condition'
