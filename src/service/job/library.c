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

int library_report(json_t **ret, int r, char *text, const struct job *j,
                   const struct imgport_error *e, struct err *err)
{
    if (r < 0)
        return library_failed(j, e, err);
    *ret = json_loads(text, 0, NULL);
    imgport_free(text);
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "report");
}

int library_check(json_t **ret, struct job *j, const struct imgport_check_options *o,
                  struct err *err)
{
    struct imgport_check_options all = *o;
    enum imgport_verdict verdict;
    struct imgport_error error;
    char *text = NULL;
    int r;

    all.profile = j->service->config->profile;
    all.progress = library_progress;
    all.progress_arg = j;
    r = imgport_check(&text, &verdict, &all, &error);
    return library_report(ret, r, text, j, &error, err);
}
