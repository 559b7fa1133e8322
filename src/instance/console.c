/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/console.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"
#include "base/text.h"

static const char *const stage_names[] = {
    [CONSOLE_SILENT] = "silent",       [CONSOLE_FIRMWARE] = "firmware",
    [CONSOLE_LOADER] = "loader",       [CONSOLE_KERNEL] = "kernel",
    [CONSOLE_INITRAMFS] = "initramfs", [CONSOLE_ROOT] = "root",
    [CONSOLE_USERLAND] = "userland",   [CONSOLE_LOGIN] = "login",
};

static const char *const stop_names[] = {
    [CONSOLE_GOES_ON] = "none",
    [CONSOLE_NO_BOOT] = "no-boot",
    [CONSOLE_LOADER_FAILED] = "loader",
    [CONSOLE_KERNEL_FAILED] = "kernel",
    [CONSOLE_KERNEL_FAULT] = "kernel-fault",
    [CONSOLE_KERNEL_NO_ROOT] = "kernel-no-root",
    [CONSOLE_NO_ROOT] = "initramfs-no-root",
    [CONSOLE_EMERGENCY] = "emergency",
};

_Static_assert(ARRAY_SIZE(stage_names) == CONSOLE_STAGE_MAX, "a stage without a name");
_Static_assert(ARRAY_SIZE(stop_names) == CONSOLE_STOP_MAX, "a stop without a name");

const char *console_stage_name(enum console_stage s)
{
    return s < CONSOLE_STAGE_MAX ? stage_names[s] : "";
}

const char *console_stop_name(enum console_stop s)
{
    return s < CONSOLE_STOP_MAX ? stop_names[s] : "";
}

/* What a line means that has `first`, and behind it `then`.  A prompt stands at the end
 * of what was said, and no newline follows. */
struct sign {
    const char *first, *then;
    enum console_stage stage; /* it has come so far */
    enum console_stop stop;   /* and no further */
    bool is_prompt;
    bool is_clue;     /* evidence every time, also where it is no news */
    bool is_anywhere; /* a stop also behind that stage */
    bool ends_root;   /* ... where what was mounted proves to be no root */
    bool is_fault;    /* behind the kernel's own start the image may be innocent */
};

#define AT(stage, first, then)                            \
    {                                                     \
        first, then, stage, CONSOLE_GOES_ON, false, false \
    }
#define CLUE(stage, first, then)                         \
    {                                                    \
        first, then, stage, CONSOLE_GOES_ON, false, true \
    }
#define STOP(stage, stop, first, then)        \
    {                                         \
        first, then, stage, stop, false, true \
    }
#define PANIC(stop, first, then)                             \
    {                                                        \
        first, then, CONSOLE_KERNEL, stop, false, true, true \
    }
#define FAULT(first, then)                                                            \
    {                                                                                 \
        first, then, CONSOLE_KERNEL, CONSOLE_KERNEL_FAILED, false, true, true, false, \
            true                                                                      \
    }
#define PROMPT(stage, stop, text)           \
    {                                       \
        text, NULL, stage, stop, true, true \
    }
#define NO_INIT(first, then, is_prompt)                                               \
    {                                                                                 \
        first, then, CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, is_prompt, true, false, true \
    }

/* Who prints what; the first that fits is taken.  "Kernel panic" within the initramfs is
 * the end of its init: see below. */
static const struct sign signs[] = {
    /* SeaBIOS, and OVMF's boot manager.  "Boot failed" is followed by the next disk. */
    STOP(CONSOLE_FIRMWARE, CONSOLE_NO_BOOT, "No bootable device", NULL),
    STOP(CONSOLE_FIRMWARE, CONSOLE_NO_BOOT, "BdsDxe: No bootable option", NULL),
    CLUE(CONSOLE_FIRMWARE, "Boot failed", NULL),
    CLUE(CONSOLE_FIRMWARE, "BdsDxe: failed to", NULL),
    PROMPT(CONSOLE_FIRMWARE, CONSOLE_NO_BOOT, "Shell>"),
    AT(CONSOLE_FIRMWARE, "SeaBIOS (version", NULL),
    CLUE(CONSOLE_FIRMWARE, "Booting from Hard Disk", NULL),
    CLUE(CONSOLE_FIRMWARE, "BdsDxe: starting Boot", NULL),
    AT(CONSOLE_FIRMWARE, "BdsDxe: ", NULL),

    /* Boot records of DOS and Windows, isolinux and its family, GRUB 0.97, GRUB 2. */
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "Missing operating system", NULL),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "Operating system not found", NULL),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "Error loading operating system", NULL),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "BOOTMGR is missing", NULL),
    CLUE(CONSOLE_LOADER, "Could not find kernel image", NULL),
    CLUE(CONSOLE_LOADER, "Could not find ramdisk image", NULL),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "No DEFAULT or UI configuration", NULL),
    CLUE(CONSOLE_LOADER, "error: ", NULL),
    PROMPT(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "Press any key to continue..."),
    PROMPT(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "boot:"),
    PROMPT(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "grub rescue>"),
    PROMPT(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "grub>"),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "Entering rescue mode", NULL),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "you need to load the kernel first",
         NULL),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "GRUB ", "Hard Disk Error"),
    STOP(CONSOLE_LOADER, CONSOLE_LOADER_FAILED, "GRUB ", "Read Error"),
    AT(CONSOLE_LOADER, "GNU GRUB  version", NULL),
    AT(CONSOLE_LOADER, "GRUB loading", NULL),
    AT(CONSOLE_LOADER, "Welcome to GRUB!", NULL),
    AT(CONSOLE_LOADER, "GRUB Loading stage", NULL),
    AT(CONSOLE_LOADER, "LINUX ", "Copyright (C) 1994-"), /* SYSLINUX, EXTLINUX */
    AT(CONSOLE_LOADER, "Booting `", NULL),
    AT(CONSOLE_LOADER, "Loading Linux ", NULL),
    AT(CONSOLE_LOADER, "Loading /boot/vmlinu", NULL),
    AT(CONSOLE_LOADER, "EFI stub: ", NULL),

    AT(CONSOLE_KERNEL, "Linux version ", NULL),
    PANIC(CONSOLE_KERNEL_NO_ROOT, "Kernel panic", "VFS: Unable to mount root"),
    /* The timer is looked for in a moment in which a busy host did not run the machine.
     */
    PANIC(CONSOLE_KERNEL_FAULT, "Kernel panic", "IO-APIC + timer doesn't work"),
    FAULT("Kernel panic - not syncing", "Fatal exception"),
    PANIC(CONSOLE_KERNEL_FAILED, "Kernel panic - not syncing", NULL),
    PANIC(CONSOLE_GOES_ON, "kernel BUG at", NULL),
    PANIC(CONSOLE_GOES_ON, "Oops: ", NULL),
    PANIC(CONSOLE_GOES_ON, "RIP: 0010:", NULL),
    CLUE(CONSOLE_KERNEL, "Initramfs unpacking failed", NULL),
    CLUE(CONSOLE_KERNEL, "VFS: Cannot open root device", NULL),
    CLUE(CONSOLE_ROOT, "VFS: Mounted root (", NULL),
    AT(CONSOLE_INITRAMFS, "Run /init as init process", NULL),
    AT(CONSOLE_USERLAND, "Run /sbin/init as init process", NULL),

    /* initramfs-tools, dracut, tiny-initramfs. */
    AT(CONSOLE_INITRAMFS, "Loading, please wait...", NULL),
    AT(CONSOLE_INITRAMFS, "Running in initial RAM disk", NULL),
    AT(CONSOLE_INITRAMFS, "Running in initrd", NULL),
    STOP(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "ALERT!", "does not exist"),
    STOP(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "Gave up waiting for root", NULL),
    CLUE(CONSOLE_INITRAMFS, "Gave up waiting for", "device"),
    NO_INIT("No init found", NULL, false),
    NO_INIT("Target filesystem doesn't have", "init", false),
    NO_INIT("(initramfs)", NULL, true),
    CLUE(CONSOLE_INITRAMFS, "dracut-initqueue", "does not exist"),
    CLUE(CONSOLE_INITRAMFS, "Warning: /dev/", "does not exist"),
    STOP(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "dracut-initqueue", "Could not boot"),
    STOP(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "dracut-initqueue",
         "timeout, still waiting"),
    STOP(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "Warning: Could not boot", NULL),
    STOP(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "Failed to mount", "/sysroot"),
    PROMPT(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "dracut:/#"),
    STOP(CONSOLE_INITRAMFS, CONSOLE_NO_ROOT, "while waiting for devices", NULL),
    AT(CONSOLE_ROOT, "Begin: Running /scripts/local-bottom", NULL),
    AT(CONSOLE_ROOT, "EXT4-fs (", "): mounted filesystem"),
    AT(CONSOLE_ROOT, "EXT3-fs (", "): mounted filesystem"),
    AT(CONSOLE_ROOT, "EXT2-fs (", "): mounted"),
    AT(CONSOLE_ROOT, "XFS (", "): Ending clean mount"),
    AT(CONSOLE_ROOT, "XFS (", "): Ending recovery"),
    AT(CONSOLE_ROOT, "Switching root", NULL),

    CLUE(CONSOLE_USERLAND, "Timed out waiting for device", NULL),
    CLUE(CONSOLE_USERLAND, "Dependency failed for", "Local File Systems"),
    CLUE(CONSOLE_USERLAND, "Dependency failed for", "local-fs.target"),
    STOP(CONSOLE_USERLAND, CONSOLE_EMERGENCY, "You are in emergency mode", NULL),
    STOP(CONSOLE_USERLAND, CONSOLE_EMERGENCY, "You are in rescue mode", NULL),
    STOP(CONSOLE_USERLAND, CONSOLE_EMERGENCY, "Cannot open access to console", NULL),
    STOP(CONSOLE_USERLAND, CONSOLE_EMERGENCY, "Give root password for maintenance", NULL),
    STOP(CONSOLE_USERLAND, CONSOLE_EMERGENCY, "A maintenance shell will now be started",
         NULL),
    STOP(CONSOLE_USERLAND, CONSOLE_EMERGENCY, "Press Enter for maintenance", NULL),
    AT(CONSOLE_USERLAND, "INIT: version ", "booting"),
    PROMPT(CONSOLE_LOGIN, CONSOLE_GOES_ON, " login:"),
};

/* systemd says the same within an initramfs and behind it, so does whoever gives up. */
static void weigh(const struct console *c, struct sign *s)
{
    bool in_initramfs = c->stage == CONSOLE_INITRAMFS;

    if (in_initramfs && s->stop == CONSOLE_EMERGENCY) {
        s->stage = CONSOLE_INITRAMFS;
        s->stop = CONSOLE_NO_ROOT;
    }
    /* Its init, or the shell that it left us with, has ended. */
    if (in_initramfs &&
        (s->stop == CONSOLE_KERNEL_FAILED || s->stop == CONSOLE_KERNEL_NO_ROOT))
        s->stop = CONSOLE_NO_ROOT;
    if (c->stage > CONSOLE_KERNEL && s->is_fault)
        s->stop = CONSOLE_KERNEL_FAULT;
}

static bool has(struct bytes line, const char *first, const char *then)
{
    long at = text_find(line, first);
    size_t behind;

    if (at < 0 || !then)
        return at >= 0;
    behind = (size_t)at + strlen(first);
    return text_find(bytes_sub(line, behind, line.n - behind), then) >= 0;
}

static bool find_sign(struct sign *ret, const struct console *c, struct bytes line,
                      bool whole)
{
    /* Where its init runs: behind the root it is the system's own. */
    static const struct sign runs =
        AT(CONSOLE_USERLAND, "systemd[1]: systemd ", "running in system mode");

    for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
        const struct sign *s = &signs[i];

        if (s->is_prompt ? !text_ends(line, s->first)
                         : !whole || !has(line, s->first, s->then))
            continue;
        *ret = *s;
        weigh(c, ret);
        return true;
    }
    if (!whole || !has(line, runs.first, runs.then))
        return false;
    *ret = runs;
    if (c->stage < CONSOLE_ROOT)
        ret->stage = CONSOLE_INITRAMFS;
    return true;
}

static void keep(struct console_line *to, struct bytes line, double at)
{
    to->at = at;
    text_clean(to->text, sizeof to->text, line, sizeof to->text - 1);
}

/* Of more than there is room for the last is replaced: how it ended tells most. */
static void add_evidence(struct console *c, struct bytes line, double at)
{
    if (!c->line_told && c->evidence_n < CONSOLE_EVIDENCE_MAX)
        c->evidence_n++;
    if (!c->line_told)
        c->line_told = c->evidence_n;
    keep(&c->evidence[c->line_told - 1], line, at);
}

static bool take_cloud_init(struct console *c, struct bytes line)
{
    bool done = has(line, "Cloud-init v.", "finished at");
    bool runs = has(line, "cloud-init[", NULL) || has(line, "Cloud-init v.", "running '");
    bool first = runs && !c->cloud_init_runs;

    c->cloud_init_runs |= runs | done;
    if (!done)
        return first;
    c->cloud_init_done = true;
    c->cloud_init_nothing = has(line, "DataSourceNone", NULL);
    return true;
}

/* The word with nothing around it that could be part of it. */
static bool has_word(struct bytes line, const char *word)
{
    long at = *word ? text_find(line, word) : -1;
    size_t end;

    if (at < 0)
        return false;
    end = (size_t)at + strlen(word);
    return (at == 0 || line.p[at - 1] <= ' ') && (end == line.n || line.p[end] <= ' ');
}

static bool take_settings(struct console *c, struct bytes line, bool whole)
{
    bool nonce = whole && has_word(line, c->nonce);
    bool news = nonce && !c->has_nonce;
    bool name = has_word(line, c->hostname) && text_ends(line, " login:");

    news |= name && !c->has_settings;
    c->has_nonce |= nonce;
    c->has_settings |= nonce | name;
    return news;
}

/* The kernel tells of a mounted filesystem before anybody looks for an init in it. */
static bool is_news_of(const struct console *c, const struct sign *s)
{
    return s->stage >= c->stage || s->is_anywhere ||
           (s->ends_root && c->stage == CONSOLE_ROOT);
}

/* A line, or as much of it as has come, which may be a prompt. */
static void look(struct console *c, struct bytes line, bool whole, double at)
{
    struct sign s;
    bool tells = whole && take_cloud_init(c, line);

    tells |= take_settings(c, line, whole);
    if (whole && has(line, "Timed out waiting for device", NULL))
        c->waited_for_device = true;
    if (find_sign(&s, c, line, whole) && is_news_of(c, &s)) {
        if (s.ends_root && c->stage == CONSOLE_ROOT)
            c->stage = s.stage;
        tells |= s.is_clue || s.stage > c->stage;
        if (s.stage > c->stage)
            c->stop = CONSOLE_GOES_ON; /* the default entry, after a prompt */
        c->stage = s.stage > c->stage ? s.stage : c->stage;
        if (s.stop != CONSOLE_GOES_ON && c->stop == CONSOLE_GOES_ON)
            c->stop = s.stop;
    }
    if (tells || c->line_told)
        add_evidence(c, line, at);
}

enum { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI, ESCAPE_STRING, ESCAPE_ONE };

static struct bytes pending(const struct console *c)
{
    return text_trim(bytes_of(c->line, c->line_n));
}

static void end_line(struct console *c, double at)
{
    struct bytes line = pending(c);

    c->escape = ESCAPE_NONE;

    if (line.n) {
        look(c, line, true, at);
        keep(&c->tail[c->tail_n++ % CONSOLE_TAIL_MAX], line, at);
    }
    c->line_n = 0;
    c->line_told = 0;
}

/* ECMA-48, as far as consoles are told of it: a cursor that moves to another line ends
 * this one. */
static void take_escape(struct console *c, uint8_t b, double at)
{
    switch (c->escape) {
    case ESCAPE_BEGUN:
        c->escape = b == '['                           ? ESCAPE_CSI
                    : b == ']' || b == 'P'             ? ESCAPE_STRING
                    : b == '(' || b == ')' || b == '#' ? ESCAPE_ONE
                                                       : ESCAPE_NONE;
        break;
    case ESCAPE_CSI:
        if (b < 0x40 || b > 0x7e)
            break;
        if (b == 'H' || b == 'f' || b == 'J')
            end_line(c, at);
        c->escape = ESCAPE_NONE;
        break;
    case ESCAPE_STRING:
        if (b == '\a' || b == '\\')
            c->escape = ESCAPE_NONE;
        break;
    default:
        c->escape = ESCAPE_NONE;
    }
}

static void take_byte(struct console *c, uint8_t b, double at)
{
    if (b == '\033')
        c->escape = ESCAPE_BEGUN;
    else if (c->escape && b != '\n')
        take_escape(c, b, at);
    else if (b == '\n' || b == '\r')
        end_line(c, at);
    else if (b == '\b' && c->line_n)
        c->line_n--;
    else if ((b >= ' ' || b == '\t') && c->line_n < sizeof c->line)
        c->line[c->line_n++] = (char)b;
}

void console_init(struct console *c, const char *nonce, const char *hostname)
{
    *c = (struct console){.stage = CONSOLE_SILENT};
    assert(strlen(nonce) < sizeof c->nonce && strlen(hostname) < sizeof c->hostname);
    snprintf(c->nonce, sizeof c->nonce, "%s", nonce);
    snprintf(c->hostname, sizeof c->hostname, "%s", hostname);
}

void console_restart(struct console *c, double at)
{
    end_line(c, at);
    c->stage = CONSOLE_SILENT;
    c->stop = CONSOLE_GOES_ON;
    c->cloud_init_runs = c->cloud_init_done = c->cloud_init_nothing = false;
}

void console_take(struct console *c, struct bytes said, double at)
{
    for (size_t i = 0; i < said.n; i++)
        take_byte(c, said.p[i], at);
    /* Prompts wait for an answer, and so would we for their end. */
    if (pending(c).n)
        look(c, pending(c), false, at);
}
