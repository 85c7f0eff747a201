/*
 * ws.h: what the load generators share: a clock, histograms, the server's CPU and memory, and WebSocket connections on
 * one epoll. Each generator is one process and one file, and includes this once.
 *
 * Linux only: epoll, timerfd, /proc. Sizes are bytes, times on the wire nanoseconds of CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PIDS = 64, MAX_EVENTS = 512, INBOX_SIZE = 16 << 20, FRAME_SIZE = 1 << 16 };
#define SECOND 1000000000LL

static inline void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static inline void *grow(void *memory, size_t size)
{
    void *bigger = realloc(memory, size);
    if (!bigger) die("out of memory");
    return bigger;
}

/* --------------------------------------------------------------------------------------- clock, latencies, processes */

static inline int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* Counts of latencies: exact below 128 us, above in 64 steps to each doubling (1.6 %). */
struct histogram { uint64_t counts[64 * 40], total; int64_t max; };

static inline void histogram_add(struct histogram *h, int64_t ns)
{
    uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
    int shift = us < 128 ? 0 : 57 - __builtin_clzll(us);
    h->counts[shift * 64 + (us >> shift)]++;
    h->total++;
    if (ns > h->max) h->max = ns;
}

static inline double histogram_ms(const struct histogram *h, double share)
{
    uint64_t rank = (uint64_t)(share * (double)h->total), seen = 0;
    for (int i = 0; i < 64 * 40; i++) {
        seen += h->counts[i];
        if (seen > rank) {
            int shift = i < 128 ? 0 : i / 64 - 1;
            return (double)((uint64_t)(i - shift * 64) << shift) / 1000.0;
        }
    }
    return (double)h->max / 1e6;
}

struct usage { double user, system; long rss_kib; };

static int server_pids[MAX_PIDS], server_pid_count;

/* CPU seconds and resident memory of the server's processes together. One that has ended counts nothing. */
static inline struct usage usage_now(void)
{
    struct usage sum = {0};
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    long page_kib = sysconf(_SC_PAGESIZE) / 1024;
    for (int i = 0; i < server_pid_count; i++) {
        char path[64], text[1024];
        snprintf(path, sizeof path, "/proc/%d/stat", server_pids[i]);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        size_t n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[n] = 0;
        unsigned long user, system;
        long pages;
        char *after_name = strrchr(text, ')');   /* the name may hold anything, the rest is numbers (proc(5)) */
        if (after_name && sscanf(after_name + 2,
                "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
                &user, &system, &pages) == 3) {
            sum.user += (double)user * tick;
            sum.system += (double)system * tick;
            sum.rss_kib += pages * page_kib;
        }
    }
    return sum;
}

/* -------------------------------------------------------------------------------------------------------- connections */

/* The first member of a generator's client: epoll gives back its address. *fd* is -1 while it is closed. */
struct connection {
    int fd;
    bool connecting, paused;   /* paused: nothing is read */
    char *rest, *out;          /* the beginning of a frame; what the kernel did not take */
    size_t rest_size, rest_room, out_size;
};

static int poller, timer;
static char *inbox;

static inline void watch(struct connection *c, int operation)
{
    struct epoll_event e = {.data.ptr = c};
    e.events = (c->paused ? 0 : EPOLLIN) | (c->out_size || c->connecting ? EPOLLOUT : 0);
    if (epoll_ctl(poller, operation, c->fd, &e)) die("epoll_ctl: %s", strerror(errno));
}

/* *rcvbuf*: of the kernel, 0 for as it comes. */
static inline void connection_open(struct connection *c, int port, int rcvbuf)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket: %s (is the limit of open files too low?)", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (rcvbuf) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) die("connect: %s", strerror(errno));
    c->connecting = true;
    c->rest_size = c->out_size = 0;
    watch(c, EPOLL_CTL_ADD);
}

static inline void connection_close(struct connection *c)
{
    close(c->fd);
    c->fd = -1;
}

static inline void connection_send(struct connection *c, const void *data, size_t size)
{
    if (c->fd < 0) return;
    ssize_t n = c->out_size ? 0 : send(c->fd, data, size, MSG_NOSIGNAL);
    if (n < 0) n = 0;    /* full, or gone: reading will tell */
    if ((size_t)n == size) return;
    c->out = grow(c->out, c->out_size + size - (size_t)n);
    memcpy(c->out + c->out_size, (const char *)data + n, size - (size_t)n);
    c->out_size += size - (size_t)n;
    watch(c, EPOLL_CTL_MOD);
}

static inline void connection_flush(struct connection *c)
{
    ssize_t n = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);
    if (n <= 0) return;
    memmove(c->out, c->out + n, c->out_size - (size_t)n);
    c->out_size -= (size_t)n;
    if (!c->out_size) watch(c, EPOLL_CTL_MOD);
}

/* It is connected, unless it was refused: ask for the upgrade. */
static inline void connection_upgrade(struct connection *c, int port, const char *path, const char **headers, int header_count)
{
    static char request[8192];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) die("connect: %s", strerror(error));
    int n = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n", path, port);
    for (int i = 0; i < header_count; i++) n += snprintf(request + n, sizeof request - (size_t)n, "%s\r\n", headers[i]);
    n += snprintf(request + n, sizeof request - (size_t)n, "\r\n");
    c->connecting = false;
    watch(c, EPOLL_CTL_MOD);
    connection_send(c, request, (size_t)n);
}

/* How much of *data* the response to the upgrade took, 0 while it is incomplete. */
static inline size_t take_upgraded(const char *data, size_t size, int number)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (size < 12 || memcmp(data, "HTTP/1.1 101", 12)) die("client %d was refused: %.*s", number, (int)(size > 400 ? 400 : size), data);
    return (size_t)(end - data) + 4;
}

/* A client's frames are masked (RFC 6455 section 5.3); a key of zeros would let a server skip work. */
static inline void send_frame(struct connection *c, int opcode, const char *payload, size_t size)
{
    static uint32_t key = 0x9e3779b9;
    static unsigned char frame[FRAME_SIZE + 16];
    size_t head = 2;
    if (size > FRAME_SIZE) die("a frame of %zu bytes is too large to send", size);
    frame[0] = (unsigned char)(0x80 | opcode);
    if (size < 126) {
        frame[1] = (unsigned char)(0x80 | size);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(size >> 8);
        frame[3] = (unsigned char)size;
        head = 4;
    }
    key = key * 1664525u + 1013904223u;
    memcpy(frame + head, &key, 4);
    const unsigned char *k = frame + head;
    for (size_t i = 0; i < size; i++) frame[head + 4 + i] = (unsigned char)payload[i] ^ k[i & 3];
    connection_send(c, frame, head + 4 + size);
}

struct frame { unsigned char first; const char *payload; size_t size; };

/* The frame that *data* begins with. Returns how long all of it is, 0 while it is incomplete. */
static inline size_t take_frame(const char *data, size_t size, struct frame *found)
{
    const unsigned char *p = (const unsigned char *)data;
    if (size < 2) return 0;
    uint64_t length = p[1] & 127;
    size_t head = 2;
    if (length == 126) {
        if (size < 4) return 0;
        length = (uint64_t)p[2] << 8 | p[3];
        head = 4;
    } else if (length == 127) {
        if (size < 10) return 0;
        length = 0;
        for (int i = 2; i < 10; i++) length = length << 8 | p[i];
        head = 10;
    }
    if (length > INBOX_SIZE / 2) die("a frame of %llu bytes", (unsigned long long)length);
    if (size < head + length) return 0;
    *found = (struct frame){p[0], data + head, length};
    return head + length;
}

/* What a Close says, "1000 bye". */
static inline int close_reason(const struct frame *close, char *why, size_t room)
{
    const unsigned char *p = (const unsigned char *)close->payload;
    unsigned code = close->size >= 2 ? (unsigned)(p[0] << 8 | p[1]) : 1005;
    return snprintf(why, room, "%u %.*s", code, (int)(close->size > 2 ? close->size - 2 : 0), close->payload + 2);
}

/* Reads into the inbox, after the rest of last time. Returns how much is there now; 0 if nothing came; -1, and *why*, if
   the connection is lost. */
static inline ssize_t connection_receive(struct connection *c, const char **why)
{
    if (c->rest_size) memcpy(inbox, c->rest, c->rest_size);
    ssize_t got = recv(c->fd, inbox + c->rest_size, INBOX_SIZE - c->rest_size, 0);
    *why = "";
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got > 0) return (ssize_t)c->rest_size + got;
    *why = got ? strerror(errno) : "the connection ended without a Close";
    return -1;
}

/* Of the *size* bytes in the inbox, keep what comes after the first *used*. */
static inline void connection_keep(struct connection *c, size_t used, size_t size)
{
    c->rest_size = c->fd < 0 ? 0 : size - used;
    if (c->rest_size > c->rest_room) c->rest = grow(c->rest, c->rest_room = c->rest_size + 512);
    if (c->rest_size) memcpy(c->rest, inbox + used, c->rest_size);
}

/* A string that most frames have at the same place: look there first. */
struct needle { const char *text; size_t size, place; };

static inline const char *find(struct needle *wanted, const char *data, size_t size)
{
    if (wanted->place + wanted->size <= size && !memcmp(data + wanted->place, wanted->text, wanted->size)) return data + wanted->place;
    const char *found = memmem(data, size, wanted->text, wanted->size);
    if (found) wanted->place = (size_t)(found - data);
    return found;
}

static inline uint64_t number_at(const char *p, const char *end)
{
    uint64_t n = 0;
    while (p < end && *p == ' ') p++;
    while (p < end && *p >= '0' && *p <= '9') n = n * 10 + (uint64_t)(*p++ - '0');
    return n;
}

/* ----------------------------------------------------------------------------------------------- options and results */

struct lines { char **items; int count; };

static inline struct lines lines_of(const char *path)
{
    struct lines all = {0};
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    if (!file) die("%s: %s", path, strerror(errno));
    for (ssize_t n; (n = getline(&line, &room, file)) > 0;) {
        if (line[n - 1] == '\n') line[n - 1] = 0;
        all.items = grow(all.items, sizeof(char *) * (size_t)(all.count + 1));
        all.items[all.count++] = strdup(line);
    }
    free(line);
    fclose(file);
    if (!all.count) die("%s is empty", path);
    return all;
}

/* Onto core *cpu*, if it is not negative, with as many open files as we may have; poller, timer and inbox are there after it. */
static inline void prepare_process(int cpu)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET((size_t)cpu, &cpus);
        sched_setaffinity(0, sizeof cpus, &cpus);
    }
    inbox = grow(NULL, INBOX_SIZE);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event tick = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &tick);
}

static inline void set_timer(int64_t due)
{
    struct itimerspec at = {.it_value = {due / SECOND, due % SECOND}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static inline void print_latency(const char *name, const struct histogram *h)
{
    printf(", \"%s\": {\"count\": %llu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}", name, (unsigned long long)h->total,
           histogram_ms(h, 0.50), histogram_ms(h, 0.99), (double)h->max / 1e6);
}

static inline void print_quoted(const char *name, const char *text)
{
    printf(", \"%s\": \"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') printf("\\%c", *text);
        else if ((unsigned char)*text >= 32 && (unsigned char)*text < 127) putchar(*text);
    }
    putchar('"');
}
