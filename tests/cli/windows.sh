#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# windows.sh: which Windows a disk holds, and what every profile says of it
#
# The disks are laid out by tests/guests/windows.sh.
. "$(dirname "$0")/../lib.sh"
requires jq mkntfs hivexregedit mkfs.vfat mcopy sfdisk xargs

profiles='tencent-2016 tencent-2016-intl tencent-2018 tencent-2022 tencent-2023 generic-kvm
    openstack kubevirt aliyun aws azure gcp huawei'

# A disk a row: its words for windows.sh, with blanks as they are; then the version that is
# named, and a column a profile:
#   ok accepted; no refused without a code; may undecided; Part, Root, Virt, CI, Fmt as in
#   verdicts.sh
table='
version=2008 edition=Standard         | 2008 x86_64    | ok no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2008 edition=Standard arch=i386 | 2008 i386      | Root Root no ok ok ok ok ok ok ok Fmt Fmt ok
version=2008 edition=Enterprise       | 2008 x86_64    | ok no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2008 edition=Datacenter       | 2008 x86_64    | ok no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2008 edition=Web              | 2008 x86_64    | no no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2008-R2 edition=Standard      | 2008-R2 x86_64 | ok ok ok ok ok ok ok ok ok ok Fmt Fmt ok
version=2008-R2 edition=Enterprise    | 2008-R2 x86_64 | ok ok ok ok ok ok ok ok ok ok Fmt Fmt ok
version=2008-R2 edition=Datacenter    | 2008-R2 x86_64 | ok ok ok ok ok ok ok ok ok ok Fmt Fmt ok
version=2008-R2 edition=Web           | 2008-R2 x86_64 | no no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2012 edition=Standard         | 2012 x86_64    | ok no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2012 edition=Datacenter       | 2012 x86_64    | ok no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2012-R2 edition=Standard      | 2012-R2 x86_64 | ok ok ok ok ok ok ok ok ok ok Fmt Fmt ok
version=2012-R2 edition=Datacenter    | 2012-R2 x86_64 | no no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2012-R2 edition=StandardEval  | 2012-R2 x86_64 | ok ok ok ok ok ok ok ok ok ok Fmt Fmt ok
version=2016 edition=Standard         | 2016 x86_64    | no no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2016 edition=DatacenterCore   | 2016 x86_64    | no no no ok ok ok ok ok ok ok Fmt Fmt ok
version=2019 edition=Standard         | 2019 x86_64    | no no no no ok ok ok ok ok ok Fmt Fmt ok
version=2022 edition=Datacenter       | 2022 x86_64    | no no no no ok ok ok ok ok ok Fmt Fmt ok
version=7 edition=Professional        | 7 x86_64       | no no no no no ok ok ok ok ok Fmt Fmt ok
version=10 edition=Professional       | 10 x86_64      | no no no no no ok ok ok ok ok Fmt Fmt ok
version=2008-R2 drivers=none          | 2008-R2 x86_64 | Virt Virt Virt Virt Virt Virt Virt ok Virt ok Fmt Fmt Virt
version=2008-R2 without=binding       | 2008-R2 x86_64 | Virt Virt Virt Virt Virt Virt Virt ok Virt ok Fmt Fmt Virt
version=2012-R2 drivers=none          | 2012-R2 x86_64 | Virt Virt Virt Virt Virt Virt Virt ok Virt ok Fmt Fmt Virt
version=2016 drivers=none             | 2016 x86_64    | Virt Virt Virt Virt Virt Virt Virt ok Virt ok Fmt Fmt Virt
version=2016 without=binding          | 2016 x86_64    | Virt Virt Virt Virt Virt Virt Virt ok Virt ok Fmt Fmt Virt
version=2022 drivers=none             | 2022 x86_64    | Virt Virt Virt Virt Virt Virt Virt ok Virt ok Fmt Fmt Virt
version=2012-R2 drivers=vioscsi,netkvm | 2012-R2 x86_64 | Virt Virt Virt Virt Virt ok ok ok Virt ok Fmt Fmt ok
version=2008-R2 without=agent         | 2008-R2 x86_64 | ok ok ok CI CI ok ok ok ok ok Fmt Fmt ok
version=2012-R2 without=agent         | 2012-R2 x86_64 | ok ok ok CI CI ok ok ok ok ok Fmt Fmt ok
version=2016 without=agent            | 2016 x86_64    | no no no CI CI ok ok ok ok ok Fmt Fmt ok
version=2012-R2 layout=reserved       | 2012-R2 x86_64 | ok ok ok ok ok ok ok ok ok ok Fmt Fmt ok
version=2012-R2 layout=gpt            | 2012-R2 x86_64 | Part Part Part Part ok ok ok ok ok ok Fmt Fmt ok
version=2022 layout=gpt               | 2022 x86_64    | Part Part Part Part ok ok ok ok ok ok Fmt Fmt ok
version=2012-R2 layout=dynamic        | 2012-R2 x86_64 | Part Part Part Part Part Part Part Part Part Part Fmt Fmt Part
version=2012-R2 layout=lvm            | 2012-R2 x86_64 | Root Root Root Root Root Root Root Root Root Root Fmt Fmt Root
version=2012-R2 format=vfat           | 2012-R2 x86_64 | Root Root Root Root Root Root Root Root Root Root Fmt Fmt Root
version=2012-R2 with=hibernated       | 2012-R2 x86_64 | Root Root Root Root Root Root Root Root Root Root Fmt Fmt Root
version=2012-R2 damage=SYSTEM with=log | 2012-R2 x86_64 | may may may may may may may may may may Fmt Fmt may
version=2012-R2 damage=SYSTEM         | 2012-R2 x86_64 | Root Root Root Root Root Root Root Root Root Root Fmt Fmt Root
'

rows() { grep . <<<"$table"; }

# Two at a time; a row's number names its disk.
make_disks() {
    local words rest n=0
    rows | while IFS='|' read -r words rest; do
        n=$((n + 1))
        echo "$work/$n.raw $(xargs <<<"$words")" # a blank at its end would join two lines
    done | xargs -P 2 -L 1 "$tests/guests/windows.sh" && [ -s "$work/$(rows | wc -l).raw" ]
}

declare -A meant=([ok]='accepted null' [no]='refused null' [may]='undecided null'
    [Part]='refused PartitionNotPresent' [Root]='refused RootPartitionNotFound'
    [Virt]='refused VirtioNotInstall' [CI]='refused CloudInitNotInstalled'
    [Fmt]='refused InvalidFormatSize')

# verdicts VERSION FILE WANT...: the version is named, and each profile says its own
verdicts() {
    local version=$1 file=$2 list want got word
    shift 2
    # shellcheck disable=SC2086 # a list of words
    list=$(xargs <<<$profiles)
    expect 1 imgport check --json --profile "${list// /,}" "$file" || return
    same version "$version" "$(jq -r '.facts.os | "\(.version) \(.arch)"' "$work/out")" || return
    want=$(for word; do echo "${meant[$word]}"; done)
    got=$(jq -r '.reports[] | "\(.verdict) \(.code)"' "$work/out")
    [ "$want" = "$got" ] || {
        # shellcheck disable=SC2086 # a list of words
        paste -d' ' <(printf '%s\n' $profiles) <(echo "$want") <(echo "$got") |
            awk '$2 $3 != $4 $5'
        jq -c '.reports[] | .profile, .findings[]' "$work/out" | sort -u
        return 1
    }
    # The code comes from a finding, and each says what was seen and what to do.
    jq -e 'all(.reports[]; .code as $code
        | ($code == null or any(.findings[]; .level == "error" and .code == $code))
        and all(.findings[]; .detail != ""
                and (.level != "error" or .remedy != "")))' \
        "$work/out" >/dev/null
}

case_ 'the disks' make_disks
n=0
while IFS='|' read -r words version wants; do
    n=$((n + 1))
    # shellcheck disable=SC2086 # lists of words
    case_ "$(xargs <<<"$words")" verdicts "$(xargs <<<"$version")" "$work/$n.raw" $wants
done < <(rows)

# disk WORDS: the row's
disk() {
    echo "$work/$(rows | cut -d'|' -f1 | sed 's/ *$//' | grep -nxF "$1" | cut -d: -f1).raw"
}

all_profiles_here() {
    # shellcheck disable=SC2086 # a list of words
    same profiles "$(printf '%s\n' $profiles | sort | xargs)" \
        "$(imgport profile list | awk '{ print $1 }' | sort | xargs)"
}
case_ 'the table names all profiles' all_profiles_here

# ---- what it relied on

# relied FILE FILTER WANT: the facts say where they are from
relied() {
    expect 0 imgport info --json "$1" && same facts "$3" "$(jq -cr "$2" "$work/out")"
}
case_ 'the version: product, edition, build, and the hive they stand in' relied \
    "$(disk 'version=2016 edition=DatacenterCore')" \
    '[.windows.product, .windows.edition, .windows.install, .windows.kernel, .windows.release,
      .windows.build, .os.source]' \
    '["Windows Server 2016 Datacenter","ServerDatacenterCore","Server Core","10.0","1607","14393","/Windows/System32/config/SOFTWARE"]'
case_ 'the hives and the control set' relied "$(disk 'version=2022 edition=Datacenter')" \
    '[.windows.control_set, (.windows.hives[] | .path + " " + .state)]' \
    '[1,"/Windows/System32/config/SYSTEM ok","/Windows/System32/config/SOFTWARE ok","/Windows/System32/config/DRIVERS ok"]'
driver='.windows.drivers[0] | [.path, .machine, .version, .start, .image_path, .binding]'
case_ 'the driver: file, service, and the database of 2008 R2' relied \
    "$(disk 'version=2008-R2 edition=Standard')" "$driver" \
    '["/Windows/System32/drivers/viostor.sys","x86_64","62.93.104.17100",0,"System32\\drivers\\viostor.sys","CriticalDeviceDatabase: pci#ven_1af4&dev_1001&subsys_00021af4&rev_00"]'
case_ 'the driver: file, service, and the database of 2019' relied \
    "$(disk 'version=2019 edition=Standard')" "$driver" \
    '["/Windows/System32/drivers/viostor.sys","x86_64","62.93.104.24000",0,"System32\\drivers\\viostor.sys","DriverDatabase: VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00"]'
case_ 'the boot entry on a partition of its own' relied "$(disk 'version=2012-R2 layout=reserved')" \
    '.windows.boot | [.device, .manager, .store, .target, .loader, .loader_exists, .problem]' \
    '["partition 1","/bootmgr","/Boot/BCD","partition 2","/Windows/system32/winload.exe",true,""]'
case_ 'the boot entry of UEFI' relied "$(disk 'version=2022 layout=gpt')" \
    '.windows.boot | [.device, .manager, .store, .target, .loader, .loader_exists, .problem]' \
    '["partition 1","/EFI/Microsoft/Boot/bootmgfw.efi","/EFI/Microsoft/Boot/BCD","partition 2","/Windows/system32/winload.efi",true,""]'

# A check of Windows reads little: a second of CPU time would be a mistake.
cpu_time() {
    local seconds
    seconds=$({
        TIMEFORMAT='%U %S'
        time imgport check --json "$(disk 'version=2022 edition=Datacenter')" >/dev/null
    } 2>&1 | awk '{ printf "%d", ($1 + $2) * 1000 }')
    [ "$seconds" -lt 600 ] || {
        echo "$seconds ms"
        return 1
    }
}
case_ 'little time' cpu_time

forced() {
    expect 0 imgport check --force "$(disk 'version=2016 without=agent')" &&
        matches "$work/out" 'N23'
}
case_ 'without cloudbase-init, forced' forced

finish
