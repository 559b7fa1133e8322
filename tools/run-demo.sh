#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run-demo.sh: what imgport does, on real guests (`make run`)
#
# Installs what is missing, builds, makes (or reuses) test guests, judges good and bad ones,
# converts one and lets qemu-img say whether that was done right, and imports two by the image
# service with the vendor's own SDKs.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${LANG-}" ] || export LANG=C.UTF-8

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || title() { printf '\n== %s\n' "$*"; }
# shown COMMAND...: as one would type it, and what it does.  A refusal is an answer (1).
shown() {
    local status=0
    printf '\n$ %s\n' "$*"
    "$@" || status=$?
    [ $status -le 1 ] || exit $status
}

title 'What is needed'
tools/install-deps.sh run

title 'Building'
[ -f build/build.ninja ] || meson setup build -Dwerror=true >build-setup.log 2>&1 || {
    cat build-setup.log
    exit 1
}
rm -f build-setup.log
ninja -C build >build/ninja.log 2>&1 || {
    tail -40 build/ninja.log
    exit 1
}
PATH=$PWD/build:$PATH
imgport --version

title 'Test guests (four minutes the first time, then reused)'
wanted=(good dirty no-cloud-init no-virtio gpt no-table boot-only data-only zeros iso
    container-vmdk-stream)
tests/guests/build.sh "${wanted[@]}"
declare -A file
for name in "${wanted[@]}"; do
    file[$name]=$(tests/guests/build.sh --file "$name")
    file[$name]=${file[$name]#"$PWD/"}
done
echo "They are in $(dirname "${file[good]}")"

title 'A system that a cloud takes'
shown imgport check "${file[good]}"

title 'A system that would not find its disk there'
shown imgport check "${file[no-virtio]}"

title 'All of them, by all profiles'
profiles=$(imgport profile list | awk '{ print $1 }')
for name in "${wanted[@]}"; do
    for profile in $profiles; do
        printf '%s %s\n' "$profile" "$(imgport check --json --profile "$profile" \
            "${file[$name]}" | jq -r '.code // .verdict')"
    done | awk -v name="${name#container-}" '
        { if (!($2 in by)) order[++n] = $2; by[$2] = by[$2] " " $1; count[$2]++; all++ }
        END {
            for (i = 1; i <= n; i++)
                printf "%-14s %-22s by%s\n", i == 1 ? name : "", order[i],
                    count[order[i]] == all ? " all" : by[order[i]]
        }'
done

title 'A streamOptimized VMDK becomes a qcow2'
out=$(mktemp -d build/demo.XXXXXX)
trap 'rm -rf "$out"' EXIT
shown imgport convert "${file[container-vmdk-stream]}" "$out/good.qcow2"
shown qemu-img compare -f vmdk -F qcow2 "${file[container-vmdk-stream]}" "$out/good.qcow2"
shown qemu-img check "$out/good.qcow2"
shown qemu-img info "$out/good.qcow2"

title 'The image service: upload, import, and what is told'
for name in good no-virtio; do
    imgport convert --overwrite -c zstd "${file[$name]}" "$out/$name.qcow2" >/dev/null
done
IMGPORT_NODE=$(tests/service/setup.sh)
export IMGPORT_NODE IMGPORT=$PWD/build/imgport IMGPORTD=$PWD/build/imgportd DEMO_FOLDER=$PWD/$out
env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY \
    node tests/service/demo.mjs "$out/good.qcow2" "$out/no-virtio.qcow2"

title 'What to try next'
cat <<EOF
  build/imgport check YOUR-DISK             raw, qcow2, VHD or VMDK
  build/imgport check --profile tencent-2016 YOUR-DISK
  build/imgport check --lang zh YOUR-DISK   in Chinese
  build/imgport info --json YOUR-DISK       everything that was seen
  build/imgport convert YOUR-DISK NEW.qcow2
  build/imgportd                            the image service; man imgportd
  make check                                all tests
  README.md, then ARCHITECTURE.md           how it is made
EOF
