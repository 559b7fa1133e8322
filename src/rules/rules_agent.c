/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_agent.c: section L, cloud-init and what stands in for it in a forced import */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

/* As finding_add().  A forced import needs no cloud-init, whatever the profile says: its
 * absence is then a note, and L14 is judged. */
static void agent_finding(struct judge *j, const struct check *c, const char *subject,
                          const char *detail, const char *remedy)
{
    size_t n = j->findings.n;

    if (j->policy->agent == AGENT_OFF)
        return;
    finding_add(j, c, j->policy->agent == AGENT_REQUIRED ? LEVEL_ERROR : LEVEL_WARNING,
                subject, detail, remedy);
    if (j->request->force && j->findings.n > n)
        j->findings.v[n].level = LEVEL_NOTE;
}

static bool has_ignition(const struct judge *j)
{
    return j->facts->ignition && j->facts->ignition->installed;
}

void rule_agent_installed(struct judge *j, const struct check *c)
{
    const struct fact_cloud_init *ci = j->facts->cloud_init;

    if (!ci || ci->installed || is_unseen(j, "/cloud-init") || is_unseen(j, "/etc/cloud"))
        return;
    if (has_ignition(j)) {
        agent_finding(j, c, j->facts->ignition->evidence,
                      _("cloud-init is not installed; the system is set up by Ignition, "
                        "which does not read cloud-init's settings"),
                      remedy_agent_install(j));
        return;
    }
    agent_finding(j, c, "",
                  j->request->force
                      ? _("cloud-init is not installed; the import is forced, so the "
                          "image has to take its settings from the config-2 drive itself")
                      : _("cloud-init is not installed: neither its program with "
                          "/etc/cloud/cloud.cfg nor its package is there"),
                  remedy_agent_install(j));
}

void rule_agent_enabled(struct judge *j, const struct check *c)
{
    const struct fact_cloud_init *ci = j->facts->cloud_init;

    if (!ci || !ci->installed || ci->enabled ||
        (is_unseen(j, "cloud-init") && ci->disabled_by[0] != '/' &&
         !strstr(ci->disabled_by, "command line")))
        return;
    agent_finding(j, c, ci->evidence,
                  TEXT(j, _("cloud-init is installed, but does not start: %s"),
                       ci->disabled_by[0] ? ci->disabled_by : _("nothing enables it")),
                  remedy_agent_enable(j));
}

/* Where Ignition finds what a cloud's data source of cloud-init has. */
static bool platform_fits(const profile_names *sources, const char *platform)
{
    static const struct {
        const char *source, *platforms[3];
    } rows[] = {
        {"ConfigDrive", {"openstack"}}, {"OpenStack", {"openstack"}},
        {"Ec2", {"aws", "ec2"}},        {"Azure", {"azure"}},
        {"GCE", {"gcp", "gce"}},        {"AliYun", {"aliyun"}},
        {"NoCloud", {"kubevirt"}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t k = 0; k < ARRAY_SIZE(rows[i].platforms); k++)
            if (rows[i].platforms[k] && same(rows[i].platforms[k], platform) &&
                names_have(sources, rows[i].source))
                return true;
    return false;
}

static const char *remedy_platform(struct judge *j)
{
    const struct facts *f = j->facts;

    if (f->root && f->root->deployment[0])
        return remedy_lines(j, _("Change the word in the boot entry:"),
                            "rpm-ostree kargs --replace=ignition.platform.id=PLATFORM",
                            NULL);
    return remedy_lines(j, _("On the OEM partition, in grub.cfg:"),
                        "set oem_id=\"PLATFORM\"", NULL);
}

static void ignition_platform(struct judge *j, const struct check *c)
{
    const struct fact_ignition *i = j->facts->ignition;
    const profile_names *wanted = &j->policy->datasources;

    if (platform_fits(wanted, i->platform))
        return;
    if (wanted->n == 0)
        finding_add(
            j, c, LEVEL_NOTE, i->evidence,
            i->platform[0]
                ? TEXT(j,
                       _("Ignition takes its settings as the platform \"%s\" has them; "
                         "the machine must offer them there"),
                       i->platform)
                : _("the command line names no platform for Ignition"),
            remedy_platform(j));
    else
        finding_add(
            j, c, LEVEL_WARNING, i->evidence,
            i->platform[0]
                ? TEXT(j,
                       _("Ignition takes its settings as the platform \"%s\" has them; "
                         "the cloud has %s"),
                       i->platform, names_joined(j, wanted))
                : TEXT(j,
                       _("the command line names no platform for Ignition; the cloud "
                         "has %s"),
                       names_joined(j, wanted)),
            remedy_platform(j));
}

void rule_agent_sources(struct judge *j, const struct check *c)
{
    const struct fact_cloud_init *ci = j->facts->cloud_init;
    const profile_names *wanted = &j->policy->datasources;
    const char *list = "";

    if (has_ignition(j) && !(ci && ci->installed))
        ignition_platform(j, c);
    if (!ci || !ci->installed || wanted->n == 0 || ci->datasources.n == 0)
        return; /* without a list cloud-init tries all it knows */
    for (size_t i = 0; i < ci->datasources.n; i++) {
        if (names_have(wanted, ci->datasources.v[i]))
            return;
        if (i < 16)
            list = TEXT(j, "%s%s%s", list, i ? ", " : "", ci->datasources.v[i]);
    }
    finding_add(j, c, LEVEL_WARNING, ci->datasources_from,
                TEXT(j, _("datasource_list is [ %s ]; the cloud has %s"), list,
                     names_joined(j, wanted)),
                remedy_lines(j,
                             TEXT(j,
                                  "echo 'datasource_list: [ %s ]' "
                                  "> /etc/cloud/cloud.cfg.d/99-datasource.cfg",
                                  names_joined(j, wanted)),
                             NULL));
}

void rule_agent_version(struct judge *j, const struct check *c)
{
    const struct fact_cloud_init *ci = j->facts->cloud_init;
    const char *min = j->policy->agent_version_min;

    if (!ci || !ci->installed || ci->version[0] == '\0' || min[0] == '\0' ||
        !version_less(ci->version, min))
        return;
    finding_add(j, c, LEVEL_WARNING, ci->evidence,
                TEXT(j, _("cloud-init is %s; the cloud recommends %s or later"),
                     ci->version, min),
                remedy_agent_install(j));
}

void rule_config_2(struct judge *j, const struct check *c)
{
    const struct fact_cloud_init *ci = j->facts->cloud_init;

    if (!ci || !j->request->force || j->policy->agent == AGENT_OFF ||
        (ci->installed && ci->enabled) || ci->config_2_reader ||
        is_advice_unseen(j, "/etc/"))
        return;
    finding_add(
        j, c, LEVEL_WARNING, "",
        _("no script that runs at boot reads the config-2 drive: an instance "
          "would get no password, host name or address"),
        remedy_lines(j,
                     _("Install a script that runs at boot, finds the CD-ROM with "
                       "this label, and applies qcloud_action/os.conf on it:"),
                     "blkid -L config-2", "mount -o ro /dev/cdrom /mnt",
                     "cat /mnt/qcloud_action/os.conf", NULL));
}

void rule_windows_agent(struct judge *j, const struct check *c)
{
    const struct fact_cloud_init *ci = j->facts->cloud_init;

    if (!ci || ci->enabled)
        return;
    if (!ci->installed)
        agent_finding(
            j, c, ci->evidence,
            *ci->disabled_by
                ? TEXT(j, _("cloudbase-init is not installed: %s"), ci->disabled_by)
                : _("cloudbase-init is not installed: there is no such service"),
            remedy_lines(j,
                         _("In Windows, as administrator, with its installer at "
                           "hand:"),
                         "msiexec /i CloudbaseInitSetup_Stable_x64.msi /qn", NULL));
    else
        agent_finding(j, c, ci->evidence,
                      TEXT(j, _("cloudbase-init is installed, but does not start: %s"),
                           ci->disabled_by),
                      remedy_lines(j, _("In Windows, as administrator:"),
                                   "sc config cloudbase-init start= auto", NULL));
}
