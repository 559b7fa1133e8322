# SPDX-License-Identifier: GPL-2.0-or-later
"""tree.py: a small Linux system as a folder, laid out by hand

Names, places and grammar are those of the real packages (the module names and the lines of
modules.dep are Debian 12's), contents are as short as the checks allow."""
import gzip
import os
import shutil
import struct
import subprocess

KERNEL = "6.1.0-50-amd64"
UUID = "6d2f1c3a-8b5e-4f70-9c1d-2e3f4a5b6c7d"
CMDLINE = "ro console=tty0 console=ttyS0,115200"

# What stands in modules.dep, and thus what an initramfs has to hold: module, its folder
# below kernel/, and those it needs.
MODULES = [
    ("virtio", "drivers/virtio", ()),
    ("virtio_ring", "drivers/virtio", ("virtio",)),
    ("virtio_pci_legacy_dev", "drivers/virtio", ()),
    ("virtio_pci_modern_dev", "drivers/virtio", ()),
    ("virtio_pci", "drivers/virtio", ("virtio_pci_legacy_dev", "virtio_pci_modern_dev",
                                      "virtio_ring", "virtio")),
    ("virtio_blk", "drivers/block", ("virtio_ring", "virtio")),
    ("failover", "net/core", ()),
    ("net_failover", "drivers/net", ("failover",)),
    ("virtio_net", "drivers/net", ("net_failover", "failover", "virtio_ring", "virtio")),
    ("scsi_common", "drivers/scsi", ()),
    ("scsi_mod", "drivers/scsi", ("scsi_common",)),
    ("virtio_scsi", "drivers/scsi", ("scsi_mod", "scsi_common", "virtio_ring", "virtio")),
    ("sd_mod", "drivers/scsi", ("scsi_mod", "scsi_common")),
    ("libata", "drivers/ata", ("scsi_mod", "scsi_common")),
    ("libahci", "drivers/ata", ("libata", "scsi_mod", "scsi_common")),
    ("ahci", "drivers/ata", ("libahci", "libata", "scsi_mod", "scsi_common")),
    ("ata_piix", "drivers/ata", ("libata", "scsi_mod", "scsi_common")),
    ("nvme-core", "drivers/nvme/host", ()),
    ("nvme", "drivers/nvme/host", ("nvme-core",)),
    ("hv_vmbus", "drivers/hv", ()),
    ("hv_storvsc", "drivers/scsi", ("hv_vmbus", "scsi_mod", "scsi_common")),
    ("hv_netvsc", "drivers/net/hyperv", ("hv_vmbus",)),
    ("ena", "drivers/net/ethernet/amazon/ena", ()),
    ("gve", "drivers/net/ethernet/google/gve", ()),
    ("xen-blkfront", "drivers/block", ()),
    ("dm-mod", "drivers/md", ()),
    ("mbcache", "fs", ()),
    ("jbd2", "fs/jbd2", ()),
    ("ext4", "fs/ext4", ("jbd2", "mbcache")),
    ("xfs", "fs/xfs", ()),
    ("fat", "fs/fat", ()),
    ("vfat", "fs/fat", ("fat",)),
    ("udf", "fs/udf", ()),
    ("snd-hda-intel", "sound/pci/hda", ()),
]

OPTIONS = {  # of the kernel's configuration; what is not here is not set
    "VIRTIO_BLK": "m", "VIRTIO_NET": "m", "VIRTIO_PCI": "m", "SCSI_VIRTIO": "m",
    "BLK_DEV_NVME": "m", "SATA_AHCI": "m", "ATA_PIIX": "m", "HYPERV": "m",
    "HYPERV_STORAGE": "m", "HYPERV_NET": "m", "ENA_ETHERNET": "m", "GVE": "m",
    "XEN": "y", "XEN_BLKDEV_FRONTEND": "m", "BLK_DEV_SD": "m", "BLK_DEV_DM": "m",
    "EXT4_FS": "m", "XFS_FS": "m", "VFAT_FS": "m", "UDF_FS": "m",
}

IN_INITRAMFS = ["virtio_blk", "virtio_net", "virtio_pci", "virtio_scsi", "sd_mod", "ahci",
                "ata_piix", "nvme", "hv_storvsc", "hv_netvsc", "ena", "gve", "xen-blkfront",
                "dm-mod", "ext4", "vfat", "udf"]


def elf(machine=62, bits=64, big=False):
    """The first bytes of a program."""
    order = ">" if big else "<"
    head = b"\x7fELF" + bytes([2 if bits == 64 else 1, 2 if big else 1, 1]) + bytes(9)
    return head + struct.pack(order + "HHI", 3, machine, 1) + bytes(64 - 24)


def bzimage(version):
    """A kernel's setup header with its version (Documentation/x86/boot in Linux)."""
    image = bytearray(4096)
    image[510:512] = b"\x55\xaa"
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x020F)
    struct.pack_into("<H", image, 0x20E, 0x400)
    text = f"{version} (builder@example.org) #1 SMP".encode()
    image[0x600:0x600 + len(text)] = text
    return bytes(image)


def bzimage_with(version, archive, packed="gzip"):
    """A kernel that has its initramfs within: a packed ELF file behind the setup code."""
    inside = elf().ljust(8192, b"\x90") + archive + bytes(-len(archive) % 4) + b"\xcc" * 4096
    payload = pack(packed, inside)
    if packed != "gzip":
        payload += struct.pack("<I", len(inside))
    image = bytearray(bzimage(version))
    image[0x1f1] = len(image) // 512 - 1
    struct.pack_into("<II", image, 0x248, 64, len(payload))
    return bytes(image) + bytes(64) + payload


def uki(osrel="", cmdline="", uname="", **parts):
    """A unified kernel image: an EFI program with these sections (linux and initrd are bytes)."""
    sections = [("osrel", osrel.encode()), ("cmdline", cmdline.encode() + b"\0"),
                ("uname", uname.encode()), *parts.items()]
    sections = [(name, data) for name, data in sections if data and data != b"\0"]
    head = bytearray(1024)
    head[0:2] = b"MZ"
    struct.pack_into("<I", head, 60, 128)
    struct.pack_into("<4sHHIIIHH", head, 128, b"PE\0\0", 0x8664, len(sections) + 1, 0, 0, 0, 240,
                     0x0022)
    at, out = 128 + 24 + 240, bytearray()
    for i, (name, data) in enumerate([("text", b"\xc3"), *sections]):
        raw = data + bytes(-len(data) % 512)
        struct.pack_into("<8sIIII", head, at + 40 * i, b"." + name.encode(), len(data),
                         0x10000 + len(out), len(raw), len(head) + len(out))
        out += raw
    return bytes(head + out)


def cpio(names):
    """An archive in the newc form, in order as all tools write it; names are {path: bytes},
    folders are made for them."""
    entries, seen = [], set()
    for path, content in sorted(names.items()):
        parts = path.split("/")
        for i in range(1, len(parts)):
            folder = "/".join(parts[:i])
            if folder not in seen:
                seen.add(folder)
                entries.append((folder, 0o040755, b""))
        entries.append((path, 0o100644, content))
    entries.append(("TRAILER!!!", 0, b""))
    out = bytearray()
    for i, (path, mode, content) in enumerate(entries):
        name = path.encode() + b"\0"
        fields = (i + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + name
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out) + bytes(-len(out) % 512)


def pack(kind, data):
    """One of gzip, xz, zstd, none."""
    if kind == "gzip":
        return gzip.compress(data, 1, mtime=0)
    if kind == "none":
        return data
    command = {"xz": ["xz", "-0", "--check=crc32"], "zstd": ["zstd", "-q", "-1"]}[kind]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


class Tree:
    """A folder that becomes a filesystem; paths are the guest's."""

    def __init__(self, root):
        self.root = root

    def host(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def mkdir(self, *paths):
        for path in paths:
            os.makedirs(self.host(path), exist_ok=True)

    def write(self, path, content="", mode=0o644):
        name = self.host(path)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        if os.path.lexists(name):
            os.unlink(name)
        with open(name, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(name, mode)

    def read(self, path):
        with open(self.host(path), "rb") as f:
            return f.read()

    def append(self, path, content):
        self.write(path, self.read(path).decode() + content)

    def replace(self, path, old, new):
        text = self.read(path).decode()
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new))

    def remove(self, *paths):
        for path in paths:
            name = self.host(path)
            if os.path.isdir(name) and not os.path.islink(name):
                shutil.rmtree(name)
            else:
                os.unlink(name)

    def link(self, path, target):
        name = self.host(path)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        if os.path.lexists(name):
            os.unlink(name)
        os.symlink(target, name)

    def program(self, *paths, **of):
        for path in paths:
            self.write(path, elf(**of), 0o755)

    def unit(self, name, wanted_by=None, linked="/etc/systemd/system"):
        """A systemd unit, enabled for wanted_by."""
        self.write(f"/usr/lib/systemd/system/{name}", "[Unit]\n")
        if wanted_by:
            self.link(f"{linked}/{wanted_by}.wants/{name}", f"/lib/systemd/system/{name}")

    # ---- kernels

    def modules(self, version=KERNEL, modules=None, suffix=".ko", builtin=()):
        """/lib/modules/VERSION with depmod's lists and a file for each module."""
        folder = f"/usr/lib/modules/{version}"
        modules = MODULES if modules is None else modules
        where = {name: f"kernel/{at}/{name}{suffix}" for name, at, _ in modules}
        lines = [where[name] + ":" + "".join(" " + where[n] for n in needs if n in where)
                 for name, _, needs in modules]
        self.write(f"{folder}/modules.dep", "".join(line + "\n" for line in lines))
        self.write(f"{folder}/modules.builtin",
                   "".join(f"kernel/drivers/{name}.ko\n" for name in builtin))
        for path in where.values():
            self.write(f"{folder}/{path}", b"\x7fELF")

    def config(self, version=KERNEL, path="/boot/config-{}", **changes):
        options = {**OPTIONS, **changes}
        self.write(path.format(version),
                   "".join(f"CONFIG_{k}={v}\n" if v else f"# CONFIG_{k} is not set\n"
                           for k, v in options.items()))

    def archive(self, version=KERNEL, modules=None, extra=None, mark="conf/initramfs.conf",
                suffix=".ko"):
        """An initramfs, not packed; with these modules and what they need."""
        known = {name: (at, needs) for name, at, needs in MODULES}
        wanted = IN_INITRAMFS if modules is None else modules
        closure = list(dict.fromkeys(n for name in wanted
                                     for n in (*known[name][1], name)))
        names = {mark: b"MODULES=most\n", "init": b"#!/bin/sh\n"}
        for name in closure:
            names[f"usr/lib/modules/{version}/kernel/{known[name][0]}/{name}{suffix}"] = b"\x7fELF"
        names.update(extra or {})
        return cpio(names)

    def initramfs(self, path=f"/boot/initrd.img-{KERNEL}", packed="gzip", early=False, **of):
        data = pack(packed, self.archive(**of))
        if early:
            data = cpio({"kernel/x86/microcode/GenuineIntel.bin": bytes(64)}) + data
        self.write(path, data)

    def grub(self, *entries, path="/boot/grub/grub.cfg", uuid=UUID, head="set default=\"0\"\n"):
        """Entries are (title, kernel, initramfs or None, options)."""
        text = head
        for title, kernel, initramfs, options in entries:
            text += (f"menuentry '{title}' --class gnu-linux $menuentry_id_option "
                     f"'gnulinux-{title.replace(' ', '-')}' {{\n"
                     f"\tsearch --no-floppy --fs-uuid --set=root {uuid}\n"
                     f"\tlinux\t{kernel} {options}\n")
            if initramfs:
                text += f"\tinitrd\t{initramfs}\n"
            text += "}\n"
        self.write(path, text)


def debian(root):
    """Debian 12 as every rule wants it: no finding at all."""
    t = Tree(root)
    t.mkdir("/dev", "/proc", "/sys", "/run", "/tmp", "/root", "/home", "/var/log",
            "/var/lib/cloud", "/usr/bin", "/usr/sbin", "/usr/lib64")
    for name in ("bin", "sbin", "lib", "lib64"):
        t.link(f"/{name}", f"usr/{name}")
    t.write("/usr/lib/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
            'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nID=debian\n')
    t.link("/etc/os-release", "../usr/lib/os-release")
    t.write("/etc/debian_version", "12.12\n")
    t.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
    t.write("/etc/shadow", "root:!:20000:0:99999:7:::\n", 0o640)
    t.write("/etc/fstab", f"UUID={UUID} / ext4 errors=remount-ro 0 1\n")
    t.write("/etc/machine-id")
    t.write("/etc/adjtime", "0.0 0 0.0\n0\nUTC\n")
    t.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\n\n"
            "auto eth0\niface eth0 inet dhcp\n")
    t.program("/usr/lib/systemd/systemd", "/usr/bin/dash", "/usr/sbin/sshd")
    t.link("/usr/sbin/init", "../lib/systemd/systemd")
    t.link("/usr/bin/sh", "dash")
    t.write("/usr/bin/growpart", "#!/bin/sh\n", 0o755)
    t.unit("ssh.service", "multi-user.target")
    # cloud-init 22.4
    t.write("/usr/bin/cloud-init", "#!/usr/bin/python3\n", 0o755)
    t.write("/etc/cloud/cloud.cfg", "users:\n  - default\ndisable_root: true\n")
    t.write("/etc/cloud/cloud.cfg.d/90_dpkg.cfg",
            "datasource_list: [ NoCloud, ConfigDrive, OpenStack, TencentCloud, None ]\n")
    for name in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"):
        t.unit(f"{name}.service", "cloud-init.target")
    t.write("/usr/lib/systemd/system/cloud-init.target", "[Unit]\n")
    t.write("/usr/lib/systemd/system-generators/cloud-init-generator", "#!/bin/sh\n", 0o755)
    t.write("/var/lib/dpkg/status",
            "Package: cloud-init\nStatus: install ok installed\nVersion: 22.4.2-1+deb12u2\n\n"
            f"Package: linux-image-{KERNEL}\nStatus: install ok installed\nVersion: 6.1.170-1\n\n")
    # kernel and loader
    t.write(f"/boot/vmlinuz-{KERNEL}", bzimage(KERNEL))
    t.write(f"/var/lib/dpkg/info/linux-image-{KERNEL}.list", f"/boot/vmlinuz-{KERNEL}\n")
    t.config()
    t.modules()
    t.initramfs()
    t.write("/boot/grub/i386-pc/normal.mod", b"GNU GRUB  version %s\0" + b"2.06-13+deb12u1\0")
    t.grub(("Debian GNU/Linux", f"/boot/vmlinuz-{KERNEL}", f"/boot/initrd.img-{KERNEL}",
            f"root=UUID={UUID} {CMDLINE}"))
    return t
