/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub.c: which entry GRUB 2 would start
 *
 * grub.cfg is a script, and the default is what its variables say at the end: so it is
 * run, with the commands that matter and without the rest.  The entry's own body is run
 * last, for its "linux" and "initrd". */
#include "guest/boot/grub.h"

enum { CONFIGS_MAX = 8, SUBMENUS_MAX = 8 };

/* A title or id up to ">"; ">>" stands for one that belongs to it. */
static bool name_matches(const char *name, const char *want)
{
    while (*name && *want) {
        if (*want == '>') {
            if (want[1] != '>')
                return false;
            want++;
        }
        if (*name != *want)
            return false;
        name++;
        want++;
    }
    return !*name && (!*want || (want[0] == '>' && want[1] != '>'));
}

/* The entry that `want` names, by number, title or id; NULL: none. */
static const struct menu_entry *find(const struct menu *m, const char *want)
{
    size_t digits = strspn(want, "0123456789");
    uint64_t n;

    if (digits && (want[digits] == '\0' || want[digits] == '>') &&
        text_u64(&n, bytes_of(want, digits)))
        return n < m->entries.n ? &m->entries.v[n] : NULL;
    for (size_t i = 0; i < m->entries.n; i++)
        if (name_matches(m->entries.v[i].title, want) ||
            (*m->entries.v[i].id && name_matches(m->entries.v[i].id, want)))
            return &m->entries.v[i];
    return NULL;
}

static const char *behind_arrow(const char *want)
{
    for (; *want; want++) {
        if (want[0] != '>')
            continue;
        if (want[1] != '>')
            return want + 1;
        want++;
    }
    return "";
}

static int expand_one(struct grub *x, const char *text, const char **ret, struct err *err)
{
    struct grub_words w = {0};
    int r = grub_split(&x->script, bytes_of(text, strlen(text)), &w, err);

    *ret = r == 0 && w.w.n ? w.w.v[0] : "";
    return r;
}

/* Paths and options of such an entry hold variables: "$kernelopts $tuned_params". */
static int run_bls(struct grub *x, const struct menu_entry *m, struct err *err)
{
    struct boot_entry *e = &x->ret->entry;
    const char *options =
        *m->bls->options ? m->bls->options : grub_get(&x->script, "default_kernelopts");
    struct grub_words w = {0};
    int r = grub_split(&x->script, bytes_of(options, strlen(options)), &w, err);

    if (r < 0)
        return r;
    e->options = grub_join(x, &w, 0);
    e->kernel.fs = m->bls_dir.fs;
    r = expand_one(x, m->bls->kernel, &e->kernel.path, err);
    for (size_t i = 0; i < m->bls->initrds.n && r == 0; i++) {
        struct boot_file f = {m->bls_dir.fs, ""}, *p;

        r = expand_one(x, m->bls->initrds.v[i], &f.path, err);
        p = *f.path ? LIST_ADD(&x->arena, &e->initrds) : NULL;
        if (p)
            *p = f;
    }
    return r;
}

/* Goes down the submenus to the entry that starts, and runs it.  A name that nothing has
 * means the first entry, as it does for GRUB. */
static int run_default(struct grub *x, const char *want, struct err *err)
{
    for (int depth = 0; depth < SUBMENUS_MAX; depth++) {
        const struct menu *m = x->menu;
        const struct menu_entry *e = find(m, want);
        int r;

        want = e ? behind_arrow(want) : "";
        if (!e && m->entries.n)
            e = m->entries.v;
        if (!e)
            return 0;
        x->ret->found = true;
        x->ret->entry = (struct boot_entry){.title = e->title, .options = ""};
        x->ret->entry.kernel.path = "";
        if (e->bls)
            return run_bls(x, e, err);
        if (e->submenu) {
            x->menu = arena_alloc(&x->arena, sizeof *x->menu);
            if (!x->menu)
                return arena_check(&x->arena, err);
        }
        r = grub_run(&x->script, e->body, &e->params, err);
        if (r < 0 || !e->submenu)
            return r;
    }
    return FAIL(err, ERR_LIMIT, "grub.cfg: submenus deeper than %d", SUBMENUS_MAX);
}

/* Runs settings, those they lead on to, and what is then the default. */
static int run_configs(struct grub *x, struct bytes text, struct err *err)
{
    for (int n = 0; n < CONFIGS_MAX; n++) {
        int r;

        x->next_config = "";
        x->menu = arena_alloc(&x->arena, sizeof *x->menu);
        if (!x->menu)
            return arena_check(&x->arena, err);
        r = grub_run(&x->script, text, NULL, err);
        if (r == 0 && !*x->next_config)
            r = run_default(x, grub_get(&x->script, "default"), err);
        if (r == 0 && *x->next_config)
            r = grub_read(x, x->next_config, &text, err);
        if (r <= 0)
            return r;
    }
    return FAIL(err, ERR_LIMIT, "grub.cfg: more than %d files lead to the next",
                CONFIGS_MAX);
}

static bool starts_by_bios(const struct guest *g)
{
    for (size_t i = 0; i < g->facts->firmware.n; i++)
        if (strcmp(g->facts->firmware.v[i], "bios") == 0)
            return true;
    return false;
}

static int set_variables(struct grub *x, const struct guest_fs *fs, const char *dir,
                         struct err *err)
{
    static const char *const features[] = {
        "feature_chainloader_bpb",      "feature_ntldr",
        "feature_platform_search_hint", "feature_default_font_path",
        "feature_all_video_module",     "feature_menuentry_id",
        "feature_menuentry_options",    "feature_200_final",
        "feature_nativedisk_cmd",       "feature_timeout_style",
    };
    const char *root = grub_device_name(x, fs);
    const char *prefix = arena_printf(&x->arena, "(%s)%s", root, dir);
    bool bios = starts_by_bios(x->g) || !x->g->facts->disk.esp;
    const struct grub_variable start[] = {
        {"root", root},
        {"prefix", prefix},
        {"config_directory", prefix},
        {"grub_platform", bios ? "pc" : "efi"},
        {"grub_cpu", bios ? "i386" : "x86_64"},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(start) && r == 0; i++)
        r = grub_set(&x->script, start[i].name, start[i].value, err);
    for (size_t i = 0; i < ARRAY_SIZE(features) && r == 0; i++)
        r = grub_set(&x->script, features[i], "y", err);
    return r;
}

/* Out of the scratch arena into the guest's. */
static void keep(struct grub *x)
{
    struct boot_entry *e = &x->ret->entry, old = *e;
    struct arena *a = x->g->arena;

    *e = (struct boot_entry){.linux16 = old.linux16};
    e->title = arena_str(a, old.title);
    e->options = arena_str(a, old.options);
    e->hypervisor = old.hypervisor ? arena_str(a, old.hypervisor) : "";
    e->kernel = (struct boot_file){old.kernel.fs, arena_str(a, old.kernel.path)};
    for (size_t i = 0; i < old.initrds.n; i++) {
        struct boot_file *f = LIST_ADD(a, &e->initrds);

        if (f)
            *f = (struct boot_file){old.initrds.v[i].fs,
                                    arena_str(a, old.initrds.v[i].path)};
    }
    x->ret->saved = arena_str(a, grub_get(&x->script, "saved_entry"));
}

/* Runs the file at `path`, or `text` when there is any. */
static int run(struct boot_choice *ret, struct guest *g, struct boot_file config,
               const char *dir, struct bytes text, struct err *err)
{
    struct grub x = {.g = g, .ret = ret, .arena = {.max = GRUB_ARENA_MAX}};
    struct bytes b = text;
    int r;

    x.script =
        (struct grub_script){.arena = &x.arena, .command = grub_command, .arg = &x};
    r = set_variables(&x, config.fs, dir, err);
    if (r == 0 && !text.p)
        r = grub_read(&x, config.path, &b, err);
    if (r >= 0)
        r = run_configs(&x, b, err);
    keep(&x);
    if (r == 0)
        r = arena_check(&x.arena, err);
    arena_fini(&x.arena);
    return r;
}

int boot_grub(struct boot_choice *ret, struct guest *g, struct boot_file config,
              struct err *err)
{
    return run(ret, g, config, boot_dirname(g, config.path), (struct bytes){0}, err);
}

int boot_grub_tar(struct boot_choice *ret, struct guest *g, struct boot_file config,
                  struct err *err)
{
    AUTO(buf_fini) struct buf b = {0};
    struct bytes text = {0};
    int r = boot_read(g, config.fs, config.path, BOOT_CONFIG_MAX, &b, err);

    if (r < 0)
        return r;
    if (!boot_tar_find(&text, buf_bytes(&b), "grub.cfg"))
        return FAIL(err, ERR_CORRUPT, "no tar archive with a grub.cfg");
    return run(ret, g, config, boot_dirname(g, config.path), text, err);
}

/* What the grub.cfg of such a system comes down to. */
int boot_bls(struct boot_choice *ret, struct guest *g, struct boot_file config,
             struct err *err)
{
    const char *top = boot_dirname(g, boot_dirname(g, config.path));
    const char *script = arena_printf(g->arena,
                                      "load_env\n"
                                      "set default=\"${saved_entry}\"\n"
                                      "set blsdir='%s'\n"
                                      "blscfg\n",
                                      config.path);
    int r = run(ret, g, config, arena_printf(g->arena, "%s/grub2", top),
                bytes_of(script, strlen(script)), err);

    if (r == 0)
        ret->problem = "there is an entry for GRUB, but no grub.cfg on a filesystem that "
                       "is read";
    return r;
}
