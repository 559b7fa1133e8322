/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks_page.c: prints imgport-checks(7) from the catalogue itself, so that the page
 * says what the program does */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rules/rules.h"

/* roff takes a line that begins with a dot or a quote for a request, a backslash for an
 * escape and a hyphen for the typographic one. */
static void text(const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", stdout);
    for (; *s; s++) {
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
    }
    putchar('\n');
}

static bool section(char letter)
{
    static const struct {
        char letter;
        const char *title, *about;
    } sections[] = {
        {'C', "SOURCE AND CONTAINER",
         "A container that is not taken ends the inspection: only these checks run "
         "then."},
        {'P', "PARTITION TABLE AND BOOT CHAIN",
         "An installer medium (P11) ends these checks."},
        {'L', "LINUX GUEST",
         "These need a root that was found and read; what a kernel lacks that does not "
         "start "
         "by default is a note."},
        {'N', "WINDOWS GUEST", "These need a Windows that was found and read."},
    };

    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (sections[i].letter == letter) {
            printf(".Sh %s\n", sections[i].title);
            text(sections[i].about);
            return true;
        }
    fprintf(stderr, "checks_page: no section for %c\n", letter);
    return false;
}

static bool check(const struct check_row *row)
{
    const char *code = answer_code_name(row->code);
    const char *remedy = check_remedy(row->id);

    printf(".It Sy %s Pq %s%s%s\n", row->id, finding_level_name(row->level),
           code ? ", " : "", code ? code : "");
    text(row->title);
    printf(".br\nSeen by:\n");
    text(row->evidence);
    if (!remedy) {
        fprintf(stderr, "checks_page: no remedy for %s\n", row->id);
        return false;
    }
    printf(".br\nRemedy:\n");
    text(remedy);
    return true;
}

int main(void)
{
    const struct check_row *row;
    char letter = '\0';

    printf(
        ".\\\" SPDX-License-" /* in two, for who counts these lines */
        "Identifier: GPL-2.0-or-later\n"
        ".\\\" Written by checks_page from src/rules/checks.def.\n"
        ".Dd November 21, 2026\n.Dt IMGPORT-CHECKS 7\n.Os\n"
        ".Sh NAME\n.Nm imgport-checks\n"
        ".Nd what imgport looks for in a machine image\n"
        ".Sh DESCRIPTION\n"
        "Each check has an id, a level and, where the cloud has one, the code of the\n"
        "cloud's own answer.\n"
        "The level given here is the usual one; a check may find something less grave,\n"
        "and a profile may set another,\n"
        "see\n.Xr imgport-profile 5 .\n"
        "The remedy given here is the general one; a finding has the commands for its\n"
        "guest.\n"
        ".Bl -tag -width warning\n"
        ".It Cm error\nThe image is refused.\n"
        ".It Cm warning\nThe image is taken, but an instance of it may not work as it "
        "should.\n"
        ".It Cm note\nWorth knowing.\n"
        ".El\n"
        ".Pp\n"
        "The answer to an import is the first of these codes that a finding at level\n"
        ".Cm error\n"
        "carries:\n"
        ".Cm InvalidUrl , InvalidFormatSize , PartitionNotPresent ,\n"
        ".Cm RootPartitionNotFound , VirtioNotInstall , CloudInitNotInstalled .\n"
        ".Pp\n"
        "A check whose object is absent is not run, and what could not be looked at\n"
        "gives no finding: the verdict is then undecided, unless something else refuses\n"
        "the image for certain.\n");
    for (unsigned i = 0; (row = check_at(i)); i++) {
        if (row->id[0] != letter) {
            if (letter)
                printf(".El\n");
            letter = row->id[0];
            if (!section(letter))
                return 1;
            printf(".Bl -tag -width Ds\n");
        }
        if (!check(row))
            return 1;
    }
    printf(".El\n.Sh SEE ALSO\n.Xr imgport-check 1 ,\n.Xr imgport-profile 5\n");
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
