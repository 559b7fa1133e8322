# SPDX-License-Identifier: GPL-2.0-or-later
"""Systems that are put together when they start, laid out by hand from the documented layout of
their files: Container Linux (CoreOS, Flatcar), whose /usr is an image of its own, and ostree

What is recorded is what cases_systems.py records."""
import io
import tarfile

import disk
import tree
from disk import MIB
from golden import fires
from tree import bzimage, bzimage_with, pack

SLOT_A = "7130c94a-213a-4e5a-8e26-6cce9662f132"
SLOT_B = "e03dd35c-7c2d-4a47-b3fe-27f15780a57c"
GOOD, TRIED = 1 << 56 | 1 << 48, 1 << 52 | 2 << 48  # attributes: successful, one try left

# The form of the settings that GRUB carries there: variables, the OEM's additions, a function
# that asks which slot starts, and an entry for it and for each slot.
GRUB = """set prefix=($root)/%(os)s/grub
insmod all_video
set default="%(os)s"
set timeout=1
set linux_root="root=LABEL=ROOT"
set linux_console=""
set first_boot=""
set oem_id=""
set linux_append=""
set secure_boot="0"
if [ "$grub_platform" = "efi" ]; then
    getenv -e SecureBoot -g 8be4df61-93ca-11d2-aa0d-00e098032b8c -b sb
    if [ "$sb" = "01" ]; then
        set secure_boot="1"
    fi
fi
if [ "$secure_boot" = "0" ]; then
    search --no-floppy --set oem --part-label OEM --hint "$root"
    if [ -n "$oem" -a -f "($oem)/grub.cfg" ]; then
        source "($oem)/grub.cfg"
    fi
fi
if [ -f "($root)/%(os)s/first_boot" ]; then
    set first_boot="%(os)s.first_boot=detected"
fi
search --no-floppy --set randomize --disk-uuid 00000000-0000-0000-0000-000000000001
if [ -n "$randomize" ]; then
    set randomize="%(os)s.randomize_disk_guid=00000000-0000-0000-0000-000000000001"
fi
if [ -n "$oem_id" ]; then
    set oem_id="%(os)s.oem.id=$oem_id"
fi
if [ -z "$linux_console" ]; then
    if [ "$grub_platform" = pc ]; then
        set linux_console="console=ttyS0,115200n8 console=tty0"
        serial com0 --speed=115200 --word=8 --parity=no
    fi
fi
set suf=""
set options="rootflags=rw mount.usrflags=ro $linux_root $linux_console $first_boot $randomize"
set options="$options $oem_id $linux_append"
function abort {
    echo "no slot"
    read anything
    exit
}
function gptprio {
    gptprio.next -d usr_device -u usr_uuid
    if [ $? -ne 0 -o -z "$usr_uuid" ]; then
        abort
    fi
    set slot_usr="mount.usr=/dev/mapper/usr verity.usr=PARTUUID=$usr_uuid"
    if [ "$usr_uuid" = "7130c94a-213a-4e5a-8e26-6cce9662f132" ]; then
        set slot_kernel="/%(os)s/vmlinuz-a"
    else
        set slot_kernel="/%(os)s/vmlinuz-b"
    fi
}
menuentry "%(name)s default" --id=%(os)s --unrestricted {
    gptprio
    linux$suf $slot_kernel $slot_usr $options
}
menuentry "%(name)s USR-A" --id=%(os)s-a {
    linux$suf /%(os)s/vmlinuz-a mount.usr=PARTLABEL=USR-A $options
}
menuentry "%(name)s USR-B" --id=%(os)s-b {
    linux$suf /%(os)s/vmlinuz-b mount.usr=PARTLABEL=USR-B $options
}
"""


def tar(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(text)
            t.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def kernel_image(d, version, modules=None, packed="gzip", within="gzip"):
    """A kernel with an initramfs of dracut in it."""
    t = tree.Tree(d.folder)
    return bzimage_with(version, pack(within, t.archive(
        version, modules, mark="usr/lib/initrd-release",
        extra={"usr/bin/ignition": b"\x7fELF"})), packed)


class Pieces:
    """A disk in pieces: each is a folder that becomes a filesystem."""

    def __init__(self, d):
        self.d, self.trees, self.after = d, {}, []

    def tree(self, name):
        if name not in self.trees:
            self.trees[name] = self.d.empty_tree(name)
        return self.trees[name]

    def write(self, *parts):
        """Parts are (type, MiB, piece, name, attributes, GUID, filesystem); piece None: nothing
        on it."""
        start, rows, todo = 2048, [], []
        for i, (type_, size, piece, name, attributes, own, kind) in enumerate(parts):
            sectors = size * MIB // 512
            rows.append((type_, start, sectors, name, attributes,
                         own or f"00000000-0000-4000-8000-{i + 1:012}"))
            if piece is not None:
                todo.append((piece, start * 512, size * MIB, name, kind))
            start += sectors
        total = start * 512 + MIB
        self.d.blank(total)
        disk.gpt(self.d.file, total, rows)
        for piece, at, size, name, kind in todo:
            self.fill(self.tree(piece).root, at, size, name, kind)

    def fill(self, folder, at, size, label, kind):
        if kind == "vfat":
            image = self.d.path("esp.fat")
            with open(image, "wb") as f:
                f.truncate(size)
            disk.run("mkfs.vfat", "-i", "12345678", "-n", label, image)
            disk.run("sh", "-c", 'cd "$0" && mcopy -s -i "$1" ./* ::/', folder, image)
            with open(image, "rb") as f:
                disk.poke(self.d.file, at, f.read())
            return
        if kind == "btrfs":
            image = self.d.path("part.btrfs")
            with open(image, "wb") as f:
                f.truncate(size)
            disk.run("mkfs.btrfs", "-q", "--rootdir", folder, image)
            disk.run("dd", f"if={image}", f"of={self.d.file}", f"seek={at}", "oflag=seek_bytes",
                     "bs=1M", "conv=notrunc,sparse", "status=none")
            return
        disk.mke2fs(self.d.file, at, size, folder, "-L", label, kind=kind,
                    uuid_=f"6d2f1c3a-8b5e-4f70-9c1d-{at:012x}")
        if kind == "ext2":  # nobody is to write there: feature bits that no writer knows
            disk.poke(self.d.file, at + 1024 + 0x67, b"\xff")


def usr_image(t, os, name, version, kernel):
    """/usr as an image of its own."""
    t.write("/lib/os-release", f'NAME="{name}"\nID={os}\nVERSION={version}\n'
            f'VERSION_ID={version}\nPRETTY_NAME="{name} {version}"\n'
            + ("ID_LIKE=coreos\n" if os == "flatcar" else ""))
    t.mkdir("/bin", "/sbin", "/share/" + os)
    t.write(f"/share/{os}/release", f"COREOS_RELEASE_VERSION={version}\n")
    t.link("/lib64", "lib")
    t.program("/lib/systemd/systemd", "/bin/bash", "/bin/ignition", "/bin/coreos-cloudinit",
              "/sbin/sshd")
    t.link("/bin/sh", "bash")
    t.link("/sbin/init", "../lib/systemd/systemd")
    t.write("/lib/systemd/network/zz-default.network", "[Network]\nDHCP=yes\n")
    t.write("/lib/systemd/system/sshd.socket", "[Socket]\nListenStream=22\n")
    t.link("/lib/systemd/system/sockets.target.wants/sshd.socket", "../sshd.socket")
    t.write("/lib/systemd/system/sshd-keygen.service", "[Service]\nExecStart=/usr/bin/ssh-keygen\n")
    t.write("/lib/systemd/system/extend-filesystems.service", "[Service]\n")
    whole = t.root
    t.root = whole + ".kernel"  # modules and configuration, whose places begin with /usr
    t.modules(kernel)
    t.config(kernel, path="/usr/lib/modules/{}/build/.config")
    disk.run("sh", "-c", 'cp -a "$0"/usr/. "$1"/', t.root, whole)
    t.root = whole
    t.link(f"/boot/config-{kernel}", f"../lib/modules/{kernel}/build/.config")


def container_linux(d, os="coreos", version="2512.3.0", kernel="4.19.123-coreos", image=None,
                    oem='set oem_id="openstack"\n', slots=(GOOD, 0), started=False, usr_b=False,
                    kind="ext2", root_label="ROOT", root_type="coreos-resize"):
    name = {"coreos": "Container Linux by CoreOS",
            "flatcar": "Flatcar Container Linux by Kinvolk"}[os]
    p = Pieces(d)
    image = image or kernel_image(d, kernel)
    usr_image(p.tree("usr-a"), os, name, version, kernel)
    if usr_b:
        usr_image(p.tree("usr-b"), os, name, "9999.0.0", kernel)
    esp = p.tree("esp")
    esp.write(f"/{os}/grub/grub.cfg.tar", tar(grub_cfg=GRUB % {"os": os, "name": name}))
    esp.write(f"/{os}/vmlinuz-a", image)
    if usr_b:
        esp.write(f"/{os}/vmlinuz-b", image)
    esp.write("/EFI/boot/bootx64.efi", b"MZ")
    if not started:
        esp.write(f"/{os}/first_boot", "")
    p.tree("oem").write("/grub.cfg", oem)
    root = p.tree("root9")
    if started:
        root.mkdir("/usr", "/var", "/home", "/boot")
        for link in ("bin", "sbin", "lib", "lib64"):
            root.link("/" + link, "usr/" + link)
        root.link("/etc/os-release", "../usr/lib/os-release")
        root.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        root.write("/etc/shadow", "root:*:20000:0:99999:7:::\n", 0o640)
        root.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    size = 120 if kind == "btrfs" else 16
    p.write(("esp", 34, "esp", "EFI-SYSTEM", 0, None, "vfat"),
            ("bios", 1, None, "BIOS-BOOT", 0, None, None),
            ("coreos-usr", size, "usr-a", "USR-A", slots[0], SLOT_A, kind),
            ("coreos-usr", size, "usr-b" if usr_b else None, "USR-B", slots[1], SLOT_B, kind),
            ("linux", 8, "oem", "OEM", 0, None, "ext4"),
            (root_type, 120, "root9", root_label, 0, None, "ext4"))


@fires("ignition", "CoreOS Container Linux before its first start", "--profile", "generic-kvm")
def _(d):
    container_linux(d)


@fires("ignition", "CoreOS Container Linux after its first start", "--profile", "generic-kvm")
def _(d):
    container_linux(d, started=True)


# By each profile: a GPT is what the oldest and the one of 2022 refuse first.
for profile in ("tencent-2016", "tencent-2018", "tencent-2022", "tencent-2023", "openstack", "aws"):
    fires("ignition", f"CoreOS Container Linux by {profile}", "--profile", profile)(container_linux)
fires("ignition", "CoreOS Container Linux, imported by force", "--profile", "tencent-2018",
      "--force")(container_linux)


@fires("ignition", "Flatcar, btrfs and zstd in place of ext2 and gzip, as tencent-2018 does not "
       "list it", "--profile", "tencent-2018")
def _(d):
    flatcar(d)


@fires("ignition", "Flatcar by generic-kvm", "--profile", "generic-kvm")
def _(d):
    flatcar(d)


def flatcar(d, **how):
    kernel = "6.6.95-flatcar"
    container_linux(d, "flatcar", "4230.2.1", kernel, **{
        "image": kernel_image(d, kernel, packed="zstd", within="zstd"), "kind": "btrfs",
        "oem": 'set oem_id="qemu"\nset linux_append="flatcar.autologin"\n', **how})


@fires("ignition", "Flatcar with an update in the other slot, which is tried next", "--profile",
       "generic-kvm")
def _(d):
    container_linux(d, slots=(GOOD, TRIED), usr_b=True, started=True)


@fires("ignition", "the slot that starts is empty", "--profile", "generic-kvm")
def _(d):
    container_linux(d, slots=(GOOD, TRIED))


@fires("ignition", "no slot may start", "--profile", "generic-kvm")
def _(d):
    container_linux(d, slots=(1 << 48, 0))


@fires("ignition", "a kernel whose initramfs has no virtio", "--profile", "generic-kvm")
def _(d):
    kernel = "4.19.123-coreos"
    container_linux(d, image=kernel_image(d, kernel, ["ata_piix", "sd_mod", "ext4"]))


@fires("ignition", "a kernel that does not unpack", "--profile", "generic-kvm")
def _(d):
    kernel = "4.19.123-coreos"
    container_linux(d, image=kernel_image(d, kernel, packed="xz")[:-700] + bytes(700))


@fires("ignition", "no partition is ROOT", "--profile", "generic-kvm")
def _(d):
    container_linux(d, root_label="DATA", root_type="linux")


# ---- ostree

# What Fedora CoreOS has as grub.cfg, always the same: the entries say what starts.
FEDORA_GRUB = """set pager=1
if [ -f ${config_directory}/bootuuid.cfg ]; then
  source ${config_directory}/bootuuid.cfg
fi
if [ -n "${BOOT_UUID}" ]; then
  search --fs-uuid "${BOOT_UUID}" --set boot --no-floppy
else
  search --label boot --set boot --no-floppy
fi
set root=$boot
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
set timeout=1
set ignition_firstboot=""
if [ -f "/ignition.firstboot" ]; then
    set ignition_network_kcmdline=''
    source "/ignition.firstboot"
    set ignition_firstboot="ignition.firstboot ${ignition_network_kcmdline}"
fi
blscfg
"""
FEDORA_KERNEL = "6.8.10-300.fc40.x86_64"
SUM = "5a" * 32


def deployment(t, id_, version, name, kernel, agent=None):
    for link in ("bin", "sbin", "lib", "lib64"):
        t.link(f"/{link}", f"usr/{link}")
    t.mkdir("/var", "/sysroot", "/boot", "/usr/lib64")
    t.write("/usr/lib/os-release", f'ID={id_}\nVERSION_ID={version}\nPRETTY_NAME="{name}"\n')
    t.link("/etc/os-release", "../usr/lib/os-release")
    t.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
    t.write("/etc/shadow", "root:!locked::0:99999:7:::\n", 0o640)
    t.program("/usr/lib/systemd/systemd", "/usr/bin/bash", "/usr/sbin/sshd")
    t.link("/usr/sbin/init", "../lib/systemd/systemd")
    t.unit("sshd.service", "multi-user.target")
    t.write("/usr/lib/systemd/system/sshd-keygen.target", "[Unit]\n")
    t.write("/usr/lib/systemd/system/sshd-keygen@.service",
            "[Service]\nExecStart=/usr/libexec/openssh/sshd-keygen %i\n")
    t.write("/usr/share/rpm/rpmdb.sqlite", "SQLite format 3\0")
    t.write("/etc/NetworkManager/system-connections/eth0.nmconnection",
            "[connection]\nid=eth0\ntype=ethernet\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=ignore\n")
    t.modules(kernel)
    t.config(kernel, path="/usr/lib/modules/{}/config")
    if agent == "ignition":
        t.program("/usr/lib/dracut/modules.d/30ignition/ignition")
        t.write("/usr/lib/dracut/modules.d/40ignition-ostree/ignition-ostree-growfs.sh", "#!/bin/sh\n")
    elif agent == "cloud-init":
        t.write("/usr/bin/cloud-init", "#!/usr/bin/python3\n", 0o755)
        t.write("/etc/cloud/cloud.cfg", "users:\n - default\ndatasource_list: [ ConfigDrive ]\n")
        t.write("/usr/lib/python3.12/site-packages/cloud_init-24.1.4-py3.12.egg-info/PKG-INFO", "")
        for name in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"):
            t.unit(f"{name}.service", "cloud-init.target")
        t.unit("cloud-init.target", "multi-user.target")


def ostree(d, os="fedora-coreos", words="ignition.platform.id=openstack $ignition_firstboot",
           agent="ignition", where="0", boot_is_own=True, name="Fedora CoreOS 40.20240519.3.0",
           modules=None):
    """Two deployments, the first of which starts."""
    p, kernel = Pieces(d), FEDORA_KERNEL
    root = p.tree("root")
    boot = p.tree("boot") if boot_is_own else root
    for i, sum_ in enumerate((SUM, "b0" * 32)):
        deployed = root.host(f"/ostree/deploy/{os}/deploy/{sum_}.0")
        deployment(tree.Tree(deployed), "fedora", 40 - i, name if i == 0 else "an older one",
                   kernel, agent)
        root.write(f"/ostree/deploy/{os}/deploy/{sum_}.0.origin", "[origin]\n")
        root.link(f"/ostree/boot.1.1/{os}/{SUM}/{i}", f"../../../deploy/{os}/deploy/{sum_}.0")
    root.link("/ostree/boot.1", "boot.1.1")
    root.mkdir(f"/ostree/deploy/{os}/var/log", "/ostree/repo/objects")
    top, above = ("", "") if boot_is_own else ("/boot", "/boot")
    boot.write(f"{top}/ostree/{os}-{SUM}/vmlinuz-{kernel}", bzimage(kernel))
    boot.initramfs(f"{top}/ostree/{os}-{SUM}/initramfs-{kernel}.img", packed="zstd",
                   version=kernel, mark="usr/lib/initrd-release", suffix=".ko", modules=modules)
    for i in (1, 2):
        boot.write(f"{top}/loader.1/entries/ostree-{i}-{os}.conf",
                   f"title {name} (ostree:{2 - i})\nversion {i}\n"
                   f"options {words} ostree=/ostree/boot.1/{os}/{SUM}/"
                   f"{where if i == 2 else 1} rw rootflags=prjquota console=ttyS0\n"
                   f"linux {above}/ostree/{os}-{SUM}/vmlinuz-{kernel}\n"
                   f"initrd {above}/ostree/{os}-{SUM}/initramfs-{kernel}.img\n")
    boot.link(f"{top}/loader", "loader.1")
    boot.write(f"{top}/grub2/grub.cfg", FEDORA_GRUB)
    boot.write(f"{top}/grub2/bootuuid.cfg",  # by where the partition lies (Pieces.fill)
               f'set BOOT_UUID="6d2f1c3a-8b5e-4f70-9c1d-{36 * MIB:012x}"\n')
    boot.write(f"{top}/ignition.firstboot", "")
    p.tree("esp").write("/EFI/BOOT/BOOTX64.EFI", b"MZ")
    parts = [("bios", 1, None, "BIOS-BOOT", 0, None, None),
             ("esp", 34, "esp", "EFI-SYSTEM", 0, None, "vfat"),
             ("linux", 48, "boot", "boot", 0, None, "ext4"),
             ("linux", 130, "root", "root", 0, None, "ext4")]
    p.write(*(part for part in parts if boot_is_own or part[2] != "boot"))


@fires("ignition", "Fedora CoreOS", "--profile", "generic-kvm")
def _(d):
    ostree(d)


fires("ignition", "Fedora CoreOS by tencent-2023", "--profile", "tencent-2023")(ostree)
fires("ignition", "Fedora CoreOS by tencent-2016", "--profile", "tencent-2016")(ostree)


@fires("ignition", "Silverblue with cloud-init: /boot in the root's filesystem", "--profile",
       "tencent-2023")
def _(d):
    ostree(d, "fedora", "quiet", "cloud-init", boot_is_own=False,
           name="Fedora Linux 40.20240519.0 (Silverblue)")


@fires("ignition", "an entry whose deployment is gone", "--profile", "generic-kvm")
def _(d):
    ostree(d, where="7")


@fires("ignition", "a deployment whose initramfs has no virtio", "--profile", "generic-kvm")
def _(d):
    ostree(d, modules=["ata_piix", "sd_mod", "ext4"])
