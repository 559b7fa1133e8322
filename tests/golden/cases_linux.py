# SPDX-License-Identifier: GPL-2.0-or-later
"""Section L: the base system with one thing changed"""
import disk
from golden import AT, fires, quiet
from tree import CMDLINE, IN_INITRAMFS, KERNEL, MODULES, UUID, bzimage

INITRD = f"/boot/initrd.img-{KERNEL}"
FSTAB = "/etc/fstab"


def without(*names):
    return [name for name in IN_INITRAMFS if name not in names]


def entry(tree, options=f"root=UUID={UUID} {CMDLINE}", kernel=KERNEL, **of):
    tree.grub(("Debian GNU/Linux", f"/boot/vmlinuz-{kernel}", f"/boot/initrd.img-{kernel}",
               options), **of)


def spoil_inode(d, path):
    """What the inode says it consists of becomes nonsense: the file is there, and cannot be
    read."""
    d.on_disk(lambda image: disk.poke(image, disk.inode_place(image, AT, path) + 40,
                                      b"\xee" * 60))


def spoil_block(d, path):
    """The first block of a folder or file."""
    d.on_disk(lambda image: disk.poke(image, disk.first_block(image, AT, path), b"\xee" * 512))


# ---- L01, L02, L25: which system

@fires("L01", "a system that the cloud does not list")
def _(d):
    d.tree.write("/usr/lib/os-release", 'ID=slackware\nVERSION_ID=15.0\n'
                 'PRETTY_NAME="Slackware 15.0 x86_64"\n')


@fires("L01", "another system than the declared one", "--os-type", "CentOS")
def _(d):
    pass


@fires("L01", "a declared system that the cloud does not list", "--os-type", "Plan 9")
def _(d):
    pass


@fires("L01", "another version than the declared one", "--os-type", "Debian", "--os-version",
       "11")
def _(d):
    pass


@quiet("L01", "the declared system and version", "--os-type", "Debian", "--os-version", "12")
def _(d):
    pass


@quiet("L01", "any system where a profile has no list", "--profile", "generic-kvm")
def _(d):
    d.tree.write("/usr/lib/os-release", "ID=slackware\nVERSION_ID=15.0\n")


@fires("L02", "a system for another processor")
def _(d):
    d.tree.program("/usr/lib/systemd/systemd", machine=183)


@fires("L02", "another architecture than the declared one", "--arch", "i386")
def _(d):
    pass


@quiet("L02", "the declared architecture", "--arch", "x86_64")
def _(d):
    pass


@quiet("L02", "a program that is none tells nothing: the shell does")
def _(d):
    d.tree.write("/usr/lib/systemd/systemd", "#!/bin/sh\n", 0o755)


def red_hat(d):
    d.tree.write("/usr/lib/os-release", 'ID="rhel"\nVERSION_ID="9.4"\n'
                 'PRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"\n')


fires("L25", "Red Hat without a declared licence", "--profile", "tencent-2016")(red_hat)
fires("L25", "Red Hat with the cloud's own licence declared", "--profile", "tencent-2016",
      "--license", "TencentCloud")(red_hat)
quiet("L25", "Red Hat with its own licence", "--profile", "tencent-2016", "--license",
      "BYOL")(red_hat)


# ---- L03 to L09: kernels and drivers

@fires("L03", "the default kernel is somebody's own")
def _(d):
    own = "6.6.7-custom1"
    d.tree.write(f"/boot/vmlinuz-{own}", bzimage(own))
    d.tree.initramfs(f"/boot/initrd.img-{own}", version=own)
    d.tree.config(own)
    d.tree.modules(own)
    entry(d.tree, kernel=own)


@quiet("L03", "somebody's own kernel lies there and does not start")
def _(d):
    own = "6.6.7-custom1"
    d.tree.write(f"/boot/vmlinuz-{own}", bzimage(own))
    d.tree.modules(own)


def xen_flavour(tree, version):
    tree.write(f"/boot/vmlinuz-{version}", bzimage(version))
    tree.write(f"/var/lib/dpkg/info/linux-image-{version}.list")
    tree.initramfs(f"/boot/initrd.img-{version}", version=version)
    tree.modules(version)


@fires("L04", "the default kernel has its name from Xen")
def _(d):
    xen_flavour(d.tree, "2.6.32-5-xen-amd64")
    entry(d.tree, kernel="2.6.32-5-xen-amd64")


@fires("L04", "the default kernel has Xen and no virtio")
def _(d):
    d.tree.config(VIRTIO_PCI=None, VIRTIO_BLK=None, VIRTIO_NET=None)
    d.tree.modules(modules=[m for m in MODULES if "virtio" not in m[0]])


@fires("L04", "another kernel than the default starts under Xen only")
def _(d):
    xen_flavour(d.tree, "2.6.32-5-xen-amd64")


@fires("L04", "GRUB legacy starts the hypervisor, and a kernel for it as its module")
def _(d):
    v = "2.6.18-398.el5xen"
    xen_flavour(d.tree, v)
    d.tree.remove("/boot/grub")
    d.tree.write(f"/boot/xen.gz-{v[:-3]}", b"\x1f\x8b")
    d.tree.write("/boot/grub/menu.lst", f"default=0\ntitle Xen ({v})\n\troot (hd0,0)\n"
                 f"\tkernel /boot/xen.gz-{v[:-3]} dom0_mem=512M\n"
                 f"\tmodule /boot/vmlinuz-{v} root=UUID={UUID} {CMDLINE}\n"
                 f"\tmodule /boot/initrd.img-{v}\n")


@fires("L04", "GRUB starts the hypervisor, and the distribution's kernel as its module")
def _(d):
    d.tree.write("/boot/grub/grub.cfg", "menuentry 'Debian, with Xen' {\n"
                 f"\tsearch --fs-uuid --set=root {UUID}\n"
                 "\tmultiboot2 /boot/xen-4.17-amd64.gz placeholder dom0_mem=1G\n"
                 f"\tmodule2 /boot/vmlinuz-{KERNEL} placeholder root=UUID={UUID} {CMDLINE}\n"
                 f"\tmodule2 --nounzip {INITRD}\n}}\n")


@quiet("L04", "a kernel that starts under Xen as well")
def _(d):
    d.tree.config(XEN="y", XEN_PV="y")


@fires("L05", "the configuration leaves virtio out")
def _(d):
    d.tree.config(VIRTIO_BLK=None, XEN=None)
    d.tree.modules(modules=[m for m in MODULES if m[0] != "virtio_blk"])
    d.tree.initramfs(modules=without("virtio_blk"))


@fires("L05", "no configuration, and modules.dep has no driver for the network")
def _(d):
    d.tree.remove(f"/boot/config-{KERNEL}")
    d.tree.modules(modules=[m for m in MODULES if m[0] != "virtio_net"], builtin=["loop"])
    d.tree.initramfs(modules=without("virtio_net"))


@fires("L05", "another kernel than the default lacks it")
def _(d):
    d.tree.write("/boot/vmlinuz-6.1.0-40-amd64", bzimage("6.1.0-40-amd64"))
    d.tree.config("6.1.0-40-amd64", VIRTIO_BLK=None, XEN=None)
    d.tree.modules("6.1.0-40-amd64", modules=[m for m in MODULES if m[0] != "virtio_blk"])


@quiet("L05", "virtio is built in")
def _(d):
    d.tree.config(VIRTIO_BLK="y", VIRTIO_NET="y", VIRTIO_PCI="y")
    d.tree.modules(modules=[m for m in MODULES if "virtio" not in m[0]])
    d.tree.initramfs(modules=without("virtio_blk", "virtio_net", "virtio_pci", "virtio_scsi"))


@quiet("L05", "the configuration cannot be read: undecided, not absent")
def _(d):
    d.tree.modules(modules=[m for m in MODULES if m[0] != "virtio_blk"])
    d.tree.initramfs(modules=without("virtio_blk"))
    spoil_inode(d, f"/boot/config-{KERNEL}")


@quiet("L05", "the folder of the modules cannot be read: undecided, not absent")
def _(d):
    d.tree.config(XEN=None)
    d.tree.initramfs(modules=without("virtio_blk"))
    spoil_block(d, f"/usr/lib/modules/{KERNEL}")


@fires("L06", "the default kernel's modules are not on the disk")
def _(d):
    d.tree.remove(f"/usr/lib/modules/{KERNEL}")
    d.tree.initramfs(modules=without("virtio_blk", "virtio_net", "virtio_pci", "virtio_scsi"))


@quiet("L06", "a kernel in one piece has no modules")
def _(d):
    d.tree.remove(f"/usr/lib/modules/{KERNEL}")
    d.tree.config(VIRTIO_BLK="y", VIRTIO_NET="y", VIRTIO_PCI="y", EXT4_FS="y")


@quiet("L06", "/lib/modules cannot be read: undecided, not missing")
def _(d):
    d.tree.initramfs(modules=without("virtio_blk", "virtio_net", "virtio_pci", "virtio_scsi"))
    spoil_inode(d, "/usr/lib/modules")


@fires("L07", "the initramfs of a machine with IDE disks")
def _(d):
    d.tree.initramfs(modules=["ata_piix", "sd_mod", "ext4"])


@fires("L07", "modules, and no initramfs in the default entry")
def _(d):
    d.tree.grub(("Debian", f"/boot/vmlinuz-{KERNEL}", None, f"root=UUID={UUID} {CMDLINE}"))


@fires("L07", "the network's driver alone is worth a warning")
def _(d):
    d.tree.initramfs(modules=without("virtio_net"))


@fires("L07", "the driver is there, and one that it needs is not")
def _(d):
    d.tree.initramfs(modules=["virtio_net", "virtio_pci", "ext4"],
                     extra={f"usr/lib/modules/{KERNEL}/kernel/drivers/block/virtio_blk.ko":
                            b"\x7fELF"})
    d.tree.replace(f"/usr/lib/modules/{KERNEL}/modules.dep",
                   "kernel/drivers/block/virtio_blk.ko:",
                   "kernel/drivers/block/virtio_blk.ko: kernel/drivers/scsi/scsi_common.ko")


@fires("L07", "the driver of the root's filesystem is not in it: the root is not found")
def _(d):
    d.tree.initramfs(modules=without("ext4"))


@fires("L07", "the modules in it are of another kernel")
def _(d):
    d.tree.initramfs(version="6.1.0-49-amd64")


@fires("L07", "an initramfs without a byte, left by a full disk")
def _(d):
    d.tree.write(INITRD, b"")


@quiet("L07", "behind early microcode, packed by zstd")
def _(d):
    d.tree.initramfs(packed="zstd", early=True)


@quiet("L07", "not packed, modules packed by xz")
def _(d):
    d.tree.modules(suffix=".ko.xz")
    d.tree.initramfs(packed="none", suffix=".ko.xz")


@quiet("L07", "the initramfs is damaged: undecided, not absent")
def _(d):
    data = d.tree.read(INITRD)
    d.tree.write(INITRD, data[:100] + bytes(20) + data[120:])


@quiet("L07", "the inode of the initramfs cannot be read: undecided, not absent")
def _(d):
    spoil_inode(d, INITRD)


@fires("L08", "modprobe.d keeps a virtio driver away")
def _(d):
    d.tree.write("/etc/modprobe.d/local.conf", "# not here\nblacklist virtio_blk\n")


@fires("L08", "the kernel command line does")
def _(d):
    entry(d.tree, f"root=UUID={UUID} {CMDLINE} modprobe.blacklist=floppy,virtio_net")


@fires("L08", "modprobe.d inside the initramfs does")
def _(d):
    d.tree.initramfs(extra={"etc/modprobe.d/local.conf": b"install virtio_pci /bin/false\n"})


@quiet("L08", "another driver is kept away")
def _(d):
    d.tree.write("/etc/modprobe.d/local.conf", "blacklist snd-hda-intel\n")


@quiet("L08", "a driver that is built in cannot be kept away")
def _(d):
    d.tree.config(VIRTIO_BLK="y")
    d.tree.write("/etc/modprobe.d/local.conf", "blacklist virtio_blk\n")


def no_nvme(d):
    d.tree.config(BLK_DEV_NVME=None)
    d.tree.modules(modules=[m for m in MODULES if m[0] != "nvme"])
    d.tree.initramfs(modules=without("nvme"))


fires("L09", "the kernel has no NVMe, and the cloud has such disks", "--profile",
      "aliyun")(no_nvme)
quiet("L09", "the same for a cloud without them")(no_nvme)


@fires("L09", "NVMe is not in the initramfs", "--profile", "aliyun")
def _(d):
    d.tree.initramfs(modules=without("nvme"))


# ---- L10 to L14: cloud-init

def no_cloud_init(d):
    d.tree.remove("/usr/bin/cloud-init", "/etc/cloud", "/etc/systemd/system/cloud-init.target.wants",
                  "/usr/lib/systemd/system-generators")
    d.tree.replace("/var/lib/dpkg/status", "Package: cloud-init\n", "Package: cloud-guest\n")


fires("L10", "cloud-init is not installed")(no_cloud_init)
fires("L10", "and the import is forced: a note", "--force")(no_cloud_init)


@fires("L10", "its configuration is left of a removed package")
def _(d):
    d.tree.remove("/usr/bin/cloud-init")
    d.tree.replace("/var/lib/dpkg/status", "install ok installed\nVersion: 22",
                   "deinstall ok config-files\nVersion: 22")


@quiet("L10", "installed by pip, in no package database")
def _(d):
    d.tree.remove("/usr/bin/cloud-init")
    d.tree.write("/usr/local/bin/cloud-init", "#!/usr/bin/python3\n", 0o755)
    d.tree.write("/var/lib/dpkg/status", "")


@quiet("L10", "the folder of its configuration cannot be read: undecided, not absent")
def _(d):
    spoil_block(d, "/etc/cloud")


@quiet("L10", "the folder of programs cannot be read: undecided, not absent")
def _(d):
    spoil_inode(d, "/usr/bin")


@fires("L10", "what it left of an instance cannot be read, which changes nothing")
def _(d):
    no_cloud_init(d)
    d.tree.write("/var/lib/cloud/instances/iid-1/user-data.txt", "")
    spoil_block(d, "/var/lib/cloud/instances")
    spoil_block(d, "/var/lib/cloud")


@fires("L11", "the kernel command line turns it off, and the links cannot be read")
def _(d):
    entry(d.tree, f"root=UUID={UUID} {CMDLINE} cloud-init=disabled")
    spoil_block(d, "/etc/systemd/system/cloud-init.target.wants")


@fires("L11", "the file that turns it off")
def _(d):
    d.tree.write("/etc/cloud/cloud-init.disabled")


@fires("L11", "the kernel command line turns it off")
def _(d):
    entry(d.tree, f"root=UUID={UUID} {CMDLINE} cloud-init=disabled")


@fires("L11", "its units are not wanted by any target")
def _(d):
    d.tree.remove("/etc/systemd/system/cloud-init.target.wants")


@fires("L11", "a unit is masked")
def _(d):
    d.tree.link("/etc/systemd/system/cloud-init.service", "/dev/null")


@quiet("L11", "the names of the units since 24.3")
def _(d):
    wants = "/etc/systemd/system/cloud-init.target.wants"
    d.tree.remove(f"{wants}/cloud-init.service", "/usr/lib/systemd/system/cloud-init.service")
    d.tree.unit("cloud-init-network.service", "cloud-init.target")
    d.tree.unit("cloud-init-main.service", "cloud-init.target")


@quiet("L11", "the folder of the links cannot be read: undecided, not turned off")
def _(d):
    spoil_block(d, "/etc/systemd/system/cloud-init.target.wants")


@fires("L12", "a list of data sources that the cloud has none of")
def _(d):
    d.tree.write("/etc/cloud/cloud.cfg.d/99-azure.cfg", "datasource_list: [ Azure ]\n")


@quiet("L12", "an empty list leaves the default")
def _(d):
    d.tree.write("/etc/cloud/cloud.cfg.d/90_dpkg.cfg", "datasource_list:\n")


@fires("L13", "an old cloud-init")
def _(d):
    d.tree.replace("/var/lib/dpkg/status", "22.4.2-1+deb12u2", "0.7.9-2+deb9u1")


@quiet("L13", "a profile that has no oldest version", "--profile", "generic-kvm")
def _(d):
    d.tree.replace("/var/lib/dpkg/status", "22.4.2-1+deb12u2", "0.7.9-2+deb9u1")


fires("L14", "forced, and nothing reads the drive with the settings",
      "--force")(no_cloud_init)


@quiet("L14", "forced, and rc.local reads it", "--force")
def _(d):
    no_cloud_init(d)
    d.tree.write("/etc/rc.local", "#!/bin/sh\nmount -L config-2 /mnt\n", 0o755)


# ---- L15 to L18: disks

@fires("L15", "growpart is not installed")
def _(d):
    d.tree.remove("/usr/bin/growpart")


@fires("L15", "a partition lies behind the root")
def _(d):
    d.entries = [disk.entry(0x83, 2048, d.root_size // 512, active=True),
                 disk.entry(0x82, 2048 + d.root_size // 512, 1024)]


@quiet("L15", "a partition lies before the root, whatever its number")
def _(d):
    d.entries = [disk.entry(0x83, 2048, d.root_size // 512, active=True),
                 disk.entry(0x82, 1024, 512)]


@fires("L16", "the root of fstab is not on this disk")
def _(d):
    d.tree.write(FSTAB, "UUID=11111111-2222-3333-4444-555555555555 / ext4 defaults 0 1\n")


@fires("L16", "a data disk that stayed behind")
def _(d):
    d.tree.append(FSTAB, "UUID=11111111-2222-3333-4444-555555555555 /srv ext4 defaults 0 2\n")


@fires("L16", "/usr is on another disk: what lies there is not called missing")
def _(d):
    no_cloud_init(d)
    d.tree.append(FSTAB, "UUID=11111111-2222-3333-4444-555555555555 /usr ext4 defaults 0 2\n")


@fires("L16", "the root by the name it has on the old machine")
def _(d):
    d.tree.write(FSTAB, "/dev/sda1 / ext4 defaults 0 1\n")


@quiet("L16", "a data disk that may stay behind")
def _(d):
    d.tree.append(FSTAB,
                  "UUID=11111111-2222-3333-4444-555555555555 /srv ext4 defaults,nofail 0 2\n")


@quiet("L16", "fstab cannot be read: said, not missing")
def _(d):
    spoil_inode(d, FSTAB)


@fires("L17", "a Windows share and a shared folder hold up the start")
def _(d):
    d.tree.append(FSTAB, "//server/share /mnt/share cifs user=x 0 0\n"
                  "share /mnt/host vboxsf defaults 0 0\n")


@quiet("L17", "the same with nofail")
def _(d):
    d.tree.append(FSTAB, "server:/export /mnt/share nfs nofail 0 0\n")


@fires("L18", "a swap partition")
def _(d):
    d.entries = [disk.entry(0x82, 128, 1024),
                 disk.entry(0x83, 2048, d.root_size // 512, active=True)]
    page = bytearray(4096)
    page[1024:1032] = b"\1\0\0\0\x7f\0\0\0"
    page[4086:4096] = b"SWAPSPACE2"
    d.poke(128 * 512, bytes(page))
    d.tree.append(FSTAB, "/dev/sda1 none swap sw,nofail 0 0\n")


@quiet("L18", "the type of a swap partition without swap in it")
def _(d):
    d.entries = [disk.entry(0x82, 128, 1024),
                 disk.entry(0x83, 2048, d.root_size // 512, active=True)]


# ---- L19 to L21: the loader

@fires("L19", "the root by the name it has on the old machine")
def _(d):
    entry(d.tree, f"root=/dev/sda1 {CMDLINE}")


@fires("L19", "device.map of the old machine")
def _(d):
    d.tree.write("/boot/grub/device.map", "(hd0)\t/dev/sda\n")


@quiet("L19", "the root by its partition's UUID, device.map of a virtio disk")
def _(d):
    entry(d.tree, f"root=PARTUUID=1a2b3c4d-01 {CMDLINE}")
    d.tree.write("/boot/grub/device.map", "(hd0)\t/dev/vda\n")


def legacy(d):
    d.tree.remove("/boot/grub")
    d.tree.write("/boot/grub/menu.lst", "default 0\ntimeout 5\n\ntitle Debian GNU/Linux\n"
                 "root (hd0,0)\n"
                 f"kernel /boot/vmlinuz-{KERNEL} root=UUID={UUID} {CMDLINE}\n"
                 f"initrd {INITRD}\n")


fires("L20", "GRUB legacy")(legacy)


@fires("L20", "a loader that the cloud does not take", "--profile", "gcp")
def _(d):
    d.tree.remove("/boot/grub")
    d.tree.write("/boot/extlinux/extlinux.conf", "default l0\n\nlabel l0\n"
                 f"\tlinux /boot/vmlinuz-{KERNEL}\n\tinitrd {INITRD}\n"
                 f"\tappend root=UUID={UUID} {CMDLINE}\n")


@fires("L20", "GRUB 1.98")
def _(d):
    d.tree.write("/boot/grub/i386-pc/normal.mod",
                 b"GNU GRUB  version %s\0" + b"1.98+20100804-14\0")


@quiet("L20", "GRUB of which no version is seen")
def _(d):
    d.tree.remove("/boot/grub/i386-pc")


@fires("L21", "nothing goes to the serial console")
def _(d):
    entry(d.tree, f"root=UUID={UUID} ro quiet")


@quiet("L21", "the console of an ARM machine")
def _(d):
    entry(d.tree, f"root=UUID={UUID} ro console=ttyAMA0")


# ---- L22 to L24: network

INTERFACES = "/etc/network/interfaces"


@fires("L22", "a fixed address in interfaces")
def _(d):
    d.tree.write(INTERFACES, "auto eth0\niface eth0 inet static\n\taddress 10.0.0.2/24\n")


@fires("L22", "a fixed address in netplan")
def _(d):
    d.tree.remove(INTERFACES)
    d.tree.write("/etc/netplan/01.yaml", "network:\n  version: 2\n  ethernets:\n    eth0:\n"
                 "      addresses: [10.0.0.2/24]\n")


@quiet("L22", "DHCP in netplan")
def _(d):
    d.tree.remove(INTERFACES)
    d.tree.write("/etc/netplan/01.yaml", "network:\n  version: 2\n  ethernets:\n    eth0:\n"
                 "      dhcp4: true\n")


@fires("L23", "names bound to the cards of the old machine")
def _(d):
    d.tree.write("/etc/udev/rules.d/70-persistent-net.rules",
                 'SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="00:0c:29:11:22:33", '
                 'NAME="eth0"\n')


@fires("L23", "an address in netplan")
def _(d):
    d.tree.write("/etc/netplan/01.yaml", "network:\n  ethernets:\n    eth0:\n"
                 "      match:\n        macaddress: 00:0c:29:11:22:33\n      dhcp4: true\n")


@quiet("L23", "an empty rules file")
def _(d):
    d.tree.write("/etc/udev/rules.d/70-persistent-net.rules", "# written by hand\n")


@fires("L24", "another interface than eth0, and IPv6", "--profile", "tencent-2016")
def _(d):
    d.tree.append(INTERFACES, "auto ens3\niface ens3 inet dhcp\niface ens3 inet6 auto\n")


@quiet("L24", "the same in the guide of 2022")
def _(d):
    d.tree.append(INTERFACES, "auto ens3\niface ens3 inet dhcp\niface ens3 inet6 auto\n")


# ---- L26 to L32: services, and what the old machine left

@fires("L26", "no SSH server")
def _(d):
    d.tree.remove("/usr/sbin/sshd")


@fires("L26", "the SSH server does not start")
def _(d):
    d.tree.remove("/etc/systemd/system/multi-user.target.wants")


@fires("L26", "no host keys, and nothing that makes them")
def _(d):
    d.tree.write("/etc/cloud/cloud-init.disabled")


@quiet("L26", "started by its socket")
def _(d):
    d.tree.remove("/etc/systemd/system/multi-user.target.wants")
    d.tree.unit("ssh.socket", "sockets.target")


FILTER = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; " \
         "policy drop;\n\t\t%s\n\t}\n}\n"


@fires("L27", "nftables drops everything")
def _(d):
    d.tree.write("/etc/nftables.conf", FILTER % "iif lo accept")
    d.tree.unit("nftables.service", "sysinit.target")


@quiet("L27", "nftables drops everything but SSH")
def _(d):
    d.tree.write("/etc/nftables.conf", FILTER % "tcp dport 22 accept")
    d.tree.unit("nftables.service", "sysinit.target")


@quiet("L27", "rules that nothing loads")
def _(d):
    d.tree.write("/etc/nftables.conf", FILTER % "iif lo accept")


SELINUX = "SELINUX=%s\nSELINUXTYPE=targeted\n"


@fires("L28", "SELinux is on, and files have no label")
def _(d):
    d.tree.write("/etc/selinux/config", SELINUX % "enforcing")


@quiet("L28", "the files will be labelled at the next start")
def _(d):
    d.tree.write("/etc/selinux/config", SELINUX % "enforcing")
    d.tree.write("/.autorelabel")


@quiet("L28", "SELinux is off")
def _(d):
    d.tree.write("/etc/selinux/config", SELINUX % "disabled")


@fires("L29", "the clock in local time")
def _(d):
    d.tree.write("/etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n")


@quiet("L29", "no word about the clock")
def _(d):
    d.tree.remove("/etc/adjtime")


@fires("L30", "VMware's tools and VirtualBox's additions")
def _(d):
    d.tree.program("/usr/bin/vmtoolsd")
    d.tree.program("/usr/sbin/VBoxService")


@fires("L30", "QEMU's agent is a note")
def _(d):
    d.tree.program("/usr/sbin/qemu-ga")


@quiet("L30", "documentation of a removed package")
def _(d):
    d.tree.write("/usr/share/doc/open-vm-tools/copyright", "LGPL\n")


@fires("L31", "no shadow file")
def _(d):
    d.tree.remove("/etc/shadow")


@fires("L31", "root without a password")
def _(d):
    d.tree.write("/etc/shadow", "root::20000:0:99999:7:::\n", 0o640)


@fires("L31", "name servers that cannot be changed")
def _(d):
    d.tree.write("/etc/resolv.conf", "nameserver 10.0.0.1\n")
    d.on_disk(lambda path: disk.debugfs(path, AT, "sif /etc/resolv.conf flags 0x80010"))


@quiet("L31", "the shadow file cannot be read: said, not missing")
def _(d):
    spoil_inode(d, "/etc/shadow")


@fires("L32", "everything that should not be copied")
def _(d):
    t = d.tree
    t.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    t.write("/var/lib/cloud/instances/iid-1/user-data.txt", "#cloud-config\n")
    t.write("/var/lib/dhcp/dhclient.eth0.leases", "lease {}\n")
    t.write("/root/.bash_history", "ls\n")
    t.write("/var/log/syslog", "started\n" * 100)
    t.write("/home/user/.aws/credentials", "[default]\n")


@fires("L32", "host keys that nothing makes anew")
def _(d):
    d.tree.write("/etc/cloud/cloud-init.disabled")
    d.tree.write("/etc/ssh/ssh_host_ed25519_key", "x" * 400, 0o600)


@quiet("L32", "host keys that cloud-init makes anew, an empty machine id")
def _(d):
    d.tree.write("/etc/ssh/ssh_host_ed25519_key", "x" * 400, 0o600)
    d.tree.write("/etc/machine-id", "uninitialized\n")
