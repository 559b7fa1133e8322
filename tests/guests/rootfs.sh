# shellcheck shell=bash disable=SC2154,SC2016,SC2034 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# rootfs.sh: the trees that guests are copies of
#
# A tree is what mmdebstrap gives, configured as an installer would leave it.
#
# Sourced by build.sh.

ROOT_UUID=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a01
BOOT_UUID=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a02

BASE_PACKAGES=initramfs-tools,systemd-sysv,udev,dbus,ifupdown,isc-dhcp-client,iproute2
BASE_PACKAGES+=,openssh-server,zstd,e2fsprogs,fdisk,kmod,login,passwd,cloud-guest-utils
BASE_PACKAGES+=,cloud-init,lvm2

# rootfs_sources [SUITE]: the Debian mirrors that apt of this machine is set up with, as
# one-line sources.  None found (not Debian 12): nothing, and mmdebstrap takes its default.
# With a suite it is the release without updates, which a mirror may not have complete for a
# suite that is retired and for every architecture.
rootfs_sources() {
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI) $(SUITE) $(COMPONENT)' \
        'Created-By: Packages' 2>/dev/null |
        awk -v wanted="${1-}" '
            $1 == "Debian" && $2 ~ /^bookworm(-security|-updates)?$/ && NF == 5 {
                if (!wanted)
                    print "deb " $3 " " $2 " " $5
                else if ($2 == "bookworm")
                    print "deb " $3 " " wanted " " $5
            }' |
        grep -v -e ' cdrom:' -e ' file:' -e ' copy:' | sort -u
}

# How apt of this machine reaches its mirrors (proxies and the like); nothing else of it.
rootfs_apt_settings() {
    apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)\b' |
        grep -v '""' || true
}

# rootfs_mmdebstrap SUITE ARCHITECTURE OUTPUT OPTION...: mmdebstrap, over the mirrors of this
# machine.
rootfs_mmdebstrap() {
    local suite=$1 arch=$2 out=$3 sources
    shift 3

    rootfs_apt_settings >"$tmp/apt.conf"
    if [ "$suite $arch" = 'bookworm amd64' ]; then
        sources=$(rootfs_sources)
    else
        sources=$(rootfs_sources "$suite")
    fi
    say "bootstrapping $suite from $(echo "${sources:-the default mirror}" | awk 'NR == 1 { print $2 }')"
    if ! mmdebstrap --quiet --mode=auto --aptopt="$tmp/apt.conf" --architectures="$arch" "$@" \
        "$suite" "$out" ${sources:+-} <<<"$sources" >"$tmp/run.log" 2>&1; then
        cat "$tmp/run.log" >&2
        die "mmdebstrap failed: is there a network, and does 'apt-get update' work?"
    fi
}

# rootfs_debian FILE SUITE ARCHITECTURE PACKAGES: a tree.  The long step: half a minute and
# more.
rootfs_debian() {
    # Documents and translations are a third of it and concern nobody here.
    rootfs_mmdebstrap "$2" "$3" "$tmp/bootstrap.tar" --variant=minbase --format=tar \
        --include="$BASE_PACKAGES,$4" --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/i18n/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --essential-hook='echo grub-pc grub-pc/install_devices_empty boolean true |
            chroot "$1" debconf-set-selections' \
        --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"'
    mkdir "$tmp/root"
    # Device nodes cannot be made in a user namespace; the kernel brings its own /dev.
    tar -C "$tmp/root" --numeric-owner --exclude='./dev/*' -xf "$tmp/bootstrap.tar"
    rootfs_configure "$tmp/root"
    rootfs_pack "$tmp/root" "$1"
}

rootfs_pack() {
    tar -C "$1" --numeric-owner --sort=name -cf - . | zstd -q -1 -T2 -o "$2"
}

tree_bookworm() {
    rootfs_debian "$1" bookworm amd64 linux-image-cloud-amd64,grub-pc,grub-efi-amd64-bin
}

tree_trixie() {
    rootfs_debian "$1" trixie amd64 linux-image-cloud-amd64,grub-pc,grub-efi-amd64-bin
}

# Its /bin, /lib and /sbin are folders of their own, as in systems that were upgraded since.
tree_bullseye() {
    rootfs_debian "$1" bullseye amd64 linux-image-cloud-amd64,grub-pc,grub-efi-amd64-bin
}

tree_bullseye_i386() {
    rootfs_debian "$1" bullseye i386 linux-image-686,grub-pc
}

tree_bookworm_i386() {
    rootfs_debian "$1" bookworm i386 linux-image-686-pae,grub-pc
}

# What dpkg would know of packages that were only taken apart: its status, their lists of
# files.  For mmdebstrap, which sets $1.
EXTRACTED='
    info=$1/var/lib/dpkg/info
    mkdir -p "$info"
    for deb in "$1"/var/cache/apt/archives/*.deb; do
        dpkg-deb -f "$deb" | sed "/^Package:/a Status: install ok installed" >>"$1/status"
        echo >>"$1/status"
        dpkg-deb --fsys-tarfile "$deb" | tar -tf - | sed "s/^\.//; s|/\$||; s|^\$|/.|" \
            >"$info/$(dpkg-deb -f "$deb" Package).list"
    done
    mv "$1/status" "$1/var/lib/dpkg/status"'

# rootfs_foreign FILE SUITE ARCHITECTURE PACKAGES: a tree whose programs cannot run here, so
# that no package was configured: what their scripts would have done, as far as it matters to
# a machine that starts, is done by hand.
rootfs_foreign() {
    local root=$tmp/root unit target version

    rootfs_mmdebstrap "$2" "$3" "$root" --variant=extract --format=directory \
        --include="$BASE_PACKAGES,base-files,base-passwd,bash,coreutils,dpkg,$4" \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --extract-hook="$EXTRACTED"
    cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
    cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
    sed 's/:.*/:*:19000:0:99999:7:::/' "$root/etc/passwd" >"$root/etc/shadow"
    chmod 640 "$root/etc/shadow"
    for unit in "$root"/usr/lib/systemd/system/{cloud-*,ssh,networking}.service; do
        target=$(sed -n 's/^WantedBy=//p' "$unit")
        [ -n "$target" ] || continue
        mkdir -p "$root/etc/systemd/system/$target.wants"
        ln -s "/lib/systemd/system/${unit##*/}" "$root/etc/systemd/system/$target.wants/"
    done
    version=$(kernel_version "$root")
    depmod -b "$root" "$version"
    rootfs_initramfs "$root" "$version"
    mkdir -p "$root/etc/default" "$root/etc/network/interfaces.d"
    rootfs_configure "$root"
    rm -rf "${root:?}/dev"
    mkdir "$root/dev"
    rootfs_pack "$root" "$1"
}

# rootfs_initramfs ROOT VERSION: one laid out as initramfs-tools does it, with its scripts and
# the modules that a virtual machine needs, but without programs.
rootfs_initramfs() {
    local tree=$tmp/initramfs modules=usr/lib/modules/$2 name

    mkdir -p "$tree"/{conf/conf.d,etc,run,scripts,"$modules"}
    ln -s usr/lib "$tree/lib"
    cp "$1/usr/share/initramfs-tools/init" "$tree/init"
    cp -r "$1"/usr/share/initramfs-tools/scripts/. "$tree/scripts"
    cp "$1/etc/initramfs-tools/initramfs.conf" "$tree/conf/"
    for name in virtio_pci virtio_blk virtio_scsi virtio_net sd_mod ext4 nvme; do
        modprobe -d "$1" -S "$2" --show-depends "$name" | sed -n "s|^insmod $1/||p"
    done | sort -u | while read -r name; do
        mkdir -p "$tree/${name%/*}"
        cp "$1/$name" "$tree/$name"
    done
    cp "$1/$modules"/modules.{builtin,order} "$tree/$modules/"
    depmod -b "$tree" "$2"
    (cd "$tree" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) |
        zstd -q -9 -o "$1/boot/initrd.img-$2"
    rm -rf "$tree"
}

# kernel_version ROOT: of its only kernel.
kernel_version() {
    local modules=("$1"/lib/modules/*)
    echo "${modules[0]##*/}"
}

tree_bookworm_arm64() {
    rootfs_foreign "$1" bookworm arm64 linux-image-cloud-arm64,grub-common,grub-efi-arm64-bin
}

tree_trixie_arm64() {
    rootfs_foreign "$1" trixie arm64 linux-image-cloud-arm64,grub-common,grub-efi-arm64-bin
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

# rootfs_apt ROOT COMMAND...: apt of this machine on the guest's files, with the guest's
# mirrors and dpkg.
rootfs_apt() {
    local root=$1
    shift

    rootfs_apt_settings >"$tmp/apt.conf"
    APT_CONFIG=$tmp/apt.conf DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        "${@:1:1}" -o Dir="$root" -o Dir::State::status="$root/var/lib/dpkg/status" \
        -o APT::Architecture="$(cat "$root/var/lib/dpkg/arch-native" 2>/dev/null ||
            dpkg --admindir="$root/var/lib/dpkg" --print-architecture)" \
        -o APT::Sandbox::User= -o APT::Install-Recommends=false \
        -o DPkg::Chroot-Directory="$root" -o Dpkg::Use-Pty=false \
        -o DPkg::Options::=--force-unsafe-io "${@:2}" </dev/null
}

# rootfs_add ROOT PACKAGE...: installs, or with a "-" at the end removes.
rootfs_add() {
    local root=$1 status=0
    shift

    # No services are started, and plain files do for what scripts write to.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    : >"$root/dev/null"
    {
        rootfs_apt "$root" apt-get -q update &&
            rootfs_apt "$root" apt-get -q -y --allow-remove-essential install "$@"
    } >"$tmp/run.log" 2>&1 || status=$?
    rm -rf "$root/usr/sbin/policy-rc.d" "${root:?}/dev" "$root"/var/lib/apt/lists/* \
        "$root"/var/cache/apt/* "$root"/var/log/apt "$root"/var/log/*.log
    mkdir "$root/dev"
    [ $status -eq 0 ] || {
        cat "$tmp/run.log" >&2
        die "apt in the guest: '$*' failed with $status"
    }
}

# rootfs_known ROOT EXPRESSION: names of packages that its mirrors have.
rootfs_known() {
    rootfs_apt "$1" apt-get -q update >"$tmp/run.log" 2>&1 || {
        cat "$tmp/run.log" >&2
        die "apt-get update failed"
    }
    rootfs_apt "$1" apt-cache pkgnames | grep -xE "$2"
    rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*
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
