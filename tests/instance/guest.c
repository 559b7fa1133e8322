/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest.c: the only program of a guest, which tries what it should not be able to
 *
 * Its steps are told on the console, a line each; machine.c expects them.  Statically
 * linked, process 1 of an initramfs that machine.sh packs. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/input.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char nic[IFNAMSIZ];

static void say(const char *what, const char *value)
{
    printf("\nguest: %s %s\n", what, value);
    fflush(stdout);
}

static void say_number(const char *what, long n)
{
    char text[32];

    snprintf(text, sizeof text, "%ld", n);
    say(what, text);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void load_modules(void)
{
    char line[256];
    FILE *f = fopen("/modules/order", "r");

    while (f && fgets(line, sizeof line, f)) {
        int fd;

        line[strcspn(line, "\n")] = '\0';
        fd = open(line, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
            say("module failed", line);
        if (fd >= 0)
            close(fd);
    }
    if (f)
        fclose(f);
}

/* The first that is no loopback. */
static bool find_nic(void)
{
    for (int tries = 0; tries < 100; tries++) {
        struct if_nameindex *all = if_nameindex();

        for (struct if_nameindex *i = all; i && i->if_index; i++)
            if (strcmp(i->if_name, "lo") != 0)
                snprintf(nic, sizeof nic, "%s", i->if_name);
        if_freenameindex(all);
        if (nic[0])
            return true;
        usleep(50000);
    }
    return false;
}

static void set_address(int what, uint32_t address)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(address)}};

    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", nic);
    memcpy(&r.ifr_addr, &a, sizeof a);
    if (ioctl(s, (unsigned long)what, &r) < 0)
        say("address failed", strerror(errno));
    close(s);
}

static void bring_up(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = {0};

    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", nic);
    ioctl(s, SIOCGIFFLAGS, &r);
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP | IFF_RUNNING);
    if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
        say("up failed", strerror(errno));
    close(s);
}

static void configure(uint32_t address, uint32_t mask, uint32_t gateway)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct rtentry r = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in a = {.sin_family = AF_INET};

    set_address(SIOCSIFADDR, address);
    set_address(SIOCSIFNETMASK, mask);
    memcpy(&r.rt_dst, &a, sizeof a);
    memcpy(&r.rt_genmask, &a, sizeof a);
    a.sin_addr.s_addr = htonl(gateway);
    memcpy(&r.rt_gateway, &a, sizeof a);
    if (ioctl(s, SIOCADDRT, &r) < 0)
        say("route failed", strerror(errno));
    close(s);
}

struct lease {
    uint32_t address, mask, router, server;
    unsigned type;
};

static bool hear_lease(struct lease *ret, int s)
{
    uint8_t p[1500];
    struct pollfd f = {.fd = s, .events = POLLIN};
    ssize_t n = poll(&f, 1, 2000) > 0 ? recv(s, p, sizeof p, 0) : 0;
    struct lease l = {0};

    if (n < 244 || p[0] != 2)
        return false;
    memcpy(&l.address, p + 16, 4);
    l.address = ntohl(l.address);
    for (ssize_t i = 240; i + 1 < n && p[i] != 255; i += 2 + p[i + 1]) {
        uint32_t v = 0;

        if (p[i] == 53)
            l.type = p[i + 2];
        memcpy(&v, p + i + 2, 4);
        v = ntohl(v);
        if (p[i] == 1)
            l.mask = v;
        if (p[i] == 3)
            l.router = v;
        if (p[i] == 54)
            l.server = v;
    }
    *ret = l;
    return true;
}

static void ask_lease(int s, unsigned type, const struct lease *l)
{
    struct sockaddr_in all = {
        .sin_family = AF_INET, .sin_port = htons(67), .sin_addr = {INADDR_BROADCAST}};
    uint8_t p[300] = {1, 1, 6, 0, 1, 2, 3, 4};
    uint8_t *o = p + 236;
    struct ifreq r = {0};
    uint32_t v;

    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", nic);
    ioctl(s, SIOCGIFHWADDR, &r);
    memcpy(p + 28, r.ifr_hwaddr.sa_data, 6);
    memcpy(o, "\x63\x82\x53\x63\x35\x01", 6);
    o[6] = (uint8_t)type;
    o += 7;
    if (l) {
        memcpy(o, "\x32\x04", 2);
        v = htonl(l->address);
        memcpy(o + 2, &v, 4);
        memcpy(o + 6, "\x36\x04", 2);
        v = htonl(l->server);
        memcpy(o + 8, &v, 4);
        o += 12;
    }
    *o = 255;
    if (sendto(s, p, sizeof p, 0, (struct sockaddr *)&all, sizeof all) < 0)
        say("dhcp failed", strerror(errno));
}

static bool dhcp(struct lease *ret)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(68)};
    bool done = false;

    setsockopt(s, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
    setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, nic, (socklen_t)strlen(nic));
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0)
        say("bind failed", strerror(errno));
    for (int tries = 0; tries < 20 && !done; tries++) {
        ask_lease(s, 1, NULL);
        if (!hear_lease(ret, s) || ret->type != 2)
            continue;
        ask_lease(s, 3, ret);
        done = hear_lease(ret, s) && ret->type == 5;
    }
    close(s);
    return done;
}

static int begin(const char *to, unsigned port)
{
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, to, &a.sin_addr);
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS) {
        close(s);
        return -1;
    }
    return s;
}

static bool is_connected(int s, int ms)
{
    struct pollfd f = {.fd = s, .events = POLLOUT};
    int failed = 0;
    socklen_t n = sizeof failed;

    return poll(&f, 1, ms) > 0 && getsockopt(s, SOL_SOCKET, SO_ERROR, &failed, &n) == 0 &&
           failed == 0;
}

/* The body of an answer; false: none. */
static bool get(char *body, size_t room, const char *to, const char *path)
{
    char text[4096];
    size_t have = 0;
    int s = begin(to, 80);
    char *at;

    if (s < 0)
        return false;
    if (is_connected(s, 3000)) {
        int n = snprintf(text, sizeof text, "GET %s HTTP/1.0\r\n\r\n", path);
        struct pollfd f = {.fd = s, .events = POLLIN};

        if (send(s, text, (size_t)n, MSG_NOSIGNAL) == n)
            while (have < sizeof text - 1 && poll(&f, 1, 3000) > 0) {
                ssize_t k = recv(s, text + have, sizeof text - 1 - have, 0);

                if (k <= 0)
                    break;
                have += (size_t)k;
            }
    }
    close(s);
    text[have] = '\0';
    at = strstr(text, "\r\n\r\n");
    if (!at || strncmp(text, "HTTP/1.1 200", 12) != 0)
        return false;
    snprintf(body, room, "%s", at + 4);
    return true;
}

static void get_and_say(const char *what, const char *to, const char *path)
{
    char body[256] = "nothing";
    int64_t until = now_ms() + 60000;

    while (!get(body, sizeof body, to, path) && now_ms() < until)
        usleep(200000);
    say(what, body);
}

/* Who listens on the host's ports must not be reached from here. */
static void knock(const char *host, unsigned port)
{
    const char *const to[] = {
        "169.254.0.2",     "169.254.0.3", "169.254.0.23", "169.254.169.254",
        "169.254.0.1",     "10.1.2.1",    "10.1.2.2",     "10.0.2.2",
        "255.255.255.255", "1.1.1.1",     host,
    };
    enum { N = sizeof to / sizeof to[0] };
    int s[2 * N];
    long reached = 0;

    for (size_t i = 0; i < N; i++) {
        bool metadata =
            strcmp(to[i], "169.254.0.23") == 0 || strcmp(to[i], "169.254.169.254") == 0;

        s[2 * i] = begin(to[i], port);
        s[2 * i + 1] = begin(to[i], metadata ? 53 : 80);
    }
    sleep(2);
    for (size_t i = 0; i < 2 * N; i++) {
        if (s[i] >= 0 && is_connected(s[i], 0))
            reached++;
        if (s[i] >= 0)
            close(s[i]);
    }
    say_number("reached", reached);
}

static void knock_udp(const char *host, unsigned port)
{
    const char *const to[] = {"169.254.0.3", "10.1.2.1", host};
    const unsigned ports[] = {53, 69, port};
    long answers = 0;

    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            int s = socket(AF_INET, SOCK_DGRAM, 0);
            struct sockaddr_in a = {.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)ports[k])};
            struct pollfd f = {.fd = s, .events = POLLIN};
            char c;

            inet_pton(AF_INET, to[i], &a.sin_addr);
            sendto(s, "\0\1a\0octet\0", 10, 0, (struct sockaddr *)&a, sizeof a);
            if (poll(&f, 1, 100) > 0 && recv(s, &c, 1, 0) >= 0)
                answers++;
            close(s);
        }
    }
    say_number("datagrams answered", answers);
}

/* Frames of every kind, of every length, with what the kernel would not send. */
static void throw_frames(void)
{
    int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    struct sockaddr_ll a = {
        .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(nic), .sll_halen = 6};
    static const uint16_t types[] = {0x0800, 0x0806, 0x86dd, 0x8100, 0x88f8, 0x0000};
    uint8_t p[1514];
    long sent = 0;

    memset(a.sll_addr, 0xff, 6);
    for (int i = 0; i < 3000; i++) {
        size_t n = 14 + (size_t)rand() % (sizeof p - 14);

        for (size_t k = 0; k < n; k++)
            p[k] = (uint8_t)rand();
        p[6] = 2;
        p[12] = (uint8_t)(types[i % 6] >> 8);
        p[13] = (uint8_t)types[i % 6];
        p[14] = 0x45;
        p[23] = i % 2 ? 6 : 17;
        memcpy(p + 30, "\x7f\0\0\1", 4);
        if (i % 3 == 0)
            memcpy(p + 30, "\xa9\xfe\0\x17", 4);
        sent += sendto(s, p, n, 0, (struct sockaddr *)&a, sizeof a) > 0;
    }
    close(s);
    say_number("frames", sent);
}

/* A thousand a second, for three of them. */
static void flood(void)
{
    enum { AT_ONCE = 100 };
    static int open_ones[AT_ONCE];
    int64_t began = now_ms();
    long asked = 0;

    memset(open_ones, -1, sizeof open_ones);
    while (now_ms() - began < 3000) {
        int *s = &open_ones[asked % AT_ONCE];

        if (*s >= 0)
            close(*s);
        *s = begin(asked % 2 ? "169.254.0.23" : "169.254.169.254", 80);
        if (*s >= 0 && is_connected(*s, 0))
            send(*s, "GET /a HTTP/1.0\r\n\r\n", 19, MSG_NOSIGNAL);
        asked++;
        while (asked > now_ms() - began)
            usleep(200);
    }
    for (int i = 0; i < AT_ONCE; i++)
        if (open_ones[i] >= 0)
            close(open_ones[i]);
    say_number("asked", asked);
}

static void send_much(void)
{
    static char block[16384];
    int s = begin("169.254.0.23", 80);
    long sent = 0;

    memset(block, 'x', sizeof block);
    if (s >= 0 && is_connected(s, 10000))
        while (sent < 10 << 20) {
            struct pollfd f = {.fd = s, .events = POLLOUT};
            ssize_t n =
                poll(&f, 1, 3000) > 0 ? send(s, block, sizeof block, MSG_NOSIGNAL) : -1;

            if (n <= 0)
                break;
            sent += n;
        }
    if (s >= 0)
        close(s);
    say("much", sent < 10 << 20 ? "refused" : "taken");
}

/* What the disk stands on is seen, and may be written over. */
static void use_disk(void)
{
    static char block[4096];
    int fd = open("/dev/vda", O_RDWR);

    if (fd < 0 || pread(fd, block, sizeof block, 0) != sizeof block) {
        say("no disk", strerror(errno));
        return;
    }
    block[16] = '\0';
    say("disk", block);
    memset(block, 0, sizeof block);
    strcpy(block, "written by the guest");
    if (pwrite(fd, block, sizeof block, 0) != sizeof block || fsync(fd) < 0)
        say("disk failed", strerror(errno));
    close(fd);
}

static void await_button(void)
{
    struct pollfd f[8];
    int n = 0;

    for (int i = 0; i < 8; i++) {
        char name[64];
        int fd;

        snprintf(name, sizeof name, "/dev/input/event%d", i);
        fd = open(name, O_RDONLY);
        if (fd >= 0)
            f[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    say_number("waiting", n);
    for (;;) {
        poll(f, (nfds_t)n, -1);
        for (int i = 0; i < n; i++) {
            struct input_event e;

            if (f[i].revents && read(f[i].fd, &e, sizeof e) == sizeof e &&
                e.type == EV_KEY && e.code == KEY_POWER)
                return;
        }
    }
}

int main(void)
{
    char line[1024] = "", host[64] = "1.1.1.1", text[128];
    struct lease l = {0};
    unsigned port = 0;
    const char *word;
    FILE *f;

    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mount("none", "/proc", "proc", 0, NULL);
    mount("none", "/dev", "devtmpfs", 0, NULL);
    signal(SIGPIPE, SIG_IGN);
    say("up", "");
    f = fopen("/proc/cmdline", "r");
    if (f && fgets(line, sizeof line, f) && (word = strstr(line, "knock=")))
        sscanf(word, "knock=%63[0-9.]:%u", host, &port);
    load_modules();
    if (!find_nic())
        say("no nic", "");
    use_disk();
    bring_up();
    if (dhcp(&l)) {
        snprintf(text, sizeof text, "%08x/%08x %08x", l.address, l.mask, l.router);
        say("lease", text);
    }
    configure(l.address, l.mask, l.router);
    get_and_say("first", "169.254.0.23", "/a");
    get_and_say("second", "169.254.169.254", "/a");
    get_and_say("adopted", "169.254.0.23", "/adopted");
    if (!strstr(line, "short")) {
        knock(host, port);
        knock_udp(host, port);
        throw_frames();
        flood();
        send_much();
        get_and_say("alive", "169.254.0.23", "/a");
        configure(0x0a01024d, 0xffffff00, l.router);
        get_and_say("static", "169.254.169.254", "/a");
    }
    await_button();
    say("button", "");
    reboot(RB_POWER_OFF);
    return 1;
}
