# shellcheck shell=bash disable=SC2154,SC2016,SC2034 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# rootfs.sh: the trees that guests are copies of
#
# A tree is what mmdebstrap gives, configured as an installer would leave it.
#
# Sourced by build.sh.

ROOT_UUID=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a01
BOOT_UUID=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a02

ROOT_PACKAGES=linux-image-cloud-amd64,initramfs-tools,systemd-sysv,udev,dbus,ifupdown
ROOT_PACKAGES+=,isc-dhcp-client,iproute2,openssh-server,zstd,e2fsprogs,fdisk,kmod,login
ROOT_PACKAGES+=,passwd,cloud-guest-utils,cloud-init,grub-pc,grub-efi-amd64-bin,lvm2

# The Debian 12 mirrors that apt of this machine is set up with, as one-line sources.  None
# found (not Debian 12): nothing, and mmdebstrap takes its own default.
rootfs_sources() {
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI) $(SUITE) $(COMPONENT)' \
        'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 ~ /^bookworm(-security|-updates)?$/ && NF == 5 {
                 suite = $2; print "deb " $3 " " suite " " $5 }' |
        grep -v -e ' cdrom:' -e ' file:' -e ' copy:' | sort -u
}

# How apt of this machine reaches its mirrors (proxies and the like); nothing else of it.
rootfs_apt_settings() {
    apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)\b' |
        grep -v '""' || true
}

# rootfs_bootstrap FILE: a tar file.  The long step: half a minute and more.
rootfs_bootstrap() {
    local out=$1 work sources

    work=$(mktemp -d)
    rootfs_apt_settings >"$work/apt.conf"
    sources=$(rootfs_sources)
    say "bootstrapping Debian 12 from $(echo "${sources:-the default mirror}" | awk 'NR == 1 { print $2 }')"
    # Documents and translations are a third of it and concern nobody here.
    if ! mmdebstrap --quiet --mode=auto --variant=minbase --format=tar \
        --include="$ROOT_PACKAGES" \
        --aptopt="$work/apt.conf" \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/i18n/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --essential-hook='echo grub-pc grub-pc/install_devices_empty boolean true |
            chroot "$1" debconf-set-selections' \
        --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
        bookworm "$out" ${sources:+-} <<<"$sources" >"$work/log" 2>&1; then
        cat "$work/log" >&2
        rm -rf "$work"
        die "mmdebstrap failed: is there a network, and does 'apt-get update' work?"
    fi
    rm -rf "$work"
}

tree_bookworm() {
    rootfs_bootstrap "$tmp/bootstrap.tar"
    mkdir "$tmp/root"
    # Device nodes cannot be made in a user namespace; the kernel brings its own /dev.
    tar -C "$tmp/root" --numeric-owner --exclude='./dev/*' -xf "$tmp/bootstrap.tar"
    rootfs_configure "$tmp/root"
    tar -C "$tmp/root" --numeric-owner --sort=name -cf - . | zstd -q -1 -T2 -o "$1"
}

# rootfs_unpack TREE DIR [PATH...]: a tree, or these parts of it, into a new folder.
rootfs_unpack() {
    tree_need "$1"
    mkdir "$2"
    zstd -q -dc "$(tree_file "$1")" | tar -C "$2" --numeric-owner -xf - "${@:3}"
}

# rootfs_run ROOT COMMAND...: runs a program of the guest on the guest's files.
rootfs_run() {
    local root=$1 status=0
    shift
    # Plain files do for what maintainer scripts write to.
    : >"$root/dev/null"
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot "$root" "$@" </dev/null >"$tmp/run.log" 2>&1 || status=$?
    rm -rf "${root:?}/dev"
    mkdir "$root/dev"
    [ $status -eq 0 ] || {
        cat "$tmp/run.log" >&2
        die "in the guest: '$*' failed with $status"
    }
}

rootfs_configure() {
    local root=$1

    echo debian >"$root/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n' >"$root/etc/hosts"
    cat >"$root/etc/fstab" <<EOF
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=$ROOT_UUID / ext4 errors=remount-ro 0 1
EOF
    cat >"$root/etc/network/interfaces" <<'EOF'
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

auto eth0
iface eth0 inet dhcp
EOF
    cat >>"$root/etc/default/grub" <<'EOF'
GRUB_TIMEOUT=1
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="net.ifnames=0 console=tty0 console=ttyS0,115200"
GRUB_TERMINAL="console serial"
EOF
    # What belongs to the machine that built it, or must differ between machines.
    rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
    : >"$root/etc/machine-id"
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/apt \
        "$root"/var/log/*.log "$root"/tmp/*
}

# rootfs_grub ROOT PARTITION [FILESYSTEM BOOT_UUID]: what grub-install and update-grub would
# leave for a root on this GRUB partition ("hd0,msdos1"; "hd0" for the whole disk).  With
# BOOT_UUID, that is the partition of /boot, and the root is the one behind it.  The programs
# are the guest's own.  grub-mkconfig asks grub-probe about devices; here a stand-in answers,
# as there are none.
rootfs_grub() {
    local root=$1 partition=$2 fs=${3-ext2} boot_uuid=${4-$ROOT_UUID}
    local map device=/dev/vda1 images modules boot_device prefix=/boot

    case $partition in
    *msdos*) map=msdos modules='part_msdos' ;;
    *gpt*) map=gpt modules='part_gpt' device=/dev/vda${partition#*gpt} ;;
    *) map='' modules='' device=/dev/vda ;;
    esac
    boot_device=$device
    if [ "$boot_uuid" != "$ROOT_UUID" ]; then
        device=/dev/vda2 prefix=
        # Paths on /boot are those of its filesystem.
        mv "$root/usr/bin/grub-mkrelpath" "$tmp/grub-mkrelpath"
        printf '#!/bin/sh\nfor p; do :; done\np=${p#/boot}\necho "${p:-/}"\n' \
            >"$root/usr/bin/grub-mkrelpath"
        chmod 755 "$root/usr/bin/grub-mkrelpath"
    fi
    images=$root/boot/grub/i386-pc
    rm -rf "$images" "$root/boot/grub/grub.cfg"
    mkdir -p "$images"
    cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst \
        "$root/usr/lib/grub/i386-pc/boot.img" "$images"

    mv "$root/usr/sbin/grub-probe" "$tmp/grub-probe"
    cat >"$root/usr/sbin/grub-probe" <<EOF
#!/bin/sh
device=$device uuid=$ROOT_UUID fs=$fs
for word; do
    case \$word in
    /boot | /boot/* | $boot_device) device=$boot_device uuid=$boot_uuid ;;
    esac
done
while [ \$# -gt 0 ]; do
    case \$1 in
    -t) target=\$2; shift ;;
    --target=*) target=\${1#*=} ;;
    esac
    shift
done
case \$target in
device) echo \$device ;;
fs_uuid) echo \$uuid ;;
fs) if [ \$uuid = $ROOT_UUID ]; then echo $fs; else echo ext2; fi ;;
partmap) echo $map ;;
drive) echo "($partition)" ;;
compatibility_hint) echo "$partition" ;;
hints_string) echo "--hint-bios=$partition" ;;
abstraction) ;;
*) exit 1 ;;
esac
EOF
    chmod 755 "$root/usr/sbin/grub-probe"
    # 10_linux writes root=UUID= only where udev shows the device.
    mkdir -p "$root/dev/disk/by-uuid"
    : >"$root/dev/disk/by-uuid/$ROOT_UUID"
    rootfs_run "$root" sh -ec "
        grub-editenv /boot/grub/grubenv create
        grub-mkimage -O i386-pc -p '($partition)$prefix/grub' -o /boot/grub/i386-pc/core.img \
            biosdisk $modules ext2
        grub-mkconfig -o /boot/grub/grub.cfg"
    mv "$tmp/grub-probe" "$root/usr/sbin/grub-probe"
    [ ! -e "$tmp/grub-mkrelpath" ] || mv "$tmp/grub-mkrelpath" "$root/usr/bin/grub-mkrelpath"
    grep -q "root=UUID=$ROOT_UUID" "$root/boot/grub/grub.cfg" ||
        die "grub-mkconfig did not write the root filesystem's UUID"
}
