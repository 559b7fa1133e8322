/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/tell.h"

#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "rules/profile.h"

/* What the codes mean, for those who have never read the guide. */
static const char *meaning(const char *reason)
{
    static const struct {
        const char *reason, *text;
    } meanings[] = {
        {"InvalidUrl", N_("the link could not be read")},
        {"InvalidFormatSize", N_("the format or the size of the image is not taken")},
        {"PartitionNotPresent", N_("the image has no partition table that is taken")},
        {"RootPartitionNotFound", N_("the image has no root partition")},
        {"VirtioNotInstall", N_("the system has no virtio drivers")},
        {"CloudInitNotInstalled", N_("the system has no cloud-init")},
        {"InternalError", N_("something failed on our side")},
        {"BucketNotFound", N_("the bucket cannot be written to")},
        {"Refused", N_("the cloud does not take it")},
        {"Canceled", N_("it was canceled")},
        {"OperationTimeout", N_("the guest did not do what it was asked for in time")},
        {"NoGuestAgent", N_("the guest has no agent that holds its filesystems still")},
    };

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(meanings[i].reason, reason) == 0)
            return i18n_text(meanings[i].text);
    return reason;
}

/* Lines behind the first stand where the first does. */
static const char *indented(struct arena *a, const char *text)
{
    const char *all = "";

    for (;;) {
        size_t n = strcspn(text, "\n");

        all = arena_printf(a, "%s%.*s", all, (int)n, text);
        if (!text[n])
            return all;
        all = arena_printf(a, "%s\n    ", all);
        text += n + 1;
    }
}

/* The remedies of every error, each once: all of them before the next try. */
static const char *remedies(struct arena *a, const json_t *report)
{
    const char *all = "";
    const json_t *f;
    size_t i;

    json_array_foreach(json_object_get(report, "findings"), i, f)
    {
        const char *remedy = job_text(f, "remedy");

        if (strcmp(job_text(f, "level"), "error") != 0 || !*remedy)
            continue;
        remedy = indented(a, remedy);
        if (!strstr(all, remedy))
            all = arena_printf(a, "%s\n  %s: %s", all, job_text(f, "id"), remedy);
    }
    return all;
}

static const char *data(struct arena *a, const struct job *j, const char *name,
                        const struct job_failure *why)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "ImageId", j->task->image,
                  "ImageName", name, "Region", j->task->region, "TaskId",
                  (json_int_t)j->task->id, "Reason", why ? why->reason : "", "SubCause",
                  why ? why->sub_cause : "", "Detail", why ? why->detail : "");
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    const char *kept = text ? arena_str(a, text) : "{}";

    free(text);
    json_decref(o);
    return kept;
}

/* What every message has.  Texts are of the job's arena. */
static int say(struct message_new *ret, struct job *j, const char *type, const char *name,
               const struct job_failure *why, const char *subject, const char *body,
               struct err *err)
{
    *ret = (struct message_new){
        .account = j->task->account,
        .type = type,
        .subject = subject,
        .body = body,
        .data = data(j->arena, j, name, why),
        .task = j->task->id,
        .image = j->task->image,
    };
    return arena_check(j->arena, err);
}

/* The sentence that says what failed, then why, what helps, and whom to ask. */
static const char *explain(struct job *j, const char *sentence,
                           const struct job_failure *why, const json_t *report)
{
    struct arena *a = j->arena;
    const char *support = j->service->config->support, *how = remedies(a, report);
    const char *body = arena_printf(a, _("%s\nReason: %s (%s)\nDetail: %s"), sentence,
                                    why->reason, meaning(why->reason), why->detail);

    if (*how)
        body = arena_printf(a, _("%s\nWhat helps:%s"), body, how);
    if (strcmp(why->reason, "InternalError") == 0)
        body = *support
                   ? arena_printf(a, _("%s\nTask: %lld.  Ask %s, and name the task."),
                                  body, (long long)j->task->id, support)
                   : arena_printf(a, _("%s\nTask: %lld"), body, (long long)j->task->id);
    return body;
}

int tell_import_done(struct message_new *ret, struct job *j, const char *name,
                     struct err *err)
{
    struct arena *a = j->arena;

    return say(ret, j, TELL_IMPORT_DONE, name, NULL,
               arena_printf(a, _("Image %s was imported"), j->task->image),
               arena_printf(a, _("The image %s (%s) in %s was imported and can be used."),
                            j->task->image, name, j->task->region),
               err);
}

int tell_import_failed(struct message_new *ret, struct job *j, const char *name,
                       const struct job_failure *why, const json_t *report,
                       struct err *err)
{
    struct arena *a = j->arena;
    const char *sentence =
        arena_printf(a, _("The image %s (%s) in %s could not be imported."),
                     j->task->image, name, j->task->region);

    return say(ret, j, TELL_IMPORT_FAILED, name, why,
               arena_printf(a, _("Image %s could not be imported: %s"), j->task->image,
                            why->reason),
               explain(j, sentence, why, report), err);
}

int tell_copy_done(struct message_new *ret, struct job *j, const char *name,
                   const char *source, struct err *err)
{
    struct arena *a = j->arena;

    return say(ret, j, TELL_COPY_DONE, name, NULL,
               arena_printf(a, _("Image %s was copied to %s"), source, j->task->region),
               arena_printf(a,
                            _("The image %s (%s) in %s is a copy of %s and can be used."),
                            j->task->image, name, j->task->region, source),
               err);
}

int tell_copy_failed(struct message_new *ret, struct job *j, const char *name,
                     const char *source, const struct job_failure *why, struct err *err)
{
    struct arena *a = j->arena;
    const char *sentence =
        arena_printf(a, _("The image %s could not be copied to %s (%s in %s)."), source,
                     j->task->image, name, j->task->region);

    return say(ret, j, TELL_COPY_FAILED, name, why,
               arena_printf(a, _("Image %s could not be copied to %s: %s"), source,
                            j->task->region, why->reason),
               explain(j, sentence, why, NULL), err);
}

int tell_export_done(struct message_new *ret, struct job *j, const char *objects,
                     struct err *err)
{
    struct arena *a = j->arena;

    return say(ret, j, TELL_EXPORT_DONE, "", NULL,
               arena_printf(a, _("Image %s was exported"), j->task->image),
               arena_printf(a, _("What was exported in %s is in these objects:%s"),
                            j->task->region, objects),
               err);
}

int tell_export_failed(struct message_new *ret, struct job *j, const char *bucket,
                       const struct job_failure *why, struct err *err)
{
    struct arena *a = j->arena;
    const char *sentence =
        arena_printf(a, _("The image %s in %s could not be exported to %s."),
                     j->task->image, j->task->region, bucket);

    return say(ret, j, TELL_EXPORT_FAILED, "", why,
               arena_printf(a, _("Image %s could not be exported: %s"), j->task->image,
                            why->reason),
               explain(j, sentence, why, NULL), err);
}

int tell_recheck(struct message_new *ret, struct job *j, const char *name,
                 const struct job_failure *why, const json_t *report, struct err *err)
{
    struct arena *a = j->arena;
    const char *rules = profile_name(j->service->profile), *sentence;
    struct job_failure told;

    if (!why)
        return say(ret, j, TELL_RECHECK, name, NULL,
                   arena_printf(a, _("Image %s is accepted by the rules of now"),
                                j->task->image),
                   arena_printf(a,
                                _("By the rules of %s as they are now, the image %s (%s) "
                                  "in %s is accepted."),
                                rules, j->task->image, name, j->task->region),
                   err);
    told = *why;
    if (strcmp(why->reason, "InternalError") == 0)
        told.reason = "Refused"; /* by a rule that has no code */
    sentence = arena_printf(
        a,
        _("By the rules of %s as they are now, the image %s (%s) in %s would not be "
          "imported any more.  It stays as it is and can be used."),
        rules, j->task->image, name, j->task->region);
    return say(ret, j, TELL_RECHECK, name, &told,
               arena_printf(a, _("Image %s is refused by the rules of now: %s"),
                            j->task->image, told.reason),
               explain(j, sentence, &told, report), err);
}

int tell_create_done(struct message_new *ret, struct job *j, const char *name,
                     const char *instance, const char *note, struct err *err)
{
    struct arena *a = j->arena;
    const char *body = arena_printf(
        a, _("The image %s (%s) was made of the instance %s and can be used."),
        j->task->image, name, instance);

    if (*note)
        body = arena_printf(a,
                            _("%s\nWhat makes a system the one that it is was left in "
                              "it (%s); an instance made of it gets its own by "
                              "cloud-init."),
                            body, note);
    return say(ret, j, TELL_CREATE_DONE, name, NULL,
               arena_printf(a, _("Image %s was made of %s"), j->task->image, instance),
               body, err);
}

int tell_create_failed(struct message_new *ret, struct job *j, const char *name,
                       const char *instance, const struct job_failure *why,
                       struct err *err)
{
    struct arena *a = j->arena;
    const char *sentence =
        arena_printf(a, _("The image %s (%s) could not be made of the instance %s."),
                     j->task->image, name, instance);

    return say(ret, j, TELL_CREATE_FAILED, name, why,
               arena_printf(a, _("Image %s could not be made of %s: %s"), j->task->image,
                            instance, why->reason),
               explain(j, sentence, why, NULL), err);
}
