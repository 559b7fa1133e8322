/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who signed it: lines of the input are Authorization, query, host, time and a header;
 * the rest is the body.  The first byte chooses TC3, or v1 over the query. */
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "service/query.h"
#include "service/sign.h"

enum { LINES = 5, PAIRS = 64 };

static const char *header_of(void *arg, const char *name)
{
    char **lines = arg;

    return strlen(name) % 3 == 0 ? NULL : lines[4];
}

static void try_v1(char **lines)
{
    struct bytes rest = bytes_of(lines[1], strlen(lines[1]));
    struct buf texts[2 * PAIRS] = {0};
    struct v1_pair pairs[PAIRS];
    struct query_pair p;
    size_t n = 0;

    while (n < PAIRS && query_next(&p, &rest, NULL) > 0) {
        struct buf *name = &texts[2 * n], *value = &texts[2 * n + 1];

        if (query_decode(name, p.name, true, NULL) < 0 ||
            query_decode(value, p.value, true, NULL) < 0)
            break;
        pairs[n++] = (struct v1_pair){bytes_of(buf_str(name), name->n),
                                      bytes_of(buf_str(value), value->n)};
    }
    (void)v1_verify(
        &(struct v1_request){
            .method = "GET",
            .host = lines[2],
            .path = "/",
            .hash = (int)(strlen(lines[3]) & 1),
            .pairs = pairs,
            .n_pairs = n,
            .signature = bytes_of(lines[0], strlen(lines[0])),
        },
        "secret");
    for (size_t i = 0; i < 2 * PAIRS; i++)
        buf_fini(&texts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(freep) char *copy = malloc(size + 1);
    char *lines[LINES], *at = copy;
    struct tc3 t;

    if (!copy || size < 1)
        return 0;
    memcpy(copy, data, size);
    copy[size] = '\0';
    at++;
    for (int i = 0; i < LINES; i++) {
        char *end = strchr(at, '\n');

        lines[i] = at;
        if (end)
            *end = '\0';
        at = end ? end + 1 : at + strlen(at);
    }
    if (copy[0] & 1)
        try_v1(lines);
    else if (!tc3_read(&t, lines[0]))
        (void)tc3_verify(&t,
                         &(struct tc3_request){
                             .method = copy[0] & 2 ? "GET" : "POST",
                             .query = lines[1],
                             .host = lines[2],
                             .timestamp = lines[3],
                             .body = bytes_of(at, strlen(at)),
                             .unsigned_payload = copy[0] & 4,
                             .header = header_of,
                             .arg = lines,
                         },
                         "secret", strtoll(lines[3], NULL, 10) % 100000000000, 300);
    return 0;
}
