#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lvm2_kernel.sh: volumes of every kind as LVM2's tools and the device mapper of a kernel (User
# Mode Linux) make and fill them: what we read has the same bytes, what we do not read is named
# by its kind.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires linux.uml lvm truncate cmp

head -c 2621440 /dev/urandom >"$work/pattern"
for disk in a b c d e; do
    truncate -s 200M "$work/$disk"
done
cat >"$work/script" <<'END_OF_SCRIPT'
mkdir -p /mnt/base/lib
ln -s /usr/lib/uml/modules /mnt/base/lib/modules
for module in dm-mod dm-mirror dm-raid raid0 raid1 raid10 raid456 dm-thin-pool dm-cache \
    dm-cache-smq dm-snapshot dm-writecache dm-integrity; do
    modprobe -d /mnt/base $module
done
mount -t sysfs none /sys
mount -t tmpfs none /run
mkdir -p /run/lock /run/lvm
lvm_() {
    echo "$@"
    lvm "$@" --config 'devices { use_devicesfile=0 filter=["a|^/dev/ubd|", "r|.*|"] }
        backup { backup=0 archive=0 }
        activation { udev_sync=0 udev_rules=0 monitoring=0 }
        global { use_lvmpolld=0 event_activation=0 thin_check_executable="" cache_check_executable="" }'
}
fill() { dmsetup mknodes && dd if=WORK/pattern of=/dev/mapper/vg-$1 bs=64k status=none; }
make() {
    name=$1
    shift
    lvm_ lvcreate -q -y -n $name -l 10 "$@"
    fill $name
}
lvm_ pvcreate -q /dev/ubda /dev/ubdb /dev/ubdc /dev/ubdd /dev/ubde
lvm_ vgcreate -q -s 256k vg /dev/ubda /dev/ubdb /dev/ubdc /dev/ubdd /dev/ubde
lvm_ lvcreate -q -y -n linear -l 4 vg /dev/ubda
make striped -i 2 -I 16k vg /dev/ubda /dev/ubdb
lvm_ lvextend -q -l 10 vg/linear /dev/ubdb
fill linear
make mirror --type mirror -m 1 --mirrorlog core vg /dev/ubda /dev/ubdb
make raid1 --type raid1 -m 1 vg /dev/ubda /dev/ubdb
make raid0 --type raid0 -i 2 vg
make raid4 --type raid4 -i 2 vg
make raid5 --type raid5 -i 2 vg
make raid6 --type raid6 -i 3 vg
make raid10 --type raid10 -i 2 -m 1 vg
make origin vg /dev/ubda
lvm_ lvcreate -q -y -s -n snap -l 12 vg/origin
dd if=/dev/zero of=/dev/mapper/vg-snap bs=64k count=1 status=none
lvm_ lvcreate -q -y --type thin-pool -Zn -L 8m -n pool vg
lvm_ lvcreate -q -y -V 16m --thinpool vg/pool -n thin
make slow vg
lvm_ lvcreate -q -y --type cache-pool -L 8m -n fast vg
lvm_ lvconvert -q -y --type cache --cachepool vg/fast vg/slow
make written vg
lvm_ lvcreate -q -y -an -L 8m -n wfast vg
lvm_ lvconvert -q -y --type writecache --cachevol wfast vg/written
make guarded --type raid1 -m 1 --raidintegrity y vg
dd if=WORK/pattern of=/dev/mapper/vg-origin bs=64k status=none
sync
lvm_ lvs -a -o lv_name,segtype,devices
lvm_ vgchange -q -an vg
sync
END_OF_SCRIPT
sed -i "s|WORK|$work|" "$work/script"
case_ 'a kernel makes and fills volumes' "$top/tests/guests/uml.sh" "$work" \
    "$(cat "$work/script")" "$work/a" "$work/b" "$work/c" "$work/d" "$work/e"

disks=("$work/a" "$work/b" "$work/c" "$work/d" "$work/e")
listed() {
    "$FSCAT" volumes "$@" | LC_ALL=C sort | diff "$work/want" -
}
cat >"$work/want" <<END
vg/guarded 2621440 unsupported a volume of kind 'integrity' is not read
vg/linear 2621440 ok 
vg/mirror 2621440 ok 
vg/origin 2621440 ok 
vg/pool 8388608 unsupported a volume of kind 'thin-pool' is not read
vg/raid0 2621440 unsupported a volume of kind 'raid0' is not read
vg/raid1 2621440 ok 
vg/raid10 2621440 unsupported a volume of kind 'raid10' is not read
vg/raid4 2621440 unsupported a volume of kind 'raid4' is not read
vg/raid5 2621440 unsupported a volume of kind 'raid5' is not read
vg/raid6 3145728 unsupported a volume of kind 'raid6' is not read
vg/slow 2621440 unsupported a volume of kind 'cache' is not read
vg/snap 2621440 unsupported a volume of kind 'snapshot' is not read
vg/striped 2621440 ok 
vg/thin 16777216 unsupported a volume of kind 'thin' is not read
vg/written 2621440 unsupported a volume of kind 'writecache' is not read
END
case_ 'every kind is listed under its name' listed "${disks[@]}"

same_bytes() { "$FSCAT" volume "${@:2}" "$1" | cmp - "$work/pattern"; }
for name in linear striped mirror raid1 origin; do
    case_ "$name: the bytes that were written" same_bytes vg/$name "${disks[@]}"
done
for name in mirror raid1; do
    case_ "$name: the first leg alone" same_bytes vg/$name "$work/a"
    case_ "$name: the second leg alone" same_bytes vg/$name "$work/b"
done
missing() { "$FSCAT" volumes "$work/a" | grep -xF "vg/$1 2621440 none physical volume pv1 is not on this disk"; }
for name in linear striped; do
    case_ "$name: what is missing is named" missing $name
done
finish
