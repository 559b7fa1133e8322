/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/library.h"

int library_progress(void *arg, const struct imgport_progress *p)
{
    struct job *j = arg;

    if (p->total)
        job_progress(j, (int64_t)p->done, (int64_t)p->total);
    return job_goes_on(j, NULL) < 0;
}

int library_failed(const struct job *j, const struct imgport_error *e, struct err *err)
{
    enum err_code code = err_code_from_name(e->code);
    int r = job_goes_on(j, err);

    if (r < 0)
        return r;
    return FAIL(err, code == ERR_CODE_MAX || code == ERR_NONE ? ERR_IO : code, "%s",
                e->message);
}
