/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/report.h"

#include "api/session.h"
#include "guest/facts_json.h"
#include "imgport/imgport.h"

static json_t *json_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

json_t *report_error_to_json(const struct fact_problem *p)
{
    char told[ERR_TOLD_MAX];

    if (!p)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:s}", "layer", p->layer, "code", p->code,
                     "subject", p->subject, "message",
                     err_told(told, p->code, p->message));
}

const char *report_fault_told(char *ret, size_t room, const char *fault,
                              const char *detail)
{
    return i18n_beside(ret, room, check_fault_sentence(fault), detail);
}

json_t *report_finding_to_json(const struct finding *f)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s}", "id", f->id, "level",
                     finding_level_name(f->level), "code",
                     json_or_null(answer_code_name(f->code)), "subject", f->subject,
                     "detail", f->detail, "remedy", f->remedy);
}

static json_t *findings_to_json(const finding_list *list)
{
    json_t *a = json_array();

    for (size_t i = 0; a && i < list->n; i++) {
        if (json_array_append_new(a, report_finding_to_json(&list->v[i])) < 0) {
            json_decref(a);
            return NULL;
        }
    }
    return a;
}

json_t *report_to_json(const struct report *report, const struct facts *facts,
                       const struct profile *profile, const char *source)
{
    /* json_pack() lets go of what it was given when one of the parts is NULL. */
    return json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "imgport",
                     imgport_version(), "profile", profile_name(profile), "source",
                     session_text(source), "verdict", verdict_name(report->verdict),
                     "code", json_or_null(answer_code_name(report->code)), "error",
                     report_error_to_json(report->error), "findings",
                     findings_to_json(&report->findings), "facts", facts_to_json(facts));
}

static json_t *judgement_to_json(const struct judgement *j)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "profile", profile_name(j->profile),
                     "verdict", verdict_name(j->report.verdict), "code",
                     json_or_null(answer_code_name(j->report.code)), "error",
                     report_error_to_json(j->report.error), "findings",
                     findings_to_json(&j->report.findings));
}

json_t *judgements_to_json(const struct judgement *v, size_t n, enum verdict verdict,
                           const struct facts *facts, const char *source)
{
    json_t *reports = json_array();

    for (size_t i = 0; reports && i < n; i++) {
        if (json_array_append_new(reports, judgement_to_json(&v[i])) < 0) {
            json_decref(reports);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:s, s:o, s:o}", "imgport", imgport_version(), "source",
                     session_text(source), "verdict", verdict_name(verdict), "reports",
                     reports, "facts", facts_to_json(facts));
}
