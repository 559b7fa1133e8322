#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# verdicts.sh: what every profile says of every test guest
#
# The table is the promise; a profile that is not in it fails the test.
. "$(dirname "$0")/../lib.sh"
requires jq

profiles='tencent-2016 tencent-2016-intl tencent-2018 tencent-2022 tencent-2023 generic-kvm
    openstack kubevirt aliyun aws azure gcp huawei'

# A column a profile, in the order above.
#   ok accepted; Part PartitionNotPresent; Root RootPartitionNotFound;
#   Virt VirtioNotInstall; CI CloudInitNotInstalled; Fmt InvalidFormatSize
table='
good          ok   ok   ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
dirty         ok   ok   ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
no-cloud-init ok   ok   CI   CI   CI   ok   ok   ok   ok   ok   Fmt  ok   ok
no-virtio     Virt Virt Virt Virt Virt Virt Virt Virt Virt ok   Fmt  Virt Virt
gpt           Part Part ok   Part Part ok   ok   ok   ok   ok   Fmt  ok   ok
gpt-esp       Part Part Part Part ok   ok   ok   ok   ok   ok   Fmt  ok   ok
no-table      Part Part Part Part Part Part Part Part Part Part Fmt  Part Part
zeros         Part Part Part Part Part Part Part Part Part Part Fmt  Part Part
boot-only     Root Root Root Root Root Root Root Root Root Root Fmt  Fmt  Root
data-only     Root Root Root Root Root Root Root Root Root Root Fmt  Fmt  Root
iso           Root Root Root Root Root Root Root Root Root Root Fmt  Fmt  Root
iso-hybrid    Root Root Root Root Root Root Root Root Root Root Fmt  Fmt  Root
btrfs         Root Root ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
btrfs-subvolumes Root Root ok ok  ok   ok   ok   ok   ok   ok   Fmt  ok   ok
btrfs-snapshot Root Root ok  ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
btrfs-dirty   Root Root ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
btrfs-no-cloud-init Root Root CI CI CI ok   ok   ok   ok   ok   Fmt  ok   ok
btrfs-no-virtio Root Root Virt Virt Virt Virt Virt Virt Virt ok Fmt  Virt Virt
btrfs-gpt     Part Part ok   Part Part ok   ok   ok   ok   ok   Fmt  ok   ok
xfs           Root Root ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
xfs-nrext64   Root Root ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
xfs-dirty     Root Root ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
xfs-no-cloud-init Root Root CI CI CI   ok   ok   ok   ok   ok   Fmt  ok   ok
xfs-no-virtio Root Root Virt Virt Virt Virt Virt Virt Virt ok   Fmt  Virt Virt
xfs-gpt       Part Part ok   Part Part ok   ok   ok   ok   ok   Fmt  ok   ok
lvm           ok   ok   ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
lvm-striped   ok   ok   ok   ok   ok   ok   ok   ok   ok   ok   Fmt  ok   ok
lvm-no-cloud-init ok ok CI   CI   CI   ok   ok   ok   ok   ok   Fmt  ok   ok
lvm-no-virtio Virt Virt Virt Virt Virt Virt Virt Virt Virt ok   Fmt  Virt Virt
lvm-gpt       Part Part ok   Part Part ok   ok   ok   ok   ok   Fmt  ok   ok
coreos        Part Part CI   Part CI   ok   ok   ok   ok   ok   Fmt  ok   ok
ostree        Part Part CI   Part Part ok   ok   ok   ok   ok   Fmt  ok   ok
uki           Part Part Part Part ok   ok   ok   ok   ok   ok   Fmt  Root ok
lvm-incomplete Root Root Root Root Root Root Root Root Root Root Fmt  Fmt  Root
'

# As the table has it, what each report says; an acceptance with an error among its findings is
# none, and neither is a refusal whose code comes from no finding, or which lacks evidence or
# remedy.
# shellcheck disable=SC2016 # jq's
said='
    def short: {"PartitionNotPresent": "Part", "RootPartitionNotFound": "Root",
        "VirtioNotInstall": "Virt", "CloudInitNotInstalled": "CI", "InvalidFormatSize": "Fmt"}[.];
    (.reports // [.])[] | .code as $code | .profile + " " +
        if .verdict == "accepted" and $code == null and all(.findings[]; .level != "error") then "ok"
        elif .verdict == "refused" and ($code | short) and
            any(.findings[]; .level == "error" and .code == $code) and
            all(.findings[]; (.id | test("^[CPLN][0-9][0-9]$")) and .detail != "") and
            all(.findings[] | select(.level == "error"); .remedy != "") then $code | short
        else "\(.verdict) \($code), \(.findings)" end'

# verdict WANT PROFILE FILE [OPTION...]: by one profile.
verdict() {
    local want=$1 profile=$2 file=$3 status=1
    shift 3
    [ "$want" != ok ] || status=0
    expect "$status" imgport check --json --profile "$profile" "$@" "$file" &&
        same verdict "${profile##*/} $want" "$(jq -r "$said" "$work/out")"
}

# verdicts FILE WANT...: by all of them, read once.
verdicts() {
    local file=$1 list want
    shift
    # shellcheck disable=SC2086 # a list of words
    list=$(printf ',%s' $profiles)
    # shellcheck disable=SC2086
    want=$(paste -d' ' <(printf '%s\n' $profiles) <(printf '%s\n' "$@"))
    # gcp takes neither of these formats.
    expect 1 imgport check --json --profile "${list#,}" "$file" || return
    diff <(echo "$want") <(jq -r "$said" "$work/out")
}

all_profiles_here() {
    local listed
    listed=$(imgport profile list | awk '{ print $1 }' | sort | xargs)
    # shellcheck disable=SC2086 # a list of words
    same 'profiles' "$(printf '%s\n' $profiles | sort | xargs)" "$listed"
}

case_ 'the table names all profiles' all_profiles_here

while read -r name wants; do
    [ -n "$name" ] || continue
    file=$(guest "$name")
    # shellcheck disable=SC2086 # a list of words
    case_ "$name by each profile" verdicts "$file" $wants
    case $name in good | no-cloud-init)
        # shellcheck disable=SC2086 # lists of words
        set -- $wants
        for profile in $profiles; do
            case_ "$name by $profile alone: $1" verdict "$1" "$profile" "$file"
            shift
        done
        ;;
    esac
done <<<"$table"

file=$(guest no-cloud-init)
for profile in tencent-2018 tencent-2022 tencent-2023; do
    case_ "no-cloud-init by $profile, forced: ok" verdict ok "$profile" "$file" --force
done

# A cloud that takes few formats, of one kind each.
for row in 'ok aws vhd-fixed' 'ok aws vhd-dynamic' 'ok aws vmdk-stream' 'Fmt aws vmdk-sparse' \
    'Fmt aws qcow2-v3' 'Fmt azure vhd-dynamic' 'ok azure vhd-fixed'; do
    # shellcheck disable=SC2086 # a list of words
    set -- $row
    case_ "$3 by $2: $1" verdict "$1" "$2" "$(guest "container-$3")"
done

default_profile() {
    expect 0 imgport check --json "$(guest good)" &&
        same profile tencent-2022 "$(jq -r .profile "$work/out")"
}
case_ 'without --profile it is tencent-2022' default_profile

profile_from_path() {
    mkdir "$work/mine" && imgport profile show tencent-2018 >"$work/mine/tencent-2018" || return
    verdict CI "$work/mine/tencent-2018" "$(guest no-cloud-init)"
}
case_ 'a profile is also read from a path' profile_from_path

report_for_people() {
    expect 1 imgport check "$(guest no-virtio)" &&
        same 'colour in a pipe' '' "$(grep -c $'\033' "$work/out" | grep -v '^0$')" &&
        matches "$work/out" 'VirtioNotInstall' &&
        matches "$work/out" 'update-initramfs'
}
case_ 'the report names the code and the remedy, without colour in a pipe' report_for_people

finish
