# SPDX-License-Identifier: GPL-2.0-or-later
"""Systems of other makers, laid out by hand from the documented layout of their files

What is recorded: how each is named, which kernel and initramfs start, cloud-init, the SSH
server, the network, and every finding.  Versions and names are those of the releases."""
import struct
import uuid

import disk
import tree
from disk import MIB
from golden import AT, fires
from tree import CMDLINE, UUID, bzimage, elf

KVM = ("--profile", "generic-kvm")
FIRST = AT // 512
ROOT = f"root=UUID={UUID} {CMDLINE}"
DHCP = 'DEVICE="eth0"\nBOOTPROTO="dhcp"\nONBOOT="yes"\nTYPE="Ethernet"\n'
SOURCES = "datasource_list: [ NoCloud, ConfigDrive, OpenStack, TencentCloud, None ]\n"


def skeleton(d, merged=True):
    """Folders and accounts that every Linux has."""
    t = d.empty_tree()
    t.mkdir("/dev", "/proc", "/sys", "/root", "/home", "/var/log", "/boot", "/usr/bin",
            "/usr/sbin", "/usr/lib", "/usr/lib64")
    for name in ("bin", "sbin", "lib", "lib64"):
        if merged:
            t.link(f"/{name}", f"usr/{name}")
        else:
            t.mkdir(f"/{name}")
    t.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
    t.write("/etc/shadow", "root:!:20000:0:99999:7:::\n", 0o640)
    t.write("/etc/fstab", f"UUID={UUID} / ext4 defaults 0 1\n")
    t.write("/etc/machine-id")
    t.write("/etc/adjtime", "0.0 0 0.0\n0\nUTC\n")
    t.program("/usr/sbin/sshd", "/bin/sh")
    t.write("/usr/bin/growpart", "#!/bin/sh\n", 0o755)
    return t


def os_release(t, id_, version, name, like=""):
    t.write("/usr/lib/os-release", f'ID="{id_}"\nVERSION_ID="{version}"\nPRETTY_NAME="{name}"\n'
            + (f'ID_LIKE="{like}"\n' if like else ""))
    t.link("/etc/os-release", "../usr/lib/os-release")


def systemd(t):
    t.program("/usr/lib/systemd/systemd")
    t.link("/sbin/init" if t.host("/sbin") else "/usr/sbin/init", "../lib/systemd/systemd")
    t.unit("sshd.service", "multi-user.target")


def cloud_init(t, version, python, units=True):
    """As RPM packages lay it out."""
    t.write("/usr/bin/cloud-init", "#!/usr/bin/python\n", 0o755)
    t.write("/etc/cloud/cloud.cfg", "users:\n - default\n" + SOURCES)
    t.write(f"/usr/lib/{python}/site-packages/cloud_init-{version}-"
            f"py{python[6:]}.egg-info/PKG-INFO", "Name: cloud-init\n")
    if units:
        for name in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"):
            t.unit(f"{name}.service", "cloud-init.target")
        t.unit("cloud-init.target", "multi-user.target")


def kernel(t, version, image="/boot/vmlinuz-{}", initramfs="/boot/initramfs-{}.img",
           config="/boot/config-{}", mark="usr/lib/dracut/dracut-0001", suffix=".ko.xz",
           packed="gzip", modules=None):
    t.write(image.format(version), bzimage(version))
    t.initramfs(initramfs.format(version), version=version, mark=mark, suffix=suffix,
                packed=packed, modules=modules)
    t.config(version, path=config)
    t.modules(version, suffix=suffix)


def grub2(t, *versions, title="{}", options=ROOT, saved=None, linux="linux16", initrd="initrd16"):
    """/boot/grub2/grub.cfg as grub2-mkconfig of RHEL 7 and SUSE writes it."""
    head = ('if [ -s $prefix/grubenv ]; then\n  load_env\nfi\n'
            'if [ "${next_entry}" ] ; then\n   set default="${next_entry}"\n'
            '   set next_entry=\n   save_env next_entry\nelse\n'
            '   set default="${saved_entry}"\nfi\n')
    entries = [(title.format(v), f"/boot/vmlinuz-{v}", f"/boot/initramfs-{v}.img", options)
               for v in versions]
    t.grub(*entries, path="/boot/grub2/grub.cfg", head=head)
    t.replace("/boot/grub2/grub.cfg", "\tlinux\t", f"\t{linux} ")
    t.replace("/boot/grub2/grub.cfg", "\tinitrd\t", f"\t{initrd} ")
    grubenv(t, saved_entry=saved or title.format(versions[0]))


def grubenv(t, **values):
    text = "# GRUB Environment Block\n" + "".join(f"{k}={v}\n" for k, v in values.items())
    t.write("/boot/grub2/grubenv", text.ljust(1024, "#"))


MACHINE = "0123456789abcdef0123456789abcdef"
BLS_CFG = """set default="${saved_entry}"
search --no-floppy --fs-uuid --set=root %s
load_env -f $prefix/grubenv
insmod blscfg
blscfg
"""


def bls(t, *versions, title, options="$kernelopts"):
    """Boot loader entries as Fedora 30, RHEL 8 and later have them."""
    for v in versions:
        t.write(f"/boot/loader/entries/{MACHINE}-{v}.conf",
                f"title {title} ({v})\nversion {v}\nlinux /boot/vmlinuz-{v}\n"
                f"initrd /boot/initramfs-{v}.img\noptions {options}\n"
                "grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class kernel\n")
    t.write("/boot/grub2/grub.cfg", BLS_CFG % UUID)
    grubenv(t, saved_entry=f"{MACHINE}-{versions[0]}", kernelopts=ROOT)


def sysv(t, runlevels, **links):
    """/etc/rc.d as chkconfig keeps it: name=number of the start link."""
    for name, number in links.items():
        script = name.replace("_", "-")
        t.write(f"/etc/rc.d/init.d/{script}", f"#!/bin/sh\n# chkconfig: 2345 {number} 10\n", 0o755)
        for level in runlevels:
            t.link(f"/etc/rc.d/rc{level}.d/S{number:02}{script}", f"../init.d/{script}")
    t.link("/etc/init.d", "rc.d/init.d")
    for level in range(7):
        t.mkdir(f"/etc/rc.d/rc{level}.d")
        t.link(f"/etc/rc{level}.d", f"rc.d/rc{level}.d")


def grub_conf(t, version, initramfs, name, options=ROOT):
    """GRUB 0.97 as Red Hat ships it."""
    t.write("/boot/grub/grub.conf", "default=0\ntimeout=5\nsplashimage=(hd0,0)/boot/grub/"
            f"splash.xpm.gz\nhiddenmenu\ntitle {name} ({version})\n\troot (hd0,0)\n"
            f"\tkernel /boot/vmlinuz-{version} {options} rhgb quiet\n"
            f"\tinitrd {initramfs.format(version)}\n")
    t.link("/boot/grub/menu.lst", "./grub.conf")
    t.link("/etc/grub.conf", "../boot/grub/grub.conf")


# ---- Red Hat and its kin

@fires("systems", "CentOS 5.11: mkinitrd, SysV init, GRUB legacy, ext3")
def _(d):
    d.kind = "ext3"
    t, v = skeleton(d, merged=False), "2.6.18-398.el5"
    t.write("/etc/redhat-release", "CentOS release 5.11 (Final)\n")
    t.write("/etc/fstab", f"UUID={UUID} / ext3 defaults 1 1\n")
    t.program("/sbin/init")
    t.write("/etc/inittab", "id:3:initdefault:\n")
    t.write("/etc/sysconfig/network-scripts/ifcfg-eth0", DHCP)
    t.write("/etc/sysconfig/clock", 'ZONE="UTC"\nUTC=true\n')
    t.write("/var/lib/rpm/Packages", b"\0" * 12 + struct.pack("<I", 0x00061561))
    sysv(t, (2, 3, 4, 5), sshd=55, cloud_init=52, cloud_config=53, cloud_final=54,
         cloud_init_local=51)
    t.write("/etc/rc.d/init.d/sshd", "#!/bin/bash\nKEYGEN=/usr/bin/ssh-keygen\n", 0o755)
    cloud_init(t, "0.7.5", "python2.6", units=False)
    t.write(f"/boot/vmlinuz-{v}", bzimage(v))
    t.config(v, EXT3_FS="m", EXT4_FS=None, XFS_FS=None, BLK_DEV_NVME=None, HYPERV=None)
    flat = ("virtio", "virtio_ring", "virtio_pci", "virtio_blk", "virtio_net", "scsi_mod",
            "sd_mod", "libata", "ata_piix", "jbd", "ext3", "dm-mod")
    t.modules(v, modules=[(n, "drivers", ()) for n in flat])
    t.write(f"/boot/initrd-{v}.img", tree_pack({f"lib/{n}.ko": b"\x7fELF" for n in flat}
                                               | {"bin/nash": elf(), "init": b"#!/bin/nash\n"}))
    grub_conf(t, v, "/boot/initrd-{}.img", "CentOS", f"ro root=UUID={UUID} console=ttyS0")


def tree_pack(names):
    return tree.pack("gzip", tree.cpio(names))


@fires("systems", "CentOS 6.10: dracut, upstart with SysV scripts, GRUB legacy")
def _(d):
    t, v = skeleton(d, merged=False), "2.6.32-754.el6.x86_64"
    t.write("/etc/centos-release", "CentOS release 6.10 (Final)\n")
    t.link("/etc/redhat-release", "centos-release")
    t.program("/sbin/init", "/sbin/initctl")
    t.write("/etc/inittab", "id:3:initdefault:\n")
    t.write("/etc/init/rc.conf", "start on runlevel [0123456]\n")
    t.write("/etc/sysconfig/network-scripts/ifcfg-eth0", DHCP)
    t.write("/var/lib/rpm/Packages", b"\0" * 12 + struct.pack("<I", 0x00061561))
    sysv(t, (2, 3, 4, 5), sshd=55, cloud_init=52, cloud_config=53, cloud_final=54,
         cloud_init_local=51)
    cloud_init(t, "0.7.5", "python2.6", units=False)
    kernel(t, v, mark="lib/dracut/dracut-004", suffix=".ko")
    grub_conf(t, v, "/boot/initramfs-{}.img", "CentOS")


@fires("systems", "CentOS 6.10 with its services turned off")
def _(d):
    t, v = skeleton(d, merged=False), "2.6.32-754.el6.x86_64"
    t.write("/etc/redhat-release", "CentOS release 6.10 (Final)\n")
    t.program("/sbin/init", "/sbin/initctl")
    t.write("/etc/inittab", "id:3:initdefault:\n")
    t.write("/etc/init/rc.conf", "start on runlevel [0123456]\n")
    t.write("/etc/sysconfig/network-scripts/ifcfg-eth0", DHCP.replace("dhcp", "none")
            + "IPADDR=10.0.0.2\nNETMASK=255.255.255.0\nHWADDR=00:0C:29:11:22:33\n")
    t.write("/etc/udev/rules.d/70-persistent-net.rules", 'SUBSYSTEM=="net", ACTION=="add", '
            'DRIVERS=="?*", ATTR{address}=="00:0c:29:11:22:33", ATTR{type}=="1", '
            'KERNEL=="eth*", NAME="eth0"\n')
    sysv(t, (), sshd=55, cloud_init=52, cloud_config=53, cloud_final=54, cloud_init_local=51)
    cloud_init(t, "0.7.5", "python2.6", units=False)
    kernel(t, v, mark="lib/dracut/dracut-004", suffix=".ko")
    grub_conf(t, v, "/boot/initramfs-{}.img", "CentOS")


@fires("systems", "CentOS 7.9: dracut, GRUB 2 with a saved title, two kernels and a rescue image")
def _(d):
    t, v = skeleton(d), "3.10.0-1160.118.1.el7.x86_64"
    old = "3.10.0-1160.el7.x86_64"
    os_release(t, "centos", "7", "CentOS Linux 7 (Core)", "rhel fedora")
    t.write("/etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n")
    t.link("/etc/redhat-release", "centos-release")
    systemd(t)
    t.write("/etc/sysconfig/network-scripts/ifcfg-eth0", DHCP)
    t.write("/var/lib/rpm/Packages", b"\0" * 12 + struct.pack("<I", 0x00061561))
    cloud_init(t, "19.4", "python2.7")
    kernel(t, v)
    kernel(t, old)
    t.write(f"/boot/vmlinuz-0-rescue-{MACHINE}", bzimage(old))
    t.initramfs(f"/boot/initramfs-0-rescue-{MACHINE}.img", version=old)
    grub2(t, v, old, title="CentOS Linux ({}) 7 (Core)")


@fires("systems", "RHEL 8.9: entries of BLS with kernelopts in grubenv", "--profile",
       "tencent-2016", "--license", "BYOL")
def _(d):
    t, v = skeleton(d), "4.18.0-513.24.1.el8_9.x86_64"
    os_release(t, "rhel", "8.9", "Red Hat Enterprise Linux 8.9 (Ootpa)", "fedora")
    t.write("/etc/redhat-release", "Red Hat Enterprise Linux release 8.9 (Ootpa)\n")
    systemd(t)
    t.write("/etc/sysconfig/network-scripts/ifcfg-eth0", DHCP)
    t.write("/var/lib/rpm/Packages", b"\0" * 12 + struct.pack("<I", 0x00061561))
    cloud_init(t, "23.1.1", "python3.6")
    kernel(t, v, mark="usr/lib/initrd-release", packed="gzip")
    bls(t, v, "4.18.0-513.5.1.el8_9.x86_64", title="Red Hat Enterprise Linux")
    kernel(t, "4.18.0-513.5.1.el8_9.x86_64")


def rhel9(d, rpm, id_="centos", version="9", name="CentOS Stream 9", kernel_="5.14.0-427.el9.x86_64"):
    t = skeleton(d)
    os_release(t, id_, version, name, "rhel fedora")
    if id_ == "centos":
        t.replace("/usr/lib/os-release", 'ID="centos"', 'NAME="CentOS Stream"\nID="centos"')
        t.write("/etc/redhat-release", "CentOS Stream release 9\n")
    systemd(t)
    t.write("/etc/NetworkManager/system-connections/eth0.nmconnection",
            "[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n"
            "[ipv6]\nmethod=ignore\n", 0o600)
    rpm(t)
    cloud_init(t, "23.4", "python3.9")
    kernel(t, kernel_, config="/usr/lib/modules/{}/config", packed="zstd",
           mark="usr/lib/initrd-release")
    bls(t, kernel_, title=name, options=ROOT)


def sqlite(path):
    """An rpm database of version 4.16 and later, without its packages."""
    def add(t):
        import os
        import sqlite3
        name = t.host(path)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        db = sqlite3.connect(name)
        db.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB)")
        db.commit()
        db.close()
    return add


fires("systems", "CentOS Stream 9: rpm in SQLite, a keyfile of NetworkManager",
      "--profile", "tencent-2023")(lambda d: rhel9(d, sqlite("/var/lib/rpm/rpmdb.sqlite")))
fires("systems", "Fedora 40: rpm below /usr", "--profile", "tencent-2023")(
    lambda d: rhel9(d, sqlite("/usr/lib/sysimage/rpm/rpmdb.sqlite"), "fedora", "40",
                    "Fedora Linux 40 (Cloud Edition)", "6.8.5-301.fc40.x86_64"))
fires("systems", "Rocky Linux 9.4", "--profile", "tencent-2023")(
    lambda d: rhel9(d, sqlite("/var/lib/rpm/rpmdb.sqlite"), "rocky", "9.4",
                    "Rocky Linux 9.4 (Blue Onyx)"))
fires("systems", "AlmaLinux 9.4", "--profile", "tencent-2023")(
    lambda d: rhel9(d, sqlite("/var/lib/rpm/rpmdb.sqlite"), "almalinux", "9.4",
                    "AlmaLinux 9.4 (Seafoam Ocelot)"))
fires("systems", "Amazon Linux 2023", *KVM)(
    lambda d: rhel9(d, sqlite("/usr/lib/sysimage/rpm/rpmdb.sqlite"), "amzn", "2023",
                    "Amazon Linux 2023.4", "6.1.91-99.172.amzn2023.x86_64"))


@fires("systems", "Amazon Linux 2", *KVM)
def _(d):
    t, v = skeleton(d), "4.14.343-261.564.amzn2.x86_64"
    os_release(t, "amzn", "2", "Amazon Linux 2", "centos rhel fedora")
    t.write("/etc/system-release", "Amazon Linux release 2 (Karoo)\n")
    systemd(t)
    t.write("/etc/sysconfig/network-scripts/ifcfg-eth0", DHCP)
    t.write("/var/lib/rpm/Packages", b"\0" * 12 + struct.pack("<I", 0x00061561))
    cloud_init(t, "19.3", "python2.7")
    kernel(t, v, suffix=".ko")
    grub2(t, v, title="Amazon Linux 2 ({}) 2 (Karoo)", linux="linux", initrd="initrd")


# ---- SUSE

@fires("systems", "SLES 11 SP4: mkinitrd, insserv, GRUB legacy")
def _(d):
    d.kind = "ext3"
    t, v = skeleton(d, merged=False), "3.0.101-63-default"
    t.write("/etc/SuSE-release", "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\n"
            "PATCHLEVEL = 4\n")
    t.write("/etc/fstab", f"UUID={UUID} / ext3 acl,user_xattr 1 1\n")
    t.program("/sbin/init")
    t.write("/etc/inittab", "id:3:initdefault:\n")
    t.write("/etc/sysconfig/network/ifcfg-eth0", "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n")
    t.write("/etc/init.d/sshd", "#!/bin/bash\nssh-keygen -t rsa\n", 0o755)
    t.link("/etc/init.d/rc3.d/S09sshd", "../sshd")
    for name in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"):
        t.write(f"/etc/init.d/{name}", "#!/bin/sh\n", 0o755)
        t.link(f"/etc/init.d/rc3.d/S10{name}", f"../{name}")
    cloud_init(t, "0.7.5", "python2.6", units=False)
    t.write("/var/lib/rpm/Packages", b"\0" * 12 + struct.pack("<I", 0x00061561))
    t.write(f"/boot/vmlinuz-{v}", bzimage(v))
    t.link("/boot/vmlinuz", f"vmlinuz-{v}")
    t.config(v, EXT3_FS="m", EXT4_FS=None)
    mods = [("virtio", "drivers/virtio", ()), ("virtio_ring", "drivers/virtio", ("virtio",)),
            ("virtio_pci", "drivers/virtio", ("virtio_ring", "virtio")),
            ("virtio_blk", "drivers/block", ("virtio_ring", "virtio")),
            ("virtio_net", "drivers/net", ("virtio_ring", "virtio")), ("jbd", "fs/jbd", ()),
            ("ext3", "fs/ext3", ("jbd",))]
    t.modules(v, modules=mods)
    t.write(f"/boot/initrd-{v}", tree_pack(
        {f"lib/modules/{v}/kernel/{at}/{n}.ko": b"\x7fELF" for n, at, _ in mods}
        | {"run_all.sh": b"#!/bin/sh\n", "mkinitrd.config": b"", "init": b"#!/bin/bash\n"}))
    t.link("/boot/initrd", f"initrd-{v}")
    t.write("/boot/grub/menu.lst", "default 0\ntimeout 8\n\ntitle SUSE Linux Enterprise Server "
            f"11 SP4 - {v}\n    root (hd0,0)\n    kernel /boot/vmlinuz-{v} root=UUID={UUID} "
            f"console=ttyS0\n    initrd /boot/initrd-{v}\n")


def suse(d, id_, version, name, v, rpm, options=KVM):
    t = skeleton(d)
    os_release(t, id_, version, name, "suse opensuse")
    systemd(t)
    t.write("/etc/sysconfig/network/ifcfg-eth0", "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n")
    rpm(t)
    cloud_init(t, "23.3", "python3.6")
    # The image lies among the modules, and /boot has links.
    kernel(t, v, image="/usr/lib/modules/{}/vmlinuz", initramfs="/boot/initrd-{}",
           config="/usr/lib/modules/{}/config", mark="usr/lib/initrd-release",
           suffix=".ko.zst", packed="zstd")
    t.link(f"/boot/vmlinuz-{v}", f"../usr/lib/modules/{v}/vmlinuz")
    t.link("/boot/vmlinuz", f"vmlinuz-{v}")
    t.link("/boot/initrd", f"initrd-{v}")
    t.grub((name, f"/boot/vmlinuz-{v}", f"/boot/initrd-{v}", ROOT), path="/boot/grub2/grub.cfg")


def ndb(path):
    return lambda t: t.write(path, b"RpmP" + struct.pack("<IIII", 0, 1, 1, 0) + bytes(4076))


fires("systems", "openSUSE Leap 15.5: the image among the modules, rpm's ndb")(
    lambda d: suse(d, "opensuse-leap", "15.5", "openSUSE Leap 15.5", "5.14.21-150500.55.62-default",
                   ndb("/usr/lib/sysimage/rpm/Packages.db")))
fires("systems", "SLES 15 SP5")(
    lambda d: suse(d, "sles", "15.5", "SUSE Linux Enterprise Server 15 SP5",
                   "5.14.21-150500.55.62-default", ndb("/usr/lib/sysimage/rpm/Packages.db")))
fires("systems", "openSUSE Tumbleweed")(
    lambda d: suse(d, "opensuse-tumbleweed", "20240601", "openSUSE Tumbleweed", "6.9.3-1-default",
                   ndb("/usr/lib/sysimage/rpm/Packages.db")))


# ---- Debian and Ubuntu

def dpkg(t, *packages):
    t.write("/var/lib/dpkg/status", "".join(
        f"Package: {n}\nStatus: install ok installed\nVersion: {v}\n\n" for n, v in packages))


def rc2(t, *names):
    for name in names:
        t.write(f"/etc/init.d/{name}", "#!/bin/sh\n# Default-Start: 2 3 4 5\n", 0o755)
        t.link(f"/etc/rc2.d/S02{name}", f"../init.d/{name}")


def old_debian(d, version, v, grub):
    t = skeleton(d, merged=False)
    t.write("/etc/debian_version", version + "\n")
    t.program("/sbin/init")
    t.write("/etc/inittab", "id:2:initdefault:\n")
    t.write("/etc/network/interfaces", "auto lo eth0\niface lo inet loopback\n"
            "iface eth0 inet dhcp\n")
    rc2(t, "ssh", "cloud-init", "cloud-init-local", "cloud-config", "cloud-final")
    t.write("/usr/bin/cloud-init", "#!/usr/bin/python\n", 0o755)
    t.write("/etc/cloud/cloud.cfg", "users:\n - default\n" + SOURCES)
    dpkg(t, ("cloud-init", "0.7.2-3~bpo70+1"))
    t.write(f"/var/lib/dpkg/info/linux-image-{v}.list")
    kernel(t, v, initramfs="/boot/initrd.img-{}", mark="conf/initramfs.conf", suffix=".ko")
    t.write("/boot/grub/i386-pc/normal.mod",
            b"GNU GRUB  version %s\0" + grub.encode() + b"\0")
    t.grub((f"Debian GNU/Linux, with Linux {v}", f"/boot/vmlinuz-{v}", f"/boot/initrd.img-{v}",
            ROOT))


fires("systems", "Debian 7: SysV init, insserv")(
    lambda d: old_debian(d, "7.11", "3.2.0-6-amd64", "1.99-27+deb7u3"))
fires("systems", "Debian 6: GRUB 1.98")(
    lambda d: old_debian(d, "6.0.10", "2.6.32-5-amd64", "1.98+20100804-14+squeeze1"))


@fires("systems", "Ubuntu 14.04: upstart jobs")
def _(d):
    t, v = skeleton(d, merged=False), "4.4.0-148-generic"
    t.write("/etc/os-release", 'NAME="Ubuntu"\nVERSION_ID="14.04"\nID=ubuntu\nID_LIKE=debian\n'
            'PRETTY_NAME="Ubuntu 14.04.6 LTS"\n')
    t.program("/sbin/init", "/sbin/initctl")
    for job in ("ssh", "cloud-init", "cloud-init-local", "cloud-config", "cloud-final"):
        t.write(f"/etc/init/{job}.conf", "start on runlevel [2345]\n")
    t.write("/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n")
    t.write("/usr/bin/cloud-init", "#!/usr/bin/python\n", 0o755)
    t.write("/etc/cloud/cloud.cfg", "users:\n - default\n" + SOURCES)
    dpkg(t, ("cloud-init", "0.7.5-0ubuntu1.23"))
    t.write(f"/var/lib/dpkg/info/linux-image-{v}.list")
    kernel(t, v, initramfs="/boot/initrd.img-{}", mark="conf/initramfs.conf", suffix=".ko")
    t.grub(("Ubuntu", f"/boot/vmlinuz-{v}", f"/boot/initrd.img-{v}", ROOT))


@fires("systems", "Ubuntu 22.04: netplan, a submenu, modules packed by zstd")
def _(d):
    t, v = skeleton(d), "5.15.0-107-generic"
    os_release(t, "ubuntu", "22.04", "Ubuntu 22.04.4 LTS", "debian")
    systemd(t)
    t.unit("ssh.service", "multi-user.target")
    t.write("/etc/netplan/50-cloud-init.yaml", "network:\n    ethernets:\n        eth0:\n"
            "            dhcp4: true\n    version: 2\n")
    t.write("/usr/bin/cloud-init", "#!/usr/bin/python3\n", 0o755)
    t.write("/etc/cloud/cloud.cfg", "users:\n - default\n" + SOURCES)
    t.write("/usr/lib/systemd/system-generators/cloud-init-generator", "#!/bin/sh\n", 0o755)
    for name in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"):
        t.unit(f"{name}.service", "cloud-init.target")
    t.write("/usr/lib/systemd/system/cloud-init.target", "[Unit]\n")
    dpkg(t, ("cloud-init", "23.4.4-0ubuntu0~22.04.1"))
    t.write(f"/var/lib/dpkg/info/linux-image-{v}.list")
    kernel(t, v, initramfs="/boot/initrd.img-{}", mark="conf/initramfs.conf", suffix=".ko",
           packed="zstd")
    t.grub(("Ubuntu", f"/boot/vmlinuz-{v}", f"/boot/initrd.img-{v}", ROOT))
    t.append("/boot/grub/grub.cfg", "submenu 'Advanced options for Ubuntu' {\n"
             f"\tmenuentry 'Ubuntu, with Linux {v} (recovery mode)' {{\n"
             f"\t\tlinux /boot/vmlinuz-{v} {ROOT} recovery\n\t\tinitrd /boot/initrd.img-{v}\n"
             "\t}\n}\n")


# ---- Alpine, Arch

@fires("systems", "Alpine 3.19: extlinux, openrc, mkinitfs", *KVM)
def _(d):
    t, v = skeleton(d, merged=False), "6.6.31-0-virt"
    t.write("/etc/alpine-release", "3.19.1\n")
    t.write("/etc/os-release", 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.19.1\n'
            'PRETTY_NAME="Alpine Linux v3.19"\n')
    t.program("/bin/busybox", "/sbin/openrc")
    t.link("/sbin/init", "/bin/busybox")
    t.write("/etc/inittab", "::sysinit:/sbin/openrc sysinit\n")
    t.write("/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n")
    t.write("/lib/apk/db/installed", "P:cloud-init\nV:23.4.2-r0\n\n")
    for name in ("sshd", "cloud-init", "cloud-init-local", "cloud-config", "cloud-final"):
        t.write(f"/etc/init.d/{name}", "#!/sbin/openrc-run\n", 0o755)
        t.link(f"/etc/runlevels/default/{name}", f"/etc/init.d/{name}")
    t.write("/usr/bin/cloud-init", "#!/usr/bin/python3\n", 0o755)
    t.write("/etc/cloud/cloud.cfg", "users:\n - default\n" + SOURCES)
    t.write("/boot/vmlinuz-virt", bzimage(v))
    t.initramfs("/boot/initramfs-virt", version=v, mark="etc/mkinitfs/mkinitfs.conf")
    t.config(v, path="/boot/config-{}")
    t.modules(v)
    t.write("/boot/extlinux.conf", "DEFAULT menu.c32\nPROMPT 0\nTIMEOUT 10\n\nLABEL virt\n"
            "  MENU DEFAULT\n  MENU LABEL Linux virt\n  LINUX vmlinuz-virt\n"
            f"  INITRD initramfs-virt\n  APPEND {ROOT} modules=ext4 quiet rootfstype=ext4\n")


@fires("systems", "Arch: an image without a version in its name, mkinitcpio", *KVM)
def _(d):
    t, v = skeleton(d), "6.9.3-arch1-1"
    t.write("/usr/lib/os-release", 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\n'
            "BUILD_ID=rolling\n")
    t.link("/etc/os-release", "../usr/lib/os-release")
    t.write("/etc/arch-release")
    systemd(t)
    t.write("/etc/systemd/network/20-wired.network", "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\n")
    t.mkdir("/var/lib/pacman/local/cloud-init-24.1.4-1")
    cloud_init(t, "24.1.4", "python3.12")
    t.write("/boot/vmlinuz-linux", bzimage(v))
    t.initramfs("/boot/initramfs-linux.img", version=v, mark="buildconfig", suffix=".ko.zst",
                packed="zstd")
    t.modules(v, suffix=".ko.zst", builtin=["loop"])
    t.write("/boot/amd-ucode.img", tree.cpio({"kernel/x86/microcode/AuthenticAMD.bin": bytes(64)}))
    t.grub(("Arch Linux", "/boot/vmlinuz-linux",
            "/boot/amd-ucode.img /boot/initramfs-linux.img", ROOT))


# ---- Xen

@fires("systems", "Debian under the Xen hypervisor: the default entry starts the hypervisor")
def _(d):
    t, v = d.tree, tree.KERNEL
    t.write("/boot/xen-4.17-amd64.gz", b"\x1f\x8b" + bytes(64))
    t.write("/boot/grub/grub.cfg", "set default=0\n"
            "menuentry 'Debian GNU/Linux, with Xen hypervisor' --class xen {\n"
            f"\tsearch --no-floppy --fs-uuid --set=root {UUID}\n"
            "\tmultiboot2 /boot/xen-4.17-amd64.gz placeholder dom0_mem=1G\n"
            f"\tmodule2 /boot/vmlinuz-{v} placeholder {ROOT}\n"
            f"\tmodule2 --nounzip /boot/initrd.img-{v}\n}}\n")


# ---- systems in pieces

def gpt_file(d, *parts, size=96 * MIB):
    """parts are (type, MiB, what): what is a tree, a function of file and place, or None."""
    d.size = size
    d.blank(size)
    at, places = FIRST, []
    for type_, mib, _ in parts:
        places.append((type_, at, mib * MIB // 512))
        at += mib * MIB // 512
    disk.gpt(d.file, size, places)
    for (_, start, sectors), (_, _, what) in zip(places, parts):
        if callable(what):
            what(d.file, start * 512)
        elif what is not None:
            disk.mke2fs(d.file, start * 512, sectors * 512, what.root,
                        uuid_=str(uuid.UUID(int=start)))


@fires("systems", "Fedora CoreOS whose deployment is no root: named and undecided", *KVM)
def _(d):
    root = d.empty_tree("rootfs")
    deployed = "/ostree/deploy/fedora-coreos/deploy/" + "ab" * 32 + ".0"
    root.write(f"{deployed}/usr/lib/os-release", 'ID=fedora\nVERSION_ID=40\n'
               'PRETTY_NAME="Fedora CoreOS 40.20240519.3.0"\nVARIANT_ID=coreos\n')
    root.write(f"{deployed}.origin", "[origin]\n")
    gpt_file(d, ("bios", 2, None), ("linux", 48, root))


# ---- no Linux at all

def foreign(name, type_, what=None, options=KVM):
    @fires("systems", name, *options)
    def _(d):
        d.size = 80 * MIB
        d.blank(d.size)
        if isinstance(type_, int):
            disk.poke(d.file, 0, disk.mbr([disk.entry(type_, FIRST, 64 * MIB // 512, True)],
                                          "other"))
            if what:
                what(d.file, AT)
        else:
            gpt_file(d, (type_, 64, what), size=80 * MIB)


def ufs2(path, at):
    sb = bytearray(1376)
    sb[1372:1376] = struct.pack("<I", 0x19540119)
    disk.poke(path, at + 65536, bytes(sb))


def zfs(path, at):
    for i in range(32):
        disk.poke(path, at + 131072 + i * 4096, struct.pack("<Q", 0x00BAB10C))


def hfsplus(path, at):
    header = bytearray(512)
    header[0:4] = b"H+\0\4"
    header[40:44] = struct.pack(">I", 4096)
    disk.poke(path, at + 1024, bytes(header))


def apfs(path, at):
    disk.poke(path, at, bytes(32) + b"NXSB" + struct.pack("<I", 4096))


def vmfs(path, at):
    disk.poke(path, at + MIB, struct.pack("<I", 0xC001D00D))


foreign("FreeBSD: UFS in a GPT, undecided", "516E7CB6-6ECF-11D6-8FF8-00022D09712B", ufs2)
foreign("FreeBSD: ZFS in a GPT", "516E7CBA-6ECF-11D6-8FF8-00022D09712B", zfs)
foreign("FreeBSD where the cloud lists it: undecided", 0xA5, ufs2,
        ("--profile", "tencent-2023"))
foreign("FreeBSD where the cloud does not list it: refused without a code", 0xA5, ufs2,
        ("--profile", "tencent-2022"))
foreign("OpenBSD", 0xA6)
foreign("NetBSD", 0xA9, ufs2)
foreign("Solaris", 0xBF)
foreign("ZFS of nobody that the table names", "6A898CC3-1DD2-11B2-99A6-080020736631", zfs)
foreign("macOS on HFS+", "48465300-0000-11AA-AA11-00306543ECAC", hfsplus)
foreign("macOS on APFS", "7C3457EF-0000-11AA-AA11-00306543ECAC", apfs)
foreign("ESXi", "AA31E02A-400F-11DB-9590-000C2911D1B8", vmfs)
foreign("VMFS in a partition of Linux' type", 0x83, vmfs)
foreign("ChromeOS", "FE3A2A5D-4F32-41A7-B725-ACCC3285A309")
