#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# windows.sh FILE PRODUCT BUILD ARCH DATABASE [no-drivers] [no-agent]: a small disk that is laid
# out as Windows documents itself: NTFS, and a registry of the keys that imgport reads.  There
# is no Windows on it.  DATABASE is critical (up to 2008 R2), system or drivers (the hive
# that holds DriverDatabase).  Needs /dev/fuse for ntfs-3g.
set -eu
export PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
file=$1 product=$2 build=$3 arch=$4 database=$5
shift 5
drivers=1 agent=1
for word; do
    case $word in
    no-drivers) drivers= ;;
    no-agent) agent= ;;
    esac
done
tmp=$(mktemp -d)
trap 'umount "$tmp/mount" 2>/dev/null || :; rm -rf "$tmp"' EXIT

# keys PATH: the key and those above it, which hivexregedit wants first.
keys() {
    local path='' part
    local -a parts
    IFS=/ read -ra parts <<<"${1//\\//}"
    for part in "${parts[@]}"; do
        path="$path\\$part"
        printf '\n[%s]\n' "$path"
    done
}

hive() {
    python3 "$here/empty_hive.py" "$tmp/$1"
    { printf 'Windows Registry Editor Version 5.00\n' && cat; } >"$tmp/reg"
    hivexregedit --merge --encoding UTF-8 "$tmp/$1" "$tmp/reg"
}

driver_database() {
    local id
    for id in 1001 1004 1000; do
        keys "DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_$id&SUBSYS_00021AF4&REV_00"
    done
}

system() {
    local set=ControlSet001 name
    keys Select
    echo '"Current"=dword:00000001'
    keys "$set\\Control\\Session Manager\\Environment"
    echo "\"PROCESSOR_ARCHITECTURE\"=\"$arch\""
    keys "$set\\Services"
    if [ -n "$drivers" ]; then
        for name in viostor vioscsi netkvm; do
            keys "$set\\Services\\$name"
            printf '"Start"=dword:0000000%d\n' "$([ $name = netkvm ] && echo 3 || echo 0)"
            printf '"ImagePath"="system32\\\\drivers\\\\%s.sys"\n' $name
        done
        case $database in
        critical)
            keys "$set\\Control\\CriticalDeviceDatabase\\pci#ven_1af4&dev_1001&subsys_00021af4"
            echo '"Service"="viostor"'
            ;;
        system) driver_database ;;
        esac
    fi
    [ -z "$agent" ] || {
        keys "$set\\Services\\cloudbase-init"
        echo '"Start"=dword:00000002'
        printf '%s\n' '"ImagePath"="C:\\Program Files\\Cloudbase Solutions\\Cloudbase-Init\\bin\\OpenStackService.exe"'
    }
}

system | hive SYSTEM
{
    keys 'Microsoft\Windows NT\CurrentVersion'
    printf '"ProductName"="%s"\n"EditionID"="ServerStandard"\n' "$product"
    printf '"CurrentBuildNumber"="%s"\n' "$build"
} | hive SOFTWARE
if [ "$database" = drivers ] && [ -n "$drivers" ]; then
    driver_database | hive DRIVERS
fi

truncate -s 200M "$tmp/fs"
mkntfs -F -Q -q -L Windows -p 2048 -H 255 -S 63 -s 512 "$tmp/fs" 2>/dev/null
mkdir "$tmp/mount"
ntfs-3g "$tmp/fs" "$tmp/mount" </dev/null
mkdir -p "$tmp/mount/Windows/System32/config" "$tmp/mount/Windows/System32/drivers" \
    "$tmp/mount/Boot"
for name in SYSTEM SOFTWARE DRIVERS; do
    [ ! -f "$tmp/$name" ] || cp "$tmp/$name" "$tmp/mount/Windows/System32/config/$name"
done
[ -z "$drivers" ] || for name in viostor vioscsi netkvm; do
    printf MZ >"$tmp/mount/Windows/System32/drivers/$name.sys"
done
printf MZ >"$tmp/mount/Windows/System32/ntoskrnl.exe"
printf bootmgr >"$tmp/mount/bootmgr"
umount "$tmp/mount"

rm -f "$file"
truncate -s 202M "$file"
echo 'start=2048, size=409600, type=7, bootable' | sfdisk -q --no-reread --no-tell-kernel "$file"
dd if="$tmp/fs" of="$file" bs=1M seek=1 conv=notrunc,sparse status=none
