/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_setup.c: section L, network, access and what the old machine left behind */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

static const char *dhcp_remedy(struct judge *j, const char *name)
{
    const char *nic = name[0] && !same(name, "*") ? name : "eth0";

    switch (family_of(j->facts->os)) {
    case FAMILY_DEBIAN:
        return remedy_lines(j, _("In /etc/network/interfaces, or the netplan file:"),
                            TEXT(j, "auto %s", nic), TEXT(j, "iface %s inet dhcp", nic),
                            NULL);
    case FAMILY_REDHAT:
    case FAMILY_REDHAT6:
    case FAMILY_REDHAT5:
        return remedy_lines(
            j, TEXT(j, _("In /etc/sysconfig/network-scripts/ifcfg-%s:"), nic),
            TEXT(j, "DEVICE=%s", nic), "BOOTPROTO=dhcp", "ONBOOT=yes", NULL);
    case FAMILY_SUSE:
    case FAMILY_SUSE11:
        return remedy_lines(j, TEXT(j, _("In /etc/sysconfig/network/ifcfg-%s:"), nic),
                            "BOOTPROTO='dhcp'", "STARTMODE='auto'", NULL);
    default:
        return remedy_lines(j, _("Set the interface to DHCP."), NULL);
    }
}

void rule_network_method(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (!l || (!same(l->network.method, "static") && !same(l->network.method, "mixed")))
        return;
    for (size_t i = 0; i < l->network.interfaces.n; i++) {
        const struct fact_interface *n = &l->network.interfaces.v[i];

        if (!same(n->method, "static"))
            continue;
        finding_add(j, c, LEVEL_WARNING, n->file,
                    TEXT(j, _("the interface %s has a fixed address"), n->name),
                    dhcp_remedy(j, n->name));
    }
}

void rule_network_pinned(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (!l)
        return;
    if (l->network.nic_rules[0])
        finding_add(j, c, LEVEL_WARNING, l->network.nic_rules,
                    _("names of network cards are bound to the addresses of the old "
                      "machine's cards"),
                    remedy_lines(j,
                                 TEXT(j, "rm -f %s", shell_word(j, l->network.nic_rules)),
                                 NULL));
    for (size_t i = 0; i < l->network.interfaces.n; i++) {
        const struct fact_interface *n = &l->network.interfaces.v[i];

        if (n->mac[0])
            finding_add(j, c, LEVEL_WARNING, n->file,
                        TEXT(j, _("the interface %s is bound to the card address %s"),
                             n->name, n->mac),
                        _("Remove the line with the card's address (HWADDR, macaddress, "
                          "hwaddress)."));
    }
}

void rule_network_interfaces(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;
    const struct policy *p = j->policy;

    for (size_t i = 0; l && i < l->network.interfaces.n; i++) {
        const struct fact_interface *n = &l->network.interfaces.v[i];

        if (p->nic[0] && !same(n->name, p->nic) && !same(n->name, "*"))
            finding_add(j, c, LEVEL_WARNING, n->file,
                        TEXT(j,
                             _("the interface %s is set up; the cloud gives one, "
                               "named %s"),
                             n->name, p->nic),
                        dhcp_remedy(j, p->nic));
        if (p->ipv6_refused && n->ipv6)
            finding_add(j, c, LEVEL_WARNING, n->file,
                        TEXT(j,
                             _("the interface %s is set up for IPv6, which the cloud "
                               "does not support"),
                             n->name),
                        _("Remove its IPv6 lines."));
    }
}

void rule_sshd(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (!l || is_advice_unseen(j, "sshd") || is_advice_unseen(j, "/ssh.") ||
        is_advice_unseen(j, "/etc/ssh"))
        return;
    if (!l->sshd)
        finding_add(j, c, LEVEL_WARNING, "",
                    _("no SSH server is installed: the instance can only be reached by "
                      "the console"),
                    remedy_package(j, family_of(j->facts->os) == FAMILY_SUSE ||
                                              family_of(j->facts->os) == FAMILY_ARCH ||
                                              family_of(j->facts->os) == FAMILY_ALPINE
                                          ? "openssh"
                                          : "openssh-server"));
    else if (!l->sshd_enabled)
        finding_add(
            j, c, LEVEL_WARNING, "", _("the SSH server does not start by itself"),
            remedy_service(j, family_of(j->facts->os) == FAMILY_DEBIAN ? "ssh" : "sshd"));
    if (l->sshd && l->ssh_host_keys == 0 && !l->ssh_keys_regenerated &&
        !is_advice_unseen(j, "/cloud"))
        finding_add(j, c, LEVEL_WARNING, "/etc/ssh",
                    _("there are no SSH host keys, and nothing makes them at the first "
                      "start: the SSH server will not start"),
                    remedy_lines(j, "ssh-keygen -A", NULL));
}

void rule_firewall(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (l && l->firewall[0])
        finding_add(
            j, c, LEVEL_WARNING, "",
            TEXT(j, _("a firewall may keep the management port closed: %s"), l->firewall),
            _("Allow TCP port 22, or leave filtering to the security group."));
}

void rule_selinux(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (l && l->selinux_relabel_needed)
        finding_add(j, c, LEVEL_WARNING, "/etc/selinux/config",
                    TEXT(j,
                         _("SELinux is %s, and files of the root have no label: "
                           "services may not start"),
                         l->selinux),
                    remedy_lines(j, "touch /.autorelabel", NULL));
}

void rule_clock(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (l && same(l->rtc, "local"))
        finding_add(j, c, LEVEL_NOTE, "/etc/adjtime",
                    _("the hardware clock is read as local time"),
                    remedy_lines(j, "hwclock --systohc --utc", NULL));
}

/* How to get rid of the tools of one hypervisor. */
static const char *tools_remedy(struct judge *j, const char *kind)
{
    static const struct {
        const char *kind, *debian, *other, *command;
    } tools[] = {
        {"vmware", "open-vm-tools", "open-vm-tools", "vmware-uninstall-tools.pl"},
        {"virtualbox", "virtualbox-guest-utils", "virtualbox-guest-additions",
         "/opt/VBoxGuestAdditions-*/uninstall.sh"},
        {"xen", "xe-guest-utilities", "xe-guest-utilities", ""},
        {"parallels", "parallels-guest-tools", "parallels-guest-tools", ""},
        {"hyperv", "hyperv-daemons", "hyperv-daemons", ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        const char *package;

        if (!same(tools[i].kind, kind))
            continue;
        switch (family_of(j->facts->os)) {
        case FAMILY_DEBIAN:
            package = TEXT(j, "apt-get purge %s", tools[i].debian);
            break;
        case FAMILY_REDHAT:
        case FAMILY_REDHAT6:
        case FAMILY_REDHAT5:
            package = TEXT(j, "yum remove %s", tools[i].other);
            break;
        case FAMILY_SUSE:
        case FAMILY_SUSE11:
            package = TEXT(j, "zypper remove %s", tools[i].other);
            break;
        default:
            package = "";
            break;
        }
        return remedy_lines(j, package,
                            tools[i].command[0] ? _("Or, where they came from an archive "
                                                    "of the maker:")
                                                : "",
                            tools[i].command, NULL);
    }
    return "";
}

/* "/a, /b, /c and 4 more" of one kind. */
static const char *residue_paths(struct judge *j, const struct fact_residue *v, size_t n,
                                 const char *kind, unsigned *count)
{
    const char *all = "";

    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (same(v[i].kind, kind) && (*count)++ < 4)
            all = TEXT(j, "%s%s%s", all, *count > 1 ? ", " : "", v[i].path);
    if (*count > 4)
        all = TEXT(j, _("%s and %u more"), all, *count - 4);
    return all;
}

void rule_tools(struct judge *j, const struct check *c)
{
    static const char *const kinds[] = {"vmware",    "virtualbox", "xen",
                                        "parallels", "hyperv",     "qemu-ga"};
    const struct fact_linux *l = j->facts->linux_;

    for (size_t k = 0; l && k < ARRAY_SIZE(kinds); k++) {
        unsigned n;
        const char *paths = residue_paths(j, l->tools.v, l->tools.n, kinds[k], &n);

        if (n && same(kinds[k], "qemu-ga"))
            finding_add(j, c, LEVEL_NOTE, "",
                        TEXT(j,
                             _("the QEMU guest agent is installed, which does no "
                               "harm (%s)"),
                             paths),
                        "");
        else if (n)
            finding_add(j, c, LEVEL_WARNING, "",
                        TEXT(j, _("tools of another hypervisor are left: %s (%s)"),
                             kinds[k], paths),
                        tools_remedy(j, kinds[k]));
    }
}

/* The first start of Container Linux writes /etc. */
static bool is_made_at_start(const struct judge *j)
{
    const struct facts *f = j->facts;

    return f->root->usr[0] && f->ignition && f->ignition->first_start;
}

void rule_accounts(struct judge *j, const struct check *c)
{
    const struct fact_linux *l = j->facts->linux_;

    if (!l)
        return;
    if (!is_advice_unseen(j, "/etc/shadow") && !is_made_at_start(j) &&
        (same(l->shadow, "missing") || same(l->shadow, "unreadable")))
        finding_add(
            j, c, LEVEL_WARNING, "/etc/shadow",
            same(l->shadow, "missing")
                ? _("there is no /etc/shadow: a new password cannot be set")
                : _("the mode of /etc/shadow keeps even its owner out"),
            remedy_lines(j,
                         same(l->shadow, "missing") ? "pwconv" : "chmod 640 /etc/shadow",
                         NULL));
    if (same(l->root_password, "empty"))
        finding_add(j, c, LEVEL_WARNING, "/etc/shadow", _("root has an empty password"),
                    remedy_lines(j, "passwd -l root", NULL));
    if (l->resolv_conf_immutable)
        finding_add(j, c, LEVEL_WARNING, "/etc/resolv.conf",
                    _("the file is immutable: name servers cannot be set"),
                    remedy_lines(j, "chattr -i /etc/resolv.conf", NULL));
    else if (l->resolv_conf_own)
        finding_add(j, c, LEVEL_NOTE, "/etc/resolv.conf",
                    _("the file names the old machine's name servers"),
                    remedy_lines(j, ": > /etc/resolv.conf", NULL));
}

void rule_residues(struct judge *j, const struct check *c)
{
    static const struct {
        const char *kind, *detail, *command;
        enum finding_level level;
    } kinds[] = {
        {"machine-id", N_("the machine id would be the same in every instance"),
         ": > /etc/machine-id", LEVEL_WARNING},
        {"host-key", N_("SSH host keys would be the same in every instance"),
         "rm -f /etc/ssh/ssh_host_*", LEVEL_WARNING},
        {"cloud-instance", N_("cloud-init keeps data of an instance"),
         "cloud-init clean --logs", LEVEL_WARNING},
        {"dhcp-lease", N_("leases or the DUID of a DHCP client are left"),
         "rm -f /var/lib/dhcp/* /var/lib/dhclient/* /var/lib/NetworkManager/*.lease",
         LEVEL_WARNING},
        {"history", N_("shell histories are left"),
         "rm -f /root/.bash_history /home/*/.bash_history", LEVEL_WARNING},
        {"log", N_("logs of the old machine are left"),
         "find /var/log -type f -exec truncate -s 0 {} +", LEVEL_NOTE},
        {"credentials", N_("credentials of a cloud agent or account are left"), "",
         LEVEL_WARNING},
    };
    const struct fact_linux *l = j->facts->linux_;

    for (size_t k = 0; l && k < ARRAY_SIZE(kinds); k++) {
        unsigned n;
        const char *paths =
            residue_paths(j, l->residues.v, l->residues.n, kinds[k].kind, &n);

        if (n == 0 || (same(kinds[k].kind, "host-key") && l->ssh_keys_regenerated))
            continue;
        finding_add(
            j, c, kinds[k].level, "", TEXT(j, _("%s: %s"), _(kinds[k].detail), paths),
            remedy_lines(
                j, kinds[k].command[0] ? kinds[k].command : _("Remove these files."),
                NULL));
    }
}
