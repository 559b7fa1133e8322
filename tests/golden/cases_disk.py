# SPDX-License-Identifier: GPL-2.0-or-later
"""Section P: tables, what lies in them, and the default boot entry"""
import shutil
import struct

import disk
from disk import MIB, entry, mbr
from golden import AT, fires, quiet
from tree import CMDLINE, KERNEL, UUID, Tree

FIRST = AT // 512
GRUB = "/boot/grub/grub.cfg"
KVM = ("--profile", "generic-kvm")


def gpt_disk(d, *parts, code="grub", protective=None, root=0, esp=None):
    """A GPT with these types, the first of 2 MiB each but the last, which has the rest;
    `root` counts the one that the system lies in."""
    d.blank()
    at, places = FIRST, []
    for i, type_ in enumerate(parts):
        size = 8 * MIB // 512 if i + 1 < len(parts) else 40 * MIB // 512
        places.append((type_, at, size))
        at += size
    disk.gpt(d.file, d.size, places, code, protective)
    disk.mke2fs(d.file, places[root][1] * 512, places[root][2] * 512, d.tree.root)
    if esp is not None:
        fat(d, places[esp][1] * 512, places[esp][2] * 512)
    return places


def fat(d, at, size, *files):
    """A FAT filesystem with files of this name and no content."""
    path = d.path("fat")
    with open(path, "wb") as f:
        f.truncate(size)
    disk.run("mkfs.vfat", "-i", "12345678", path)
    for name in files:
        parts = name.strip("/").split("/")
        for i in range(1, len(parts)):
            disk.run("mmd", "-D", "s", "-i", path, "::" + "/".join(parts[:i]))
        with open(d.path("efi"), "wb") as f:
            f.write(b"MZ" + bytes(510))
        disk.run("mcopy", "-i", path, d.path("efi"), "::" + name)
    with open(path, "rb") as f:
        disk.poke(d.file, at, f.read())


def linux_at(d, *others, **of):
    """The root's entry of an MBR and others behind it."""
    of.setdefault("active", True)
    return [entry(0x83, FIRST, d.root_size // 512, **of), *others]


def only(d, *entries, **of):
    """A disk with a table and nothing in it that the harness would write."""
    d.blank()
    disk.poke(d.file, 0, mbr(list(entries), **of))
    return d.file


# ---- P01 to P05: the table

@fires("P01", "nothing but zeros")
def _(d):
    d.blank()


@fires("P01", "a boot record without a partition")
def _(d):
    only(d)


@fires("P01", "a boot record without its signature")
def _(d):
    only(d, entry(0x83, FIRST, 1024), signature=b"\0\0")


@quiet("P01", "one logical partition counts")
def _(d):
    d.root_size -= MIB
    start = FIRST + 1024
    d.entries = [entry(0x05, FIRST, d.root_size // 512 + 2048)]
    d.blank(d.size)
    disk.poke(d.file, 0, mbr(d.entries))
    disk.poke(d.file, AT, mbr([entry(0x83, 1024, d.root_size // 512)], "none"))
    disk.mke2fs(d.file, start * 512, d.root_size, d.tree.root)


fires("P02", "a GPT, and the cloud takes MBR only")(
    lambda d: gpt_disk(d, "bios", "linux", root=1))
fires("P02", "a GPT without an EFI system partition", "--profile", "tencent-2023")(
    lambda d: gpt_disk(d, "bios", "linux", root=1))
quiet("P02", "a GPT where it is taken", *KVM)(lambda d: gpt_disk(d, "bios", "linux", root=1))


@fires("P03", "the first copy of a GPT is damaged", *KVM)
def _(d):
    gpt_disk(d, "bios", "linux", root=1)
    disk.poke(d.file, 512 + 40, b"\xff")


@fires("P03", "the backup copy is gone", *KVM)
def _(d):
    gpt_disk(d, "bios", "linux", root=1)
    disk.poke(d.file, -512, bytes(512))


@quiet("P03", "both copies are sound", *KVM)
def _(d):
    gpt_disk(d, "bios", "linux", root=1)


@fires("P04", "a hybrid MBR", *KVM)
def _(d):
    gpt_disk(d, "bios", "linux", root=1,
             protective=[entry(0xEE, 1, FIRST - 1), entry(0x83, FIRST + 16384, 81920)])


@quiet("P04", "a protective MBR that ends before a disk that was grown", *KVM)
def _(d):
    gpt_disk(d, "bios", "linux", root=1, protective=[entry(0xEE, 1, 0xFFFFFFFF)])


@fires("P05", "two partitions share bytes")
def _(d):
    d.entries = linux_at(d, entry(0x83, FIRST + 4096, 8192))


@fires("P05", "a partition ends past the disk: the image is truncated")
def _(d):
    d.entries = linux_at(d, entry(0x83, FIRST + d.root_size // 512, 1 << 20))


@quiet("P05", "partitions side by side")
def _(d):
    d.entries = [entry(0x83, 256, 256), *linux_at(d)]


# ---- P06 to P09: firmware

@fires("P06", "no partition is active")
def _(d):
    d.entries = linux_at(d, active=False)


fires("P06", "a GPT without a place for GRUB", *KVM)(lambda d: gpt_disk(d, "linux"))
quiet("P06", "a GPT with one", *KVM)(lambda d: gpt_disk(d, "bios", "linux", root=1))


def esp_disk(*files):
    def make(d):
        places = gpt_disk(d, "esp", "linux", code="none", root=1)
        fat(d, places[0][1] * 512, places[0][2] * 512, *files)
    return make


fires("P07", "only a loader that another machine was told of", *KVM)(
    esp_disk("/EFI/debian/grubx64.efi"))
quiet("P07", "the name that every machine starts", *KVM)(esp_disk("/EFI/BOOT/BOOTX64.EFI"))


@quiet("P07", "the EFI system partition cannot be read: said, not missing", *KVM)
def _(d):
    esp_disk("/EFI/BOOT/BOOTX64.EFI")(d)
    disk.poke(d.file, AT + 11, b"\0\0\0")


fires("P08", "UEFI only, and the cloud has a BIOS")(esp_disk("/EFI/BOOT/BOOTX64.EFI"))
quiet("P08", "UEFI only where the cloud has it", *KVM)(esp_disk("/EFI/BOOT/BOOTX64.EFI"))


@fires("P09", "no code in the boot record")
def _(d):
    d.code = "none"


@fires("P09", "code of nobody that we know")
def _(d):
    d.code = "other"


def core_image(d, unpacked):
    """The beginning of GRUB's core image, at the sector that its boot record names."""
    d.poke(0x5C, struct.pack("<Q", 1))
    d.poke(1024, struct.pack("<B7xII", 0xEA, unpacked // 2, unpacked))


@fires("P09", "GRUB's core image without the modules that it loads")
def _(d):
    core_image(d, 45992)
    d.tree.remove("/boot/grub/i386-pc/normal.mod")


@quiet("P09", "GRUB's core image, and its modules")
def _(d):
    core_image(d, 45992)


@quiet("P09", "a core image of GRUB that is large enough to hold its modules")
def _(d):
    core_image(d, 250000)
    d.tree.remove("/boot/grub/i386-pc/normal.mod")


@quiet("P09", "no code beside a loader for UEFI", *KVM)
def _(d):
    esp_disk("/EFI/BOOT/BOOTX64.EFI")(d)


# ---- P10 to P17: what lies on the disk

@fires("P10", "a filesystem straight on the disk")
def _(d):
    d.blank()
    disk.mke2fs(d.file, 0, d.size, d.tree.root)


@fires("P10", "LVM straight on the disk")
def _(d):
    d.blank()
    physical_volume(d.file, 0, d.size)


@quiet("P10", "LVM in a partition")
def _(d):
    only(d, entry(0x8E, FIRST, d.root_size // 512))
    physical_volume(d.file, AT, d.root_size)


def physical_volume(path, at, size):
    """The label of a physical volume that is in no group."""
    body = b"".join((b"0123456789abcdefghijklmnopqrstuv", struct.pack("<Q", size),
                     struct.pack("<QQQQ", MIB, 0, 0, 0), bytes(16)))
    sector = bytearray(b"LABELONE" + struct.pack("<QII", 1, 0, 32) + b"LVM2 001" + body)
    sector = sector.ljust(512, b"\0")
    crc = 0xF597A6CF
    for byte in sector[20:]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    sector[16:20] = struct.pack("<I", crc)
    disk.poke(path, at + 512, bytes(sector))


def iso(name):
    """The volume descriptor of an ISO 9660 with this label."""
    pvd = bytearray(2048)
    pvd[0:7] = b"\1CD001\1"
    pvd[40:72] = name.ljust(32).encode()
    pvd[813:830] = b"2023100700000000\0"
    end = bytearray(2048)
    end[0:7] = b"\xffCD001\1"
    return bytes(32768) + bytes(pvd) + bytes(end)


@fires("P11", "the ISO of an installer")
def _(d):
    d.content(iso("Debian 12.2.0 amd64 n").ljust(MIB, b"\0"))


@fires("P11", "an installer copied to a partition")
def _(d):
    t = d.empty_tree()
    t.write("/.disk/info", 'Debian GNU/Linux 12 "Bookworm"\n')
    t.write("/install.amd/vmlinuz", "x")
    t.write("/boot/grub/grub.cfg", "")


@quiet("P11", "a system with the mark of its medium")
def _(d):
    d.tree.write("/.disk/info", "left here by somebody\n")


@fires("P12", "a filesystem with data")
def _(d):
    d.empty_tree().write("/srv/www/index.html", "<html>")


@quiet("P12", "a filesystem that cannot be read: undecided, no data disk")
def _(d):
    d.poke(AT + 1024 + 0x3FC, b"\1\2\3\4")  # the superblock's own sum


def boot_only(t):
    t.write(f"/vmlinuz-{KERNEL}", "x")
    t.write("/grub/grub.cfg", "")


fires("P13", "kernels and a loader, and no root")(lambda d: boot_only(d.empty_tree()))


@quiet("P13", "an encrypted root beside it")
def _(d):
    boot_only(d.empty_tree())
    d.entries = linux_at(d, entry(0x83, FIRST + d.root_size // 512, 1024))
    d.poke(AT + d.root_size, b"LUKS\xba\xbe\0\2")


@fires("P14", "LVM that holds no system")
def _(d):
    only(d, entry(0x8E, FIRST, d.root_size // 512))
    physical_volume(d.file, AT, d.root_size)


@quiet("P14", "LVM beside a root in a partition")
def _(d):
    d.root_size -= 8 * MIB
    d.entries = linux_at(d, entry(0x8E, FIRST + d.root_size // 512, 16384))
    d.on_disk(lambda path: physical_volume(path, AT + d.root_size, 8 * MIB))


def lvm_refused(d):
    d.root_size -= 8 * MIB
    d.entries = linux_at(d, entry(0x8E, FIRST + d.root_size // 512, 16384))
    d.on_disk(lambda path: physical_volume(path, AT + d.root_size, 8 * MIB))


fires("P15", "LVM where a profile refuses it", "--profile",
      "tests/golden/strict.profile")(lvm_refused)


@quiet("P15", "LVM where the profile takes it")
def _(d):
    d.root_size -= 8 * MIB
    d.entries = linux_at(d, entry(0x8E, FIRST + d.root_size // 512, 16384))
    d.on_disk(lambda path: physical_volume(path, AT + d.root_size, 8 * MIB))


def two_roots(d):
    d.size, second = 128 * MIB, AT + d.root_size
    d.entries = linux_at(d, entry(0x83, second // 512, d.root_size // 512))
    d.on_disk(lambda path: disk.mke2fs(path, second, d.root_size, d.tree.root,
                                       uuid_="11111111-2222-3333-4444-555555555555"))


fires("P16", "two systems")(two_roots)


@quiet("P16", "a system and its home")
def _(d):
    two_roots(d)
    home = Tree(d.path("home"))
    home.write("/user/.profile", "")
    second = AT + d.root_size
    d.after = [lambda path: disk.mke2fs(path, second, d.root_size, home.root,
                                        uuid_="11111111-2222-3333-4444-555555555555")]


@fires("P17", "LUKS in the place of the root")
def _(d):
    only(d, entry(0x83, FIRST, d.root_size // 512, True))
    disk.poke(d.file, AT, b"LUKS\xba\xbe\0\2")


@quiet("P17", "BitLocker in the place of the root is N15")
def _(d):
    only(d, entry(0x07, FIRST, d.root_size // 512, True))
    disk.poke(d.file, AT, b"\xeb\x58\x90-FVE-FS-")


@quiet("P17", "an encrypted partition beside the root")
def _(d):
    d.root_size -= 8 * MIB
    d.entries = linux_at(d, entry(0x83, FIRST + d.root_size // 512, 16384))
    d.poke(AT + d.root_size, b"LUKS\xba\xbe\0\2")


# ---- P18 to P21: filesystems

@fires("P18", "ext2 where the guide names ext3 and ext4", "--profile", "tencent-2016")
def _(d):
    d.kind = "ext2"


@quiet("P18", "ext3 where the guide names it", "--profile", "tencent-2016")
def _(d):
    d.kind = "ext3"


@fires("P18", "a feature that a profile refuses", "--profile", "tests/golden/strict.profile")
def _(d):
    d.mke2fs = ("-O", "^metadata_csum_seed,^orphan_file,project")


@quiet("P18", "without it", "--profile", "tests/golden/strict.profile")
def _(d):
    pass


@fires("P19", "not marked clean")
def _(d):
    d.on_disk(lambda path: disk.debugfs(path, AT, "ssv state 0"))


@quiet("P19", "marked clean")
def _(d):
    d.on_disk(lambda path: disk.debugfs(path, AT, "ssv state 1"))


@fires("P20", "mounted so often that it is due")
def _(d):
    d.on_disk(lambda path: disk.debugfs(path, AT, "ssv mnt_count 30", "ssv max_mnt_count 20"))


@quiet("P20", "mounted less often")
def _(d):
    d.on_disk(lambda path: disk.debugfs(path, AT, "ssv mnt_count 3", "ssv max_mnt_count 20"))


def large(d):
    d.size, d.root_size = 256 * MIB, 248 * MIB


def groups(path, field, value):
    """A field of all block groups, 8 MiB each."""
    disk.debugfs(path, AT, *(command for i in range(31) for command in (
        f"set_bg {i} {field} {value}", f"set_bg {i} checksum calc")))


@fires("P21", "a root that is nearly full")
def _(d):
    large(d)
    d.on_disk(lambda path: groups(path, "free_blocks_count", 40))


@fires("P21", "a root without a free inode")
def _(d):
    large(d)
    d.on_disk(lambda path: groups(path, "free_inodes_count", 0))


@quiet("P21", "a root with room")
def _(d):
    large(d)


# ---- P22: the default entry

def boots(d, kernel=f"/boot/vmlinuz-{KERNEL}", initramfs=f"/boot/initrd.img-{KERNEL}",
          options=f"root=UUID={UUID} {CMDLINE}", **of):
    d.tree.grub(("Debian", kernel, initramfs, options), **of)


fires("P22", "the kernel of the default entry is not there")(
    lambda d: boots(d, kernel="/boot/vmlinuz-6.1.0-99-amd64"))
fires("P22", "its initramfs is not there")(
    lambda d: boots(d, initramfs="/boot/initrd.img-6.1.0-99-amd64"))
fires("P22", "its root is not of this disk")(
    lambda d: boots(d, options=f"root=UUID=11111111-2222-3333-4444-555555555555 {CMDLINE}"))


@fires("P22", "no kernel on the disk")
def _(d):
    d.tree.remove(f"/boot/vmlinuz-{KERNEL}", f"/boot/initrd.img-{KERNEL}")


@fires("P22", "/boot is on another disk")
def _(d):
    d.tree.append("/etc/fstab", "UUID=11111111-2222-3333-4444-555555555555 /boot ext4 "
                  "defaults 0 2\n")


@fires("P22", "no settings of a loader at all")
def _(d):
    d.tree.remove(GRUB)


@fires("P22", "settings without a byte")
def _(d):
    d.tree.write(GRUB, "")


@quiet("P22", "the saved entry is not there: GRUB takes the first")
def _(d):
    boots(d, head='load_env\nset default="${saved_entry}"\n')
    d.tree.write("/boot/grub/grubenv",
                 "# GRUB Environment Block\nsaved_entry=nobody\n".ljust(1024, "#"))


@quiet("P22", "the saved entry is there")
def _(d):
    boots(d, head='load_env\nset default="${saved_entry}"\n')
    d.tree.write("/boot/grub/grubenv",
                 "# GRUB Environment Block\nsaved_entry=Debian\n".ljust(1024, "#"))


@quiet("P22", "the folder of the loader cannot be read: undecided, not missing")
def _(d):
    d.on_disk(lambda path: disk.poke(path, disk.first_block(path, AT, "/boot/grub"),
                                     b"\xee" * 512))


@quiet("P22", "the settings cannot be read: undecided, not missing")
def _(d):
    d.on_disk(lambda path: disk.poke(path, disk.inode_place(path, AT, GRUB) + 40, b"\xee" * 60))


def own_boot(d):
    """/boot on a partition of its own, behind the root; where that begins."""
    boot_uuid = "11111111-2222-3333-4444-555555555555"
    d.root_size -= 16 * MIB
    at, boot = AT + d.root_size, Tree(d.path("boot"))
    shutil.move(d.tree.host("/boot"), boot.root)
    d.tree.mkdir("/boot")
    boot.grub(("Debian", f"/vmlinuz-{KERNEL}", f"/initrd.img-{KERNEL}",
               f"root=UUID={UUID} {CMDLINE}"), path="/grub/grub.cfg", uuid=boot_uuid)
    d.tree.append("/etc/fstab", f"UUID={boot_uuid} /boot ext4 defaults 0 2\n")
    d.entries = linux_at(d, entry(0x83, at // 512, 16 * MIB // 512))
    d.on_disk(lambda path: disk.mke2fs(path, at, 16 * MIB, boot.root, uuid_=boot_uuid))
    return at


quiet("P22", "/boot of its own")(lambda d: own_boot(d) and None)
for what in (f"/vmlinuz-{KERNEL}", f"/initrd.img-{KERNEL}", "/grub/grub.cfg"):
    @quiet("P22", f"{what} on a /boot of its own cannot be read: undecided, not missing")
    def _(d, what=what):
        at = own_boot(d)
        d.on_disk(lambda path: disk.poke(path, disk.inode_place(path, at, what) + 40,
                                         b"\xee" * 60))


@quiet("P22", "a /boot of its own does not open: undecided, not missing")
def _(d):
    d.poke(own_boot(d) + 1024 + 0x3FC, b"\1\2\3\4")


@quiet("P22", "the kernel cannot be read: undecided, not missing")
def _(d):
    d.on_disk(lambda path: disk.poke(
        path, disk.inode_place(path, AT, f"/boot/vmlinuz-{KERNEL}") + 40, b"\xee" * 60))
