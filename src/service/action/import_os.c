/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/import_os.h"

#include "base/scoped.h"
#include "service/action/action.h"

static void list_names(struct call *c, const char *key, bool windows)
{
    const struct import_os *os;

    json_out_begin_list(&c->reply, key);
    for (size_t i = 0; (os = import_os_at(c->service->profile, i)); i++)
        if ((os->type == SYSTEM_WINDOWS) == windows && !os->unlisted)
            json_out_text(&c->reply, NULL, os->name);
    json_out_end_list(&c->reply);
}

int action_describe_import_image_os(struct call *c)
{
    static const char *const archs[] = {"x86_64", "i386", "arm_64"};
    const struct profile *p = c->service->profile;
    const struct import_os *os;

    json_out_begin(&c->reply, "ImportImageOsListSupported");
    list_names(c, "Windows", true);
    list_names(c, "Linux", false);
    json_out_end(&c->reply);
    json_out_begin_list(&c->reply, "ImportImageOsVersionSet");
    for (size_t i = 0; (os = import_os_at(p, i)); i++) {
        json_out_begin(&c->reply, NULL);
        json_out_text(&c->reply, "OsName", os->name);
        json_out_begin_list(&c->reply, "OsVersions");
        for (size_t k = 0; k < IMPORT_OS_VERSIONS_MAX && os->versions[k]; k++)
            json_out_text(&c->reply, NULL, os->versions[k]);
        json_out_end_list(&c->reply);
        json_out_begin_list(&c->reply, "Architecture");
        for (size_t k = 0; k < ARRAY_SIZE(archs); k++)
            if (import_os_has_arch(p, os, archs[k]))
                json_out_text(&c->reply, NULL, archs[k]);
        json_out_end_list(&c->reply);
        json_out_end(&c->reply);
    }
    json_out_end_list(&c->reply);
    return 0;
}
