/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load PORT SECRETID SECRETKEY CONNECTIONS SECONDS [BODY]: signed DescribeImages, as fast
 * as they are answered
 *
 * A request is signed anew (TC3-HMAC-SHA256) each time, as a client does, on keep-alive
 * connections, one request under way on each.  One thread and epoll, so that what it
 * takes of the machine is known: prints requests, requests a second, and its own CPU
 * seconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/scoped.h"
#include "service/sign.h"

enum { CONNECTIONS_MAX = 512, ANSWER_MAX = 256 * 1024, SAMPLES_MAX = 1 << 20 };

struct client {
    int fd;
    size_t have, want; /* of the answer; want 0: its headers are not complete yet */
    double since;
    char answer[ANSWER_MAX];
};

static unsigned port;
static const char *secret_id, *secret_key, *body = "{\"Limit\":20}";
static uint8_t day_key[32];
static char date[16], body_hash[65];
static float *samples; /* milliseconds */
static size_t n_samples;

static void hex(char ret[65], const uint8_t raw[32])
{
    for (int i = 0; i < 32; i++)
        sprintf(ret + 2 * i, "%02x", raw[i]);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct bytes text(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void prepare(void)
{
    time_t t = time(NULL);
    uint8_t raw[32];
    char start[128];

    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&t));
    snprintf(start, sizeof start, "TC3%s", secret_key);
    hmac_sha256(day_key, text(start), text(date));
    hmac_sha256(day_key, bytes_of(day_key, 32), text("cvm"));
    hmac_sha256(day_key, bytes_of(day_key, 32), text("tc3_request"));
    sha256(raw, body, strlen(body));
    hex(body_hash, raw);
}

static void send_request(struct client *c)
{
    char canonical[512], to_sign[512], request[1024], hash[65], signature[65];
    long t = (long)time(NULL);
    uint8_t raw[32];
    int n;

    snprintf(canonical, sizeof canonical,
             "POST\n/\n\ncontent-type:application/json\nhost:127.0.0.1:%u\n\n"
             "content-type;host\n%s",
             port, body_hash);
    sha256(raw, canonical, strlen(canonical));
    hex(hash, raw);
    snprintf(to_sign, sizeof to_sign, "TC3-HMAC-SHA256\n%ld\n%s/cvm/tc3_request\n%s", t,
             date, hash);
    hmac_sha256(raw, bytes_of(day_key, 32), text(to_sign));
    hex(signature, raw);
    n = snprintf(
        request, sizeof request,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
        "X-TC-Action: DescribeImages\r\nX-TC-Version: 2017-03-12\r\n"
        "X-TC-Region: ap-guangzhou\r\nX-TC-Timestamp: %ld\r\n"
        "Authorization: TC3-HMAC-SHA256 Credential=%s/%s/cvm/tc3_request, "
        "SignedHeaders=content-type;host, Signature=%s\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        port, t, secret_id, date, signature, strlen(body), body);
    c->have = c->want = 0;
    c->since = now();
    if (write(c->fd, request, (size_t)n) != n)
        die("send");
}

static void open_client(struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* True when the answer is complete; ends the program when it is not a good one. */
static bool receive(struct client *c)
{
    ssize_t n = read(c->fd, c->answer + c->have, sizeof c->answer - 1 - c->have);

    if (n <= 0)
        die("the server closed a connection");
    c->have += (size_t)n;
    c->answer[c->have] = '\0';
    if (c->want == 0) {
        const char *end = strstr(c->answer, "\r\n\r\n");
        const char *length = strstr(c->answer, "Content-Length: ");

        if (!end)
            return false;
        c->want = (size_t)(end + 4 - c->answer) + strtoul(length + 16, NULL, 10);
    }
    if (c->have < c->want)
        return false;
    if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0 ||
        !strstr(c->answer, "\"TotalCount\"")) {
        fprintf(stderr, "load: not a list: %s\n", c->answer);
        exit(1);
    }
    if (n_samples < SAMPLES_MAX)
        samples[n_samples++] = (float)((now() - c->since) * 1000);
    return true;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

static void report(uint64_t requests, double seconds)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    qsort(samples, n_samples, sizeof *samples, by_value);
    printf("requests %" PRIu64
           "\nper_second %.0f\nclient_cpu %.2f\np50_ms %.2f\np99_ms %.2f\n",
           requests, (double)requests / seconds,
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
           (double)samples[n_samples / 2], (double)samples[n_samples * 99 / 100]);
}

int main(int argc, char **argv)
{
    struct epoll_event events[64];
    struct client *clients;
    double begin, seconds;
    uint64_t requests = 0;
    int count, poll;

    if (argc < 6 || argc > 7) {
        fputs("usage: load PORT SECRETID SECRETKEY CONNECTIONS SECONDS [BODY]\n", stderr);
        return 2;
    }
    port = (unsigned)strtoul(argv[1], NULL, 10);
    secret_id = argv[2];
    secret_key = argv[3];
    count = atoi(argv[4]);
    seconds = atof(argv[5]);
    if (argc == 7)
        body = argv[6];
    if (count < 1 || count > CONNECTIONS_MAX)
        return 2;
    clients = calloc((size_t)count, sizeof *clients);
    samples = calloc(SAMPLES_MAX, sizeof *samples);
    poll = epoll_create1(EPOLL_CLOEXEC);
    if (!clients || !samples || poll < 0)
        die("set-up");
    prepare();
    begin = now();
    for (int i = 0; i < count; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &clients[i]};

        open_client(&clients[i]);
        epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].fd, &e);
        send_request(&clients[i]);
    }
    while (now() - begin < seconds) {
        int n = epoll_wait(poll, events, 64, 1000);

        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            if (receive(c)) {
                requests++;
                send_request(c);
            }
        }
    }
    report(requests, now() - begin);
    return 0;
}
