/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules_windows_setup.c: section N, setup and updates, licence and access */
#include "base/scoped.h"
#include "rules/judge.h"
#include "rules/remedy.h"

enum { SHOWN_MAX = 4 };

static const char *strings_text(struct judge *j, const fact_strings *list)
{
    const char *all = "";

    for (size_t i = 0; i < list->n && i < SHOWN_MAX; i++)
        all = TEXT(j, "%s%s%s", all, i ? ", " : "", list->v[i]);
    return all;
}

/* An image that waits for its first start is what Sysprep is for. */
static bool is_ready(const char *state)
{
    return same(state, "IMAGE_STATE_COMPLETE") ||
           same(state, "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE") ||
           same(state, "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE");
}

void rule_windows_setup(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    if (*w->image_state && !is_ready(w->image_state))
        finding_add(
            j, c, LEVEL_WARNING, "/Windows/Setup/State/State.ini",
            TEXT(j, _("the setup of Windows is not finished: %s"), w->image_state),
            remedy_lines(j, _("Let it finish, or generalize the system again:"),
                         "%WINDIR%\\System32\\Sysprep\\sysprep.exe /generalize "
                         "/oobe /shutdown",
                         NULL));
    else if (w->setup_running && same(w->image_state, "IMAGE_STATE_COMPLETE"))
        finding_add(j, c, LEVEL_WARNING, "SYSTEM: Setup",
                    _("the setup of Windows is not finished: SystemSetupInProgress is "
                      "set"),
                    _("Start Windows once and let the setup finish."));
}

void rule_windows_pending(struct judge *j, const struct check *c)
{
    const fact_strings *pending = &j->facts->windows->pending;

    if (pending->n)
        finding_add(j, c, LEVEL_WARNING, pending->v[0],
                    TEXT(j, _("an update is not finished: %s"), strings_text(j, pending)),
                    _("Start Windows until no update waits, then shut it down."));
}

void rule_windows_updates(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    for (size_t i = 0; i < w->updates.n; i++)
        finding_add(
            j, c, LEVEL_WARNING, "SOFTWARE: Component Based Servicing",
            TEXT(j,
                 _("the update %s is installed, with which machines start again "
                   "and again, or not at all"),
                 w->updates.v[i]),
            remedy_lines(j,
                         _("Install a later cumulative update, or remove this "
                           "one:"),
                         TEXT(j, "wusa /uninstall /kb:%.7s",
                              starts(w->updates.v[i], "KB") ? w->updates.v[i] + 2 : ""),
                         NULL));
}

void rule_windows_licence(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    if (*w->product == '\0')
        return;
    finding_add(
        j, c, LEVEL_NOTE, j->facts->os->source,
        same(w->licence, "evaluation")
            ? _("this is an evaluation copy of Windows: it expires, and the "
                "cloud does not activate it")
        : same(w->licence, "oem")
            ? _("this Windows came with its machine (OEM): it may not be activated "
                "on another one, and the cloud does not activate it")
            : _("the cloud does not activate an imported Windows"),
        remedy_lines(j, _("Have a licence or a server for keys ready:"), "slmgr /dlv",
                     NULL));
}

/* ---- N24 */

static void judge_interfaces(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    for (size_t i = 0; i < w->interfaces.n; i++) {
        const struct fact_interface *n = &w->interfaces.v[i];

        if (same(n->method, "static"))
            finding_add(j, c, LEVEL_WARNING, n->file,
                        TEXT(j, _("the interface %s has a fixed address"), n->name),
                        remedy_lines(j, _("In Windows, as administrator:"),
                                     "netsh interface ip set address name=\"Ethernet\" "
                                     "source=dhcp",
                                     NULL));
    }
}

/* "?:" and "C:" are the system's own disk. */
static bool is_elsewhere(const char *pagefile)
{
    return pagefile[0] && pagefile[1] == ':' && !strchr("?Cc", pagefile[0]);
}

void rule_windows_access(struct judge *j, const struct check *c)
{
    const struct fact_windows *w = j->facts->windows;

    if (same(w->rdp, "denied"))
        finding_add(j, c, LEVEL_WARNING, "SYSTEM: Control\\Terminal Server",
                    _("remote desktop is off: nobody reaches an instance"),
                    remedy_lines(j, _("In Windows, as administrator:"),
                                 "reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\"
                                 "Terminal Server\" /v fDenyTSConnections /t REG_DWORD "
                                 "/d 0 /f",
                                 NULL));
    judge_interfaces(j, c);
    if (same(w->san_policy, "offline-all"))
        finding_add(j, c, LEVEL_WARNING, "SYSTEM: Services\\partmgr\\Parameters",
                    TEXT(j, _("the SAN policy is %s: data disks of an instance stay off"),
                         w->san_policy),
                    remedy_lines(j, _("In diskpart:"), "san policy=OnlineAll", NULL));
    for (size_t i = 0; i < w->pagefiles.n; i++)
        if (is_elsewhere(w->pagefiles.v[i]))
            finding_add(
                j, c, LEVEL_WARNING,
                "SYSTEM: Control\\Session Manager\\Memory Management",
                TEXT(j, _("the page file lies on another disk: %s"), w->pagefiles.v[i]),
                _("Move the page file to C:."));
}
