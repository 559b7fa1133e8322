/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_metadata.c: what a guest sends to the metadata service.  Nothing is said before a
 * head is complete, more bytes behind it change nothing, and every answer says truly how
 * long it is. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "service/metadata_http.h"

static const struct ssh_key key = {"k", "ssh-ed25519 AAAA"};

/* Lives as long as the process. */
static const struct documents *tree(void)
{
    static struct arena a;
    static struct documents d;
    const struct instance_settings s = {
        .id = "ins-1",
        .uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        .incarnation = "6fa459ea-ee8a-3ca4-894e-db77e160355e",
        .hostname = "h",
        .keys = &key,
        .n_keys = 1,
        .user_data = bytes_of("data", 4),
        .net = {.mac = "52:54:00:00:00:01", .ip = "10.0.0.2", .mask = "255.0.0.0"},
        .region = "r",
        .zone = "z",
    };

    if (!d.n && settings_tree(&d, &a, &s, NULL) < 0)
        abort();
    return &d;
}

static void check_answer(const struct buf *b)
{
    const char *body = strstr(buf_str(b), "\r\n\r\n");
    const char *length = strstr(buf_str(b), "\r\nContent-Length: ");

    assert(strncmp(buf_str(b), "HTTP/1.1 ", 9) == 0);
    assert(!strstr(buf_str(b), " 500 "));
    assert(body && length && length < body);
    assert(strtoul(length + 18, NULL, 10) == b->n - (size_t)(body + 4 - b->p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_fini) struct buf path = {0}, again = {0}, answer = {0};
    struct bytes all = bytes_of(data, size);
    size_t n;
    int status;

    if (size > METADATA_HEAD_MAX + 100)
        return 0;
    status = metadata_request(&path, all, NULL);
    assert(status == 0 || (status >= 200 && status < 600));
    if (status == 0) {
        assert(size < METADATA_HEAD_MAX);
        return 0;
    }
    /* As it arrives: the first bytes that are judged are judged as all of them. */
    for (n = 0; n < size; n++) {
        int early = metadata_request(&again, bytes_sub(all, 0, n), NULL);

        if (early == 0)
            continue;
        assert(early == status);
        if (status == 200)
            assert(again.n == path.n && memcmp(again.p, path.p, path.n) == 0);
        break;
    }
    assert(metadata_answer(&answer, tree(), status, buf_bytes(&path), NULL) == 0);
    check_answer(&answer);
    return 0;
}
