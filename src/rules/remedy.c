/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/remedy.h"

#include <stdarg.h>

#include "base/scoped.h"

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = words; (p = strstr(p, word)); p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
            return true;
    return false;
}

static bool is_or_like(const struct fact_os *os, const char *id)
{
    return same(os->id, id) || has_word(os->id_like, id);
}

enum family family_of(const struct fact_os *os)
{
    static const struct {
        const char *id;
        enum family family;
    } families[] = {
        {"debian", FAMILY_DEBIAN},    {"ubuntu", FAMILY_DEBIAN},
        {"rhel", FAMILY_REDHAT},      {"centos", FAMILY_REDHAT},
        {"fedora", FAMILY_REDHAT},    {"ol", FAMILY_REDHAT},
        {"tencentos", FAMILY_REDHAT}, {"rocky", FAMILY_REDHAT},
        {"almalinux", FAMILY_REDHAT}, {"suse", FAMILY_SUSE},
        {"sles", FAMILY_SUSE},        {"opensuse", FAMILY_SUSE},
        {"arch", FAMILY_ARCH},        {"alpine", FAMILY_ALPINE},
        {"gentoo", FAMILY_GENTOO},
    };
    enum family family = FAMILY_UNKNOWN;

    if (!os)
        return FAMILY_UNKNOWN;
    if (same(os->type, "windows"))
        return FAMILY_WINDOWS;
    for (size_t i = 0; i < ARRAY_SIZE(families) && !family; i++)
        if (is_or_like(os, families[i].id))
            family = families[i].family;
    if (!family)
        family = same(os->packages, "dpkg")     ? FAMILY_DEBIAN
                 : same(os->packages, "rpm")    ? FAMILY_REDHAT
                 : same(os->packages, "pacman") ? FAMILY_ARCH
                 : same(os->packages, "apk")    ? FAMILY_ALPINE
                                                : FAMILY_UNKNOWN;
    if ((same(os->id, "rhel") || same(os->id, "centos") || same(os->id, "ol")) &&
        os->version[0]) {
        if (version_less(os->version, "6"))
            return FAMILY_REDHAT5;
        if (version_less(os->version, "7"))
            return FAMILY_REDHAT6;
    }
    if (family == FAMILY_SUSE && os->version[0] && version_less(os->version, "12"))
        return FAMILY_SUSE11;
    return family;
}

const char *remedy_lines(struct judge *j, ...)
{
    const char *all = "", *line;
    va_list ap;

    va_start(ap, j);
    while ((line = va_arg(ap, const char *)))
        if (line[0])
            all = TEXT(j, "%s%s%s", all, all[0] ? "\n" : "", line);
    va_end(ap);
    return all;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("._/+:=@%,-", c);
}

const char *shell_word(struct judge *j, const char *word)
{
    size_t n = strlen(word), out = 0, i;
    char *quoted;

    for (i = 0; i < n && is_plain(word[i]); i++)
        ;
    if (n && i == n && word[0] != '-')
        return word;
    quoted = arena_alloc(j->a, n * 4 + 3);
    if (!quoted)
        return "";
    quoted[out++] = '\'';
    for (i = 0; i < n; i++) {
        if (word[i] == '\'') {
            memcpy(quoted + out, "'\\'", 3);
            out += 3;
        }
        quoted[out++] = word[i];
    }
    quoted[out++] = '\'';
    return quoted;
}

/* "--with=virtio_blk --preload=virtio_blk ..." for each driver; `fmt_word` names both. */
static const char *mkinitrd_options(struct judge *j, const char *drivers)
{
    struct bytes rest = bytes_of(drivers, strlen(drivers));
    const char *all = "";

    while (rest.n) {
        const uint8_t *blank = memchr(rest.p, ' ', rest.n);
        size_t n = blank ? (size_t)(blank - rest.p) : rest.n;
        const char *driver = arena_strn(j->a, (const char *)rest.p, n);

        all = TEXT(j, "%s --with=%s --preload=%s", all, driver, driver);
        rest = bytes_sub(rest, n + (blank != NULL), rest.n - n - (blank != NULL));
    }
    return all;
}

static const char *dracut_command(struct judge *j, const char *image, const char *version,
                                  const char *drivers)
{
    return TEXT(j, "dracut -f --add-drivers \"%s\" %s %s", drivers, image, version);
}

static const char *initramfs_tools(struct judge *j, const char *version,
                                   const char *drivers)
{
    return remedy_lines(
        j, TEXT(j, "printf '%%s\\n' %s >> /etc/initramfs-tools/modules", drivers),
        TEXT(j, "update-initramfs -u -k %s", version), NULL);
}

static const char *initramfs_commands(struct judge *j, enum family family,
                                      const struct fact_kernel *k, const char *drivers)
{
    const char *v = shell_word(j, k->version);
    const char *image = k->initramfs[0] ? shell_word(j, k->initramfs) : NULL;

    switch (family) {
    case FAMILY_DEBIAN:
        if (same(k->initramfs_tool, "dracut"))
            return dracut_command(j, image ? image : TEXT(j, "/boot/initrd.img-%s", v), v,
                                  drivers);
        if (same(k->initramfs_tool, "tiny-initramfs"))
            return remedy_lines(j, "apt-get install initramfs-tools",
                                initramfs_tools(j, v, drivers), NULL);
        return initramfs_tools(j, v, drivers);
    case FAMILY_REDHAT5:
        return TEXT(j, "mkinitrd -f --allow-missing%s %s %s",
                    mkinitrd_options(j, drivers),
                    image ? image : TEXT(j, "/boot/initrd-%s.img", v), v);
    case FAMILY_REDHAT6:
        return TEXT(j,
                    "mkinitrd -f --allow-missing --with=xen-vbd --preload=xen-vbd%s "
                    "%s %s",
                    mkinitrd_options(j, drivers),
                    image ? image : TEXT(j, "/boot/initramfs-%s.img", v), v);
    case FAMILY_REDHAT:
        return dracut_command(j, image ? image : TEXT(j, "/boot/initramfs-%s.img", v), v,
                              drivers);
    case FAMILY_SUSE:
        return dracut_command(j, image ? image : TEXT(j, "/boot/initrd-%s", v), v,
                              drivers);
    case FAMILY_SUSE11:
        return remedy_lines(j, _("In /etc/sysconfig/kernel, add to INITRD_MODULES:"),
                            drivers, TEXT(j, "mkinitrd -k vmlinuz-%s -i initrd-%s", v, v),
                            NULL);
    case FAMILY_ARCH:
        return remedy_lines(j, _("In /etc/mkinitcpio.conf:"),
                            TEXT(j, "MODULES=(%s)", drivers), "mkinitcpio -P", NULL);
    case FAMILY_ALPINE:
        return remedy_lines(j,
                            _("In /etc/mkinitfs/mkinitfs.conf, add to features: virtio"),
                            TEXT(j, "mkinitfs %s", v), NULL);
    case FAMILY_GENTOO:
        return dracut_command(j, image ? image : TEXT(j, "/boot/initramfs-%s.img", v), v,
                              drivers);
    default:
        return same(k->initramfs_tool, "dracut")
                   ? dracut_command(j,
                                    image ? image : TEXT(j, "/boot/initramfs-%s.img", v),
                                    v, drivers)
               : same(k->initramfs_tool, "initramfs-tools")
                   ? initramfs_tools(j, v, drivers)
                   : TEXT(j,
                          _("Build the initramfs of the kernel %s anew with the "
                            "modules %s."),
                          k->version, drivers);
    }
}

/* Container Linux and its kin: /usr and the kernel are written by the makers alone. */
static const char *whole_image(void)
{
    return _(
        "The system comes as an image that is not changed in place: take the one that "
        "its makers build for this kind of machine.");
}

/* A deployment of ostree takes packages only where rpm-ostree adds them. */
static bool takes_layers(const struct judge *j)
{
    return is_image_based(j->facts) && j->facts->root->deployment[0] && j->facts->os &&
           same(j->facts->os->packages, "rpm");
}

static bool is_fixed(const struct judge *j)
{
    return is_image_based(j->facts) && !takes_layers(j);
}

const char *remedy_initramfs(struct judge *j, const struct fact_kernel *k,
                             const char *drivers)
{
    if (is_fixed(j))
        return whole_image();
    if (takes_layers(j))
        return remedy_lines(j, _("Build the initramfs anew with these drivers:"),
                            TEXT(j,
                                 "rpm-ostree initramfs --enable --arg=--add-drivers "
                                 "--arg='%s'",
                                 drivers),
                            NULL);
    return remedy_lines(j, _("Build the initramfs anew with these drivers:"),
                        initramfs_commands(j, family_of(j->facts->os), k, drivers), NULL);
}

const char *remedy_kernel(struct judge *j)
{
    const struct fact_os *os = j->facts->os;
    const char *arch = os && same(os->arch, "i386")    ? "686-pae"
                       : os && same(os->arch, "arm64") ? "arm64"
                                                       : "amd64";
    const char *command;

    if (is_image_based(j->facts))
        return whole_image();
    switch (family_of(os)) {
    case FAMILY_DEBIAN:
        command = is_or_like(os, "ubuntu")
                      ? "apt-get install linux-image-generic"
                      : TEXT(j, "apt-get install linux-image-%s", arch);
        break;
    case FAMILY_REDHAT:
    case FAMILY_REDHAT6:
    case FAMILY_REDHAT5:
        command = "yum install kernel";
        break;
    case FAMILY_SUSE:
    case FAMILY_SUSE11:
        command = "zypper install kernel-default";
        break;
    case FAMILY_ARCH:
        command = "pacman -S linux";
        break;
    case FAMILY_ALPINE:
        command = "apk add linux-virt";
        break;
    case FAMILY_GENTOO:
        command = "emerge sys-kernel/gentoo-kernel";
        break;
    default:
        command = _("Or build one with CONFIG_VIRTIO_BLK, CONFIG_VIRTIO_NET and "
                    "CONFIG_VIRTIO_PCI set to y.");
        break;
    }
    return remedy_lines(
        j, _("Install the distribution's own kernel and let it start by default:"),
        command, NULL);
}

const char *remedy_loader_config(struct judge *j)
{
    const struct fact_boot *b = j->facts->boot;
    const char *config = b && b->config[0] ? shell_word(j, b->config) : NULL;
    const char *command;

    if (is_fixed(j))
        return whole_image();
    if (takes_layers(j))
        return remedy_lines(j, _("Change the words of the default entry:"),
                            "rpm-ostree kargs --editor", NULL);
    if (b && same(b->loader, "grub-legacy"))
        return remedy_lines(j, _("Correct the entry in this file:"),
                            config ? config : "/boot/grub/menu.lst", NULL);
    if (b && b->loader[0] && !same(b->loader, "grub2"))
        return remedy_lines(j, _("Correct the entry in this file:"), config, NULL);
    switch (family_of(j->facts->os)) {
    case FAMILY_DEBIAN:
        command = "update-grub";
        break;
    case FAMILY_REDHAT:
    case FAMILY_REDHAT6:
    case FAMILY_REDHAT5:
    case FAMILY_SUSE:
    case FAMILY_SUSE11:
        command =
            TEXT(j, "grub2-mkconfig -o %s", config ? config : "/boot/grub2/grub.cfg");
        break;
    default:
        command = TEXT(j, "grub-mkconfig -o %s", config ? config : "/boot/grub/grub.cfg");
        break;
    }
    return remedy_lines(j, _("Write the boot loader's configuration anew:"), command,
                        NULL);
}

const char *remedy_package(struct judge *j, const char *package)
{
    if (is_fixed(j))
        return whole_image();
    if (takes_layers(j))
        return TEXT(j, "rpm-ostree install %s", package);
    switch (family_of(j->facts->os)) {
    case FAMILY_DEBIAN:
        return TEXT(j, "apt-get install %s", package);
    case FAMILY_REDHAT:
    case FAMILY_REDHAT6:
    case FAMILY_REDHAT5:
        return TEXT(j, "yum install %s", package);
    case FAMILY_SUSE:
    case FAMILY_SUSE11:
        return TEXT(j, "zypper install %s", package);
    case FAMILY_ARCH:
        return TEXT(j, "pacman -S %s", package);
    case FAMILY_ALPINE:
        return TEXT(j, "apk add %s", package);
    case FAMILY_GENTOO:
        return TEXT(j, "emerge %s", package);
    default:
        return TEXT(j, _("Install %s."), package);
    }
}

static const char *init_of(struct judge *j)
{
    const struct fact_os *os = j->facts->os;

    /* Red Hat 6 starts by upstart, but its services are still scripts of chkconfig. */
    if (os && os->init[0] && !(same(os->init, "upstart") && same(os->packages, "rpm")))
        return os->init;
    switch (family_of(os)) {
    case FAMILY_REDHAT5:
    case FAMILY_REDHAT6:
    case FAMILY_SUSE11:
        return "sysvinit";
    case FAMILY_ALPINE:
    case FAMILY_GENTOO:
        return "openrc";
    default:
        return "systemd";
    }
}

const char *remedy_service(struct judge *j, const char *service)
{
    const char *init = init_of(j);

    if (same(init, "openrc"))
        return TEXT(j, "rc-update add %s default", service);
    if (same(init, "systemd"))
        return TEXT(j, "systemctl enable %s", service);
    return family_of(j->facts->os) == FAMILY_DEBIAN
               ? TEXT(j, "update-rc.d %s defaults", service)
               : TEXT(j, "chkconfig %s on", service);
}

/* cloud-init starts in four stages, each with a unit of its own; 24.3 and later have one
 * process for all, and call the second stage by another name. */
const char *remedy_agent_enable(struct judge *j)
{
    const struct fact_cloud_init *ci = j->facts->cloud_init;
    const char *init = init_of(j), *by = ci ? ci->disabled_by : "";
    const char *undo = "", *commands, *masked = strstr(by, " is masked");

    if (masked) {
        const char *name = masked;

        while (name > by && name[-1] != '/')
            name--;
        undo = TEXT(j, "systemctl unmask %s",
                    shell_word(j, TEXT(j, "%.*s", (int)(masked - name), name)));
    } else if (by[0] == '/') {
        undo = TEXT(j, "rm -f %s", shell_word(j, by));
    } else if (strstr(by, "command line")) {
        undo = _("Remove cloud-init=disabled from the kernel command line.");
    }
    if (same(init, "openrc"))
        commands = remedy_lines(j, "rc-update add cloud-init-local boot",
                                "rc-update add cloud-init default",
                                "rc-update add cloud-config default",
                                "rc-update add cloud-final default", NULL);
    else if (same(init, "upstart") && family_of(j->facts->os) != FAMILY_REDHAT6)
        commands = "rm -f /etc/init/cloud-init*.override /etc/init/cloud-*.override";
    else if (same(init, "sysvinit") && family_of(j->facts->os) == FAMILY_DEBIAN)
        commands = remedy_lines(j, "update-rc.d cloud-init-local defaults",
                                "update-rc.d cloud-init defaults",
                                "update-rc.d cloud-config defaults",
                                "update-rc.d cloud-final defaults", NULL);
    else if (same(init, "sysvinit") || same(init, "upstart")) /* Red Hat 6 */
        commands =
            remedy_lines(j, "chkconfig cloud-init-local on", "chkconfig cloud-init on",
                         "chkconfig cloud-config on", "chkconfig cloud-final on", NULL);
    else if (ci && ci->version[0] && !version_less(ci->version, "24.3"))
        commands = "systemctl enable cloud-init-main.service cloud-init-local.service "
                   "cloud-init-network.service cloud-config.service cloud-final.service";
    else
        commands = "systemctl enable cloud-init-local.service cloud-init.service "
                   "cloud-config.service cloud-final.service";
    return remedy_lines(j, undo, commands, NULL);
}

const char *remedy_agent_install(struct judge *j)
{
    const char *repository = "";

    if (is_fixed(j))
        return _(
            "cloud-init cannot be installed there. Where the cloud can do without it, "
            "import by force and give the instance its settings through Ignition.");
    switch (family_of(j->facts->os)) {
    case FAMILY_DEBIAN:
        repository = "apt-get update";
        break;
    case FAMILY_REDHAT5:
    case FAMILY_REDHAT6:
        repository = "yum install epel-release";
        break;
    case FAMILY_ALPINE:
        return remedy_lines(j, remedy_package(j, "cloud-init"), "setup-cloud-init", NULL);
    default:
        break;
    }
    return remedy_lines(j, repository, remedy_package(j, "cloud-init"),
                        remedy_agent_enable(j), NULL);
}

static bool is_bios_boot(const struct fact_partition *p)
{
    return same(p->role, "bios-boot") ||
           same(p->type, "21686148-6449-6E6F-744E-656564454649");
}

/* An MBR has four places; sgdisk changes the table where it is.  With more partitions the
 * system has to be copied to a disk with a table of its own. */
const char *remedy_to_mbr(struct judge *j)
{
    const struct facts *f = j->facts;
    const char *grub =
        family_of(f->os) == FAMILY_REDHAT || family_of(f->os) == FAMILY_SUSE
            ? "grub2-install"
            : "grub-install";
    const char *list = "";
    unsigned n = 0;

    if (family_of(f->os) == FAMILY_WINDOWS)
        return remedy_lines(j,
                            _("Copy the volume of Windows to a new disk with an MBR, "
                              "from a rescue system "
                              "(here as S:), mark it active there, and make it start:"),
                            "bcdboot S:\\Windows /s S: /f BIOS", "bootsect /nt60 S: /mbr",
                            NULL);
    if (f->root && f->root->usr[0])
        return _("This system finds its parts by the GPT and does not start from an MBR: "
                 "take a cloud, or a profile, that takes a GPT.");
    if (j->type_known && j->type == SYSTEM_OTHER)
        return _("Copy the system to a disk with an MBR, with the system's own tools.");
    for (size_t i = 0; i < f->partitions.n && n <= 4; i++) {
        const struct fact_partition *p = &f->partitions.v[i];

        if (is_bios_boot(p))
            continue;
        list = TEXT(j, "%s%s%u", list, n ? ":" : "", p->index);
        n++;
    }
    if (n >= 1 && n <= 4)
        return remedy_lines(j,
                            _("Change the table where it is, and put the boot loader "
                              "into the MBR (keep a "
                              "copy of the disk; /dev/vda stands for it):"),
                            TEXT(j, "sgdisk --gpttombr=%s /dev/vda", list),
                            "partprobe /dev/vda",
                            TEXT(j, "%s --target=i386-pc /dev/vda", grub), NULL);
    return remedy_lines(
        j,
        _("Copy the system to a second disk with an MBR (here /dev/vdb), filesystem by "
          "filesystem, and put the boot loader there:"),
        "parted /dev/vdb mklabel msdos", "parted /dev/vdb mkpart primary ext4 1MiB 100%",
        "parted /dev/vdb set 1 boot on", "mkfs.ext4 /dev/vdb1 && mount /dev/vdb1 /mnt",
        "cp -ax / /mnt",
        TEXT(j, "%s --target=i386-pc --boot-directory=/mnt/boot /dev/vdb", grub), NULL);
}

const char *remedy_loader(struct judge *j, bool uefi)
{
    if (family_of(j->facts->os) == FAMILY_WINDOWS)
        return uefi ? remedy_lines(j, "bcdboot C:\\Windows /s S: /f UEFI", NULL)
                    : remedy_lines(j, "bootsect /nt60 SYS /mbr",
                                   "bcdboot C:\\Windows /f BIOS", NULL);
    if (!uefi && j->facts->boot && strcmp(j->facts->boot->loader, "extlinux") == 0)
        return remedy_lines(j, "extlinux --install /boot/extlinux", NULL);
    return uefi ? remedy_lines(j, "grub-install --target=x86_64-efi --removable", NULL)
                : remedy_lines(j, "grub-install --target=i386-pc /dev/vda", NULL);
}

const char *remedy_active(struct judge *j)
{
    if (family_of(j->facts->os) == FAMILY_WINDOWS)
        return remedy_lines(j, _("In diskpart:"), "select disk 0", "select partition 1",
                            "active", NULL);
    return remedy_lines(j, "parted /dev/vda set 1 boot on", NULL);
}

const char *remedy_check(struct judge *j)
{
    if (family_of(j->facts->os) == FAMILY_WINDOWS)
        return remedy_lines(j, _("In Windows, as administrator:"), "chkdsk C: /f", NULL);
    return remedy_lines(j, _("Check it now, unmounted:"), "e2fsck -f DEVICE", NULL);
}
