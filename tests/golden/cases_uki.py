# SPDX-License-Identifier: GPL-2.0-or-later
"""Unified kernel images, laid out by hand: a kernel, its initramfs and its command line as one
program on the EFI system partition"""
import disk
import tree
from disk import MIB
from golden import fires
from tree import KERNEL, UUID, bzimage, pack, uki

KVM = ("--profile", "generic-kvm")
OLD = KERNEL.replace("-50-", "-49-")


def image(d, version, modules=None, **of):
    t = d.tree
    parts = {"osrel": f'ID=debian\nPRETTY_NAME="Debian 12 ({version})"\nVERSION_ID={version[6:8]}\n',
             "cmdline": f"root=UUID={UUID} ro console=ttyS0\n", "uname": version + "\n",
             "linux": bzimage(version),
             "initrd": pack("zstd", t.archive(version, modules))}
    parts.update(of)
    return uki(**{k: v for k, v in parts.items() if v is not None})


def unified(d, files, loader="timeout 3\n", mount="/efi", esp_loader=b"MZ"):
    """The base system by UEFI, with these files on the EFI system partition."""
    t = d.tree
    t.modules(OLD)
    t.config(OLD)
    t.remove("/boot/grub", *(f"/boot/{n}" for n in (f"vmlinuz-{KERNEL}", f"initrd.img-{KERNEL}")))
    t.mkdir(mount)
    esp = tree.Tree(d.path("esp"))
    for path, data in files.items():
        esp.write(path, data)
    if loader:
        esp.write("/loader/loader.conf", loader)
    esp.write("/EFI/BOOT/BOOTX64.EFI", esp_loader)
    size = 180 * MIB
    d.blank(size)
    disk.gpt(d.file, size, [("esp", 2048, 34 * MIB // 512), ("linux", 2048 + 34 * MIB // 512,
                                                            140 * MIB // 512)], code="none")
    fat = d.path("esp.fat")
    with open(fat, "wb") as f:
        f.truncate(34 * MIB)
    disk.run("mkfs.vfat", "-i", "12345678", fat)
    disk.run("sh", "-c", 'cd "$0" && mcopy -s -i "$1" ./* ::/', esp.root, fat)
    with open(fat, "rb") as f:
        disk.poke(d.file, MIB, f.read())
    disk.mke2fs(d.file, 35 * MIB, 140 * MIB, t.root)


@fires("uki", "two images, of which the newer starts", *KVM)
def _(d):
    unified(d, {f"/EFI/Linux/debian-{v}.efi": image(d, v) for v in (OLD, KERNEL)})


@fires("uki", "loader.conf names the older one", *KVM)
def _(d):
    unified(d, {f"/EFI/Linux/debian-{v}.efi": image(d, v) for v in (OLD, KERNEL)},
            f"default debian-{OLD}*\n")


@fires("uki", "the newer one was tried and did not start", *KVM)
def _(d):
    unified(d, {f"/EFI/Linux/debian-{OLD}.efi": image(d, OLD),
                f"/EFI/Linux/debian-{KERNEL}+0-3.efi": image(d, KERNEL)})


@fires("uki", "its initramfs has no virtio", *KVM)
def _(d):
    unified(d, {"/EFI/Linux/debian.efi": image(d, KERNEL, ["ata_piix", "sd_mod", "ext4"])})


@fires("uki", "an image without an initramfs", *KVM)
def _(d):
    unified(d, {"/EFI/Linux/debian.efi": image(d, KERNEL, initrd=None)})


@fires("uki", "the version is only in its kernel, and no loader.conf", *KVM)
def _(d):
    unified(d, {"/EFI/Linux/debian.efi": image(d, KERNEL, uname="")}, loader=None, mount="/boot/efi")


@fires("uki", "an entry that names an image, beside a program that is none", *KVM)
def _(d):
    unified(d, {"/loader/entries/a.conf": "title One\nefi /images/one.efi\n",
                "/images/one.efi": image(d, KERNEL),
                "/EFI/Linux/shell.efi": uki(linuxx=b"no kernel")})


@fires("uki", "firmware starts the image itself", *KVM)
def _(d):
    unified(d, {}, loader=None, esp_loader=image(d, KERNEL))


@fires("uki", "an image that is cut off", *KVM)
def _(d):
    unified(d, {"/EFI/Linux/debian.efi": image(d, KERNEL)[:-5000]})
