/*
 * wsload: many WebSocket clients in one process, pinned to one core, for measuring a chat server.
 *
 * It connects subscribers and publishers, plays each its first frames, sends messages, checks that every subscriber gets
 * every message once and in order, and prints one line of JSON: latencies, and the CPU time and memory that the server's
 * processes (--pid) took. What is measured belongs to the server; the generator only has to keep up.
 *
 * It knows no dialect. Frames are given as templates, and received frames are told apart by strings near their start:
 *
 *   %i  number of the message in this run (0, 1, 2, ...)          %r  a word of this run alone, for nonces
 *   %t  text: the message's tag "@@00000042@@", padded to --text-size     %s  last "seq" that this client has seen
 *
 * A message is in flight until every subscriber has it (or, with --acks, until its publisher has the ack that bears its
 * "id"). Three ways to send: a closed window (--in-flight), a fixed pace (--rate; latency counts from the scheduled time,
 * so a server that falls behind cannot hide it), or not at all (--publishers 0: memory and CPU of idle connections).
 *
 * Sizes are bytes, times on the wire nanoseconds of CLOCK_MONOTONIC.
 */
#include "ws.h"

enum { MAX_FRAMES = 8, HEAD = 96, OPENING_AT_ONCE = 64, MAX_SAMPLES = 1 << 23 };

/* ------------------------------------------------------------------------------------------------ what is asked for */

struct role_options {
    int count;
    struct lines paths;               /* given out in turn; a line may go on, after tabs, with a subscriber's own first frame and ready */
    const char *first[MAX_FRAMES];    /* frames to send after the handshake */
    int firsts;
    const char *ready;                /* a frame whose head holds this says that the client is in; NULL: the handshake does */
};

static struct {
    int port, cpu, in_flight, text_size, stall, stall_after, stall_rcvbuf;
    long messages;
    double seconds, rate, settle, patience;
    bool acks, resume;
    struct role_options subscriber, publisher;
    const char *headers[MAX_FRAMES], *message, *delivery, *rejoin;
    int header_count;
} ask = {.cpu = -1, .in_flight = 1, .text_size = 100, .messages = 1 << 20, .patience = 30, .stall_after = 0,
         .publisher = {.count = 1}, .message = "{\"message\":\"%t\"}"};

/* -------------------------------------------------------------------------------------------------------- the clients */

enum state { UNUSED, CONNECTING, UPGRADING, ENTERING, READY, GONE };

struct client {
    struct connection connection;
    int number;
    enum state state;
    bool publishes, stalls;
    struct role_options *role;
    const char *first, *ready;   /* of its path's own, else the role's */
    uint64_t seq, received;      /* of messages */
};

struct message { int64_t due; uint32_t deliveries; };

static struct client *clients;
static int client_count, opened, opening, ready_count, live;   /* live: subscribers that are to get everything at once */
static struct message *messages;
static long sent, completed;
static int64_t load_start, last_completion;
static char run_word[32];
static struct histogram before, after;    /* before and after some stop reading */
static struct { uint64_t deliveries, bytes, acks, frames; } counted;
static struct { long gaps, repeats, errors, closed, late_rejoins; char first[256]; } problems;
static bool stopped, stalled_now;
static long stall_rss_kib, peak_rss_kib;

static void note(const char *what, const char *text, size_t size)
{
    if (!problems.first[0]) snprintf(problems.first, sizeof problems.first, "%s %.*s", what, (int)(size > 200 ? 200 : size), text);
}

static void client_open(struct client *c)
{
    /* A fixed, small buffer for those who will stop reading, or the kernel hides megabytes of what they have not read. */
    connection_open(&c->connection, ask.port, c->stalls ? ask.stall_rcvbuf : 0);
    c->state = CONNECTING;
    opening++;
}

static size_t expand(char *to, size_t room, const char *template, const struct client *c, long number)
{
    size_t n = 0;
    for (const char *p = template; *p; p++) {
        if (n + 64 + (size_t)ask.text_size > room) die("the template is too long");
        if (*p != '%') { to[n++] = *p; continue; }
        switch (*++p) {
        case 'i': n += (size_t)sprintf(to + n, "%ld", number); break;
        case 'r': n += (size_t)sprintf(to + n, "%s", run_word); break;
        case 's': n += (size_t)sprintf(to + n, "%llu", (unsigned long long)c->seq); break;
        case 't':
            n += (size_t)sprintf(to + n, "@@%08ld@@", number);
            for (int i = 12; i < ask.text_size; i++) to[n++] = (char)(i % 6 ? 'a' + i % 26 : ' ');
            break;
        default: die("unknown %%%c in a template", *p);
        }
    }
    return n;
}

static void send_template(struct client *c, const char *template, long number)
{
    static char payload[FRAME_SIZE];
    send_frame(&c->connection, 1, payload, expand(payload, sizeof payload, template, c, number));
}

static void open_more(void)
{
    while (opened < client_count && opening < OPENING_AT_ONCE) client_open(&clients[opened++]);
}

static void client_ready(struct client *c)
{
    c->state = READY;
    opening--;
    ready_count++;
    open_more();
}

static void client_connected(struct client *c)
{
    char *path = strdup(c->role->paths.items[c->number % c->role->paths.count]), *rest = path;
    if (!path) die("out of memory");
    strsep(&rest, "\t");
    c->first = rest && !c->publishes ? strsep(&rest, "\t") : NULL;   /* who publishes need not be in the room */
    c->ready = rest && !c->publishes ? rest : c->role->ready;
    c->state = UPGRADING;
    connection_upgrade(&c->connection, ask.port, path, ask.headers, ask.header_count);   /* path stays: first and ready are parts of it */
}

/* Returns how much of *data* the response took, 0 while it is incomplete. */
static size_t take_response(struct client *c, const char *data, size_t size)
{
    size_t used = take_upgraded(data, size, c->number);
    if (!used) return 0;
    c->state = ENTERING;
    bool back = c->seq && c->stalls && ask.rejoin;
    if (back) send_template(c, ask.rejoin, 0);
    else if (c->first) { if (*c->first) send_template(c, c->first, c->number); }
    else for (int i = 0; i < c->role->firsts; i++) send_template(c, c->role->first[i], c->number);
    if (!c->ready) client_ready(c);
    return used;
}

static void client_lost(struct client *c, const char *why, size_t size)
{
    if (c->state < READY) die("client %d was closed before it was ready: %.*s", c->number, (int)size, why);
    connection_close(&c->connection);
    c->state = GONE;
    ready_count--;
    if (c->stalls && stalled_now) { problems.late_rejoins++; return; }    /* it may be dropped, and comes back later */
    problems.closed++;
    note("closed:", why, size);
}

/* --------------------------------------------------------------------------------------------------------- messages */

static void send_message(struct client *c, int64_t due)
{
    if (sent == ask.stall_after && ask.stall && !stalled_now) {
        stalled_now = true;
        stall_rss_kib = peak_rss_kib = usage_now().rss_kib;
        for (int i = 0; i < ask.subscriber.count; i++)
            if (clients[i].stalls) { clients[i].connection.paused = true; watch(&clients[i].connection, EPOLL_CTL_MOD); }
    }
    messages[sent].due = due;
    send_template(c, ask.message, sent++);
}

static struct client *publisher(long number) { return &clients[ask.subscriber.count + number % ask.publisher.count]; }

static bool may_send(int64_t now)
{
    if (sent >= ask.messages || (ask.seconds > 0 && now - load_start > (int64_t)(ask.seconds * 1e9))) stopped = true;
    return !stopped;
}

static void message_completed(struct client *c, int64_t now)
{
    completed++;
    last_completion = now;
    if (!ask.rate && may_send(now)) send_message(c, now_ns());
}

static void pace(void)
{
    for (int64_t now = now_ns(); !stopped;) {
        int64_t due = load_start + (int64_t)((double)sent * 1e9 / ask.rate);
        if (due > now) {
            set_timer(due);
            return;
        }
        if (may_send(now)) send_message(publisher(sent), due);
    }
}

static void on_delivery(struct client *c, const char *data, size_t size, int64_t now)
{
    static struct needle tag = {"@@", 2, 0}, seq = {"\"seq\":", 6, 0};
    const char *end = data + size, *found = find(&tag, data, size);
    if (!found || c->state != READY) return;
    uint64_t number = number_at(found + 2, end);
    if (number >= (uint64_t)sent) return;    /* of another run: a page of history */
    if ((found = find(&seq, data, size))) {
        uint64_t s = number_at(found + 6, end);
        if (c->seq && s != c->seq + 1) {
            if (s <= c->seq) { problems.repeats++; return; }
            problems.gaps++;
            note("gap:", data, size);
        }
        c->seq = s;
    }
    c->received++;
    counted.bytes += size;
    if (c->stalls) return;
    counted.deliveries++;
    struct message *m = &messages[number];
    if (!ask.acks) histogram_add(stalled_now && number >= (uint64_t)ask.stall_after ? &after : &before, now - m->due);
    if (++m->deliveries == (uint32_t)live && !ask.acks) message_completed(publisher((long)number), now);
}

static void on_ack(struct client *c, const char *data, size_t size, int64_t now)
{
    static struct needle id = {"\"id\":", 5, 0};
    const char *found = find(&id, data, size);
    if (!found) return;
    uint64_t number = number_at(found + 5, data + size);
    if (number >= (uint64_t)sent) return;
    counted.acks++;
    if (!ask.acks) return;
    histogram_add(&before, now - messages[number].due);
    message_completed(c, now);
}

static void on_text(struct client *c, const char *data, size_t size, int64_t now)
{
    static struct needle delivery, ack = {"\"ack\"", 5, 0}, error = {"\"error\"", 7, 0};
    size_t head = size < HEAD ? size : HEAD;
    counted.frames++;
    if (c->state == ENTERING && c->ready && memmem(data, head, c->ready, strlen(c->ready))) client_ready(c);
    if (!ask.delivery) { on_delivery(c, data, size, now); }
    else {
        delivery.text = ask.delivery;
        delivery.size = strlen(ask.delivery);
        bool several = size && data[0] == '[';    /* several events in one frame, as a JSON array */
        const char *found = find(&delivery, data, several ? size : head);
        while (found) {
            const char *rest = found + delivery.size, *end = data + size;
            const char *next = several ? memmem(rest, (size_t)(end - rest), delivery.text, delivery.size) : NULL;
            on_delivery(c, found, (size_t)((next ? next : end) - found), now);
            found = next;
        }
    }
    size_t start = size < 24 ? size : 24;
    if (find(&error, data, start)) {
        problems.errors++;
        note("error:", data, size);
        if (c->publishes && ask.acks) on_ack(c, data, size, now);    /* it is over too, though nothing was kept */
    } else if (c->publishes && find(&ack, data, start)) {
        on_ack(c, data, size, now);
    }
}

/* Handles every whole frame in *data* and returns how much that was. */
static size_t take_frames(struct client *c, const char *data, size_t size, int64_t now)
{
    size_t used = 0, taken;
    struct frame frame;
    while (c->connection.fd >= 0 && !c->connection.paused && (taken = take_frame(data + used, size - used, &frame))) {
        switch (frame.first) {
        case 0x81: case 0x82: on_text(c, frame.payload, frame.size, now); break;
        case 0x89: send_frame(&c->connection, 10, frame.payload, frame.size); break;
        case 0x8a: break;
        case 0x88: {
            char why[160];
            int n = close_reason(&frame, why, sizeof why);
            client_lost(c, why, (size_t)n);
            break;
        }
        default: die("a frame that begins with 0x%02x, which no server of text sends", frame.first);
        }
        used += taken;
    }
    return used;
}

/* Goes through the first *size* bytes of the inbox, and keeps what is no whole frame yet. */
static void client_take(struct client *c, size_t size)
{
    int64_t now = now_ns();
    size_t used = 0;
    if (c->state == UPGRADING) used = take_response(c, inbox, size);
    if (c->state != UPGRADING) used += take_frames(c, inbox + used, size - used, now);
    connection_keep(&c->connection, used, size);
}

static void client_read(struct client *c)
{
    const char *why;
    ssize_t size = connection_receive(&c->connection, &why);
    if (size < 0) client_lost(c, why, strlen(why));
    else if (size) client_take(c, (size_t)size);
}

/* ------------------------------------------------------------------------------------------------------------ phases */

/* One turn of the loop, of at most 50 ms. */
static void turn(void)
{
    static struct epoll_event events[MAX_EVENTS];
    static int64_t sampled;
    int n = epoll_wait(poller, events, MAX_EVENTS, 50);
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        if (c && c->connection.fd >= 0) {
            if (c->state == CONNECTING) { client_connected(c); continue; }
            if (events[i].events & EPOLLOUT && c->connection.out_size) connection_flush(&c->connection);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                if (!c->connection.paused) client_read(c);
                else if (events[i].events & (EPOLLHUP | EPOLLERR)) client_lost(c, "reset", 5);
            }
        }
        if (ask.rate && load_start && i % 16 == 15) pace();
    }
    if (ask.rate && load_start) pace();
    int64_t now = now_ns();
    if (stalled_now && now - sampled > SECOND / 20) {
        long rss = usage_now().rss_kib;
        if (rss > peak_rss_kib) peak_rss_kib = rss;
        sampled = now;
    }
}

static void rest_for(double seconds)
{
    for (int64_t end = now_ns() + (int64_t)(seconds * 1e9); now_ns() < end;) turn();
}

static void open_all(void)
{
    int64_t end = now_ns() + (int64_t)((ask.patience + client_count / 20.0) * 1e9);
    open_more();
    while (ready_count < client_count) {
        if (now_ns() > end) die("%d of %d clients were ready in time", ready_count, client_count);
        turn();
    }
}

static void load(void)
{
    load_start = last_completion = now_ns();
    if (!ask.publisher.count || !ask.messages) return;
    if (ask.rate) pace();
    else for (int i = 0; i < ask.in_flight * (ask.acks ? ask.publisher.count : 1); i++) send_message(publisher(i), now_ns());
    while (!stopped || completed < sent) {
        turn();
        may_send(now_ns());
        if (now_ns() - last_completion > (int64_t)(ask.patience * 1e9)) break;    /* the counts tell what is missing */
    }
}

/* Those who had stopped read on; whoever was dropped meanwhile comes back with the last seq that it has. */
static double read_on(void)
{
    int64_t start = now_ns(), end = start + (int64_t)(ask.patience * 1e9);
    for (int i = 0; i < ask.subscriber.count; i++) {
        struct client *c = &clients[i];
        struct connection *theirs = &c->connection;
        if (!theirs->paused) continue;
        theirs->paused = false;
        if (theirs->fd < 0) continue;
        watch(theirs, EPOLL_CTL_MOD);
        memcpy(inbox, theirs->rest, theirs->rest_size);
        client_take(c, theirs->rest_size);
    }
    for (int behind = 1; behind && now_ns() < end;) {
        turn();
        behind = 0;
        for (int i = 0; i < ask.subscriber.count; i++) {
            struct client *c = &clients[i];
            if (!c->stalls || c->received >= (uint64_t)sent) continue;
            behind++;
            if (c->state == GONE && ask.rejoin) client_open(c);
        }
    }
    return (double)(now_ns() - start) / 1e9;
}

/* ----------------------------------------------------------------------------------------------- options and results */

static struct lines one_line(char *text)
{
    struct lines one = {.items = grow(NULL, sizeof(char *)), .count = 1};
    one.items[0] = text;
    return one;
}

static void parse(int argc, char **argv)
{
    enum { PORT = 1, CPU, PID, SUBSCRIBERS, PUBLISHERS, PATH, PATHS, PPATH, PPATHS, HEADER, FIRST, PFIRST, READY_AT, PREADY_AT, DELIVERY,
           MESSAGE, TEXT_SIZE, MESSAGES, SECONDS, IN_FLIGHT, RATE, ACKS, STALL, STALL_AFTER, STALL_RCVBUF, RESUME, REJOIN, SETTLE, PATIENCE };
    static const struct option options[] = {
        {"port", 1, 0, PORT}, {"cpu", 1, 0, CPU}, {"pid", 1, 0, PID}, {"subscribers", 1, 0, SUBSCRIBERS}, {"publishers", 1, 0, PUBLISHERS},
        {"path", 1, 0, PATH}, {"paths", 1, 0, PATHS}, {"publisher-path", 1, 0, PPATH}, {"publisher-paths", 1, 0, PPATHS},
        {"header", 1, 0, HEADER}, {"first", 1, 0, FIRST}, {"publisher-first", 1, 0, PFIRST}, {"ready", 1, 0, READY_AT},
        {"publisher-ready", 1, 0, PREADY_AT}, {"delivery", 1, 0, DELIVERY}, {"message", 1, 0, MESSAGE}, {"text-size", 1, 0, TEXT_SIZE},
        {"messages", 1, 0, MESSAGES}, {"seconds", 1, 0, SECONDS}, {"in-flight", 1, 0, IN_FLIGHT}, {"rate", 1, 0, RATE}, {"acks", 0, 0, ACKS},
        {"stall", 1, 0, STALL}, {"stall-after", 1, 0, STALL_AFTER}, {"stall-rcvbuf", 1, 0, STALL_RCVBUF}, {"resume", 0, 0, RESUME},
        {"rejoin", 1, 0, REJOIN}, {"settle", 1, 0, SETTLE}, {"patience", 1, 0, PATIENCE}, {0}};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (o) {
        case PORT: ask.port = atoi(optarg); break;
        case CPU: ask.cpu = atoi(optarg); break;
        case PID: if (server_pid_count < MAX_PIDS) server_pids[server_pid_count++] = atoi(optarg); break;
        case SUBSCRIBERS: ask.subscriber.count = atoi(optarg); break;
        case PUBLISHERS: ask.publisher.count = atoi(optarg); break;
        case PATH: ask.subscriber.paths = one_line(optarg); break;
        case PATHS: ask.subscriber.paths = lines_of(optarg); break;
        case PPATH: ask.publisher.paths = one_line(optarg); break;
        case PPATHS: ask.publisher.paths = lines_of(optarg); break;
        case HEADER: if (ask.header_count < MAX_FRAMES) ask.headers[ask.header_count++] = optarg; break;
        case FIRST: if (ask.subscriber.firsts < MAX_FRAMES) ask.subscriber.first[ask.subscriber.firsts++] = optarg; break;
        case PFIRST: if (ask.publisher.firsts < MAX_FRAMES) ask.publisher.first[ask.publisher.firsts++] = optarg; break;
        case READY_AT: ask.subscriber.ready = optarg; break;
        case PREADY_AT: ask.publisher.ready = optarg; break;
        case DELIVERY: ask.delivery = optarg; break;
        case MESSAGE: ask.message = optarg; break;
        case TEXT_SIZE: ask.text_size = atoi(optarg); break;
        case MESSAGES: ask.messages = atol(optarg); break;
        case SECONDS: ask.seconds = atof(optarg); break;
        case IN_FLIGHT: ask.in_flight = atoi(optarg); break;
        case RATE: ask.rate = atof(optarg); break;
        case ACKS: ask.acks = true; break;
        case STALL: ask.stall = atoi(optarg); break;
        case STALL_AFTER: ask.stall_after = atoi(optarg); break;
        case STALL_RCVBUF: ask.stall_rcvbuf = atoi(optarg); break;
        case RESUME: ask.resume = true; break;
        case REJOIN: ask.rejoin = optarg; break;
        case SETTLE: ask.settle = atof(optarg); break;
        case PATIENCE: ask.patience = atof(optarg); break;
        default: die("see the top of wsload.c, and the options in parse()");
    }
    if (!ask.subscriber.paths.count) ask.subscriber.paths = one_line("/ws");
    if (!ask.publisher.paths.count) ask.publisher.paths = ask.subscriber.paths;
    if (!ask.port) die("--port is missing");
    if (ask.messages > MAX_SAMPLES) ask.messages = MAX_SAMPLES;
    if (ask.publisher.count && ask.messages < ask.in_flight * (ask.acks ? ask.publisher.count : 1)) die("fewer messages than are in flight");
    if (ask.stall > ask.subscriber.count) die("more stalled readers than subscribers");
    if (ask.rate > 0 && ask.seconds <= 0 && ask.messages == 1 << 20) die("a pace wants an end: --seconds or --messages");
}

static void prepare(void)
{
    prepare_process(ask.cpu);
    snprintf(run_word, sizeof run_word, "%llx", (unsigned long long)now_ns() ^ (unsigned long long)getpid() << 40);
    client_count = ask.subscriber.count + ask.publisher.count;
    clients = calloc((size_t)client_count + 1, sizeof *clients);
    messages = calloc((size_t)ask.messages + 1, sizeof *messages);
    live = ask.subscriber.count - ask.stall;
    for (int i = 0; i < client_count; i++) {
        struct client *c = &clients[i];
        c->connection.fd = -1;
        c->publishes = i >= ask.subscriber.count;
        c->role = c->publishes ? &ask.publisher : &ask.subscriber;
        c->number = c->publishes ? i - ask.subscriber.count : i;
        c->stalls = !c->publishes && ask.stall && (long)i * ask.stall / ask.subscriber.count != (long)(i + 1) * ask.stall / ask.subscriber.count;
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    prepare();
    struct usage start = usage_now();
    int64_t began = now_ns();
    open_all();
    struct usage open = usage_now();
    int64_t were_open = now_ns();
    rest_for(ask.settle);
    struct usage idle = usage_now();
    load();
    struct usage done = usage_now();
    long incomplete = 0;
    for (int i = 0; i < ask.subscriber.count; i++) incomplete += !clients[i].stalls && clients[i].received != (uint64_t)sent;
    long jammed_peak_kib = peak_rss_kib;
    double caught_up = ask.stall && ask.resume ? read_on() : 0;
    struct usage end = usage_now();
    long stalled_incomplete = 0;
    for (int i = 0; i < ask.subscriber.count; i++) stalled_incomplete += clients[i].stalls && clients[i].received != (uint64_t)sent;

    printf("{\"sockets\": %d, \"open_seconds\": %.4f, \"open_cpu_s\": %.4f, \"rss_start_kib\": %ld, \"rss_open_kib\": %ld, \"rss_idle_kib\": %ld",
           client_count, (double)(were_open - began) / 1e9, open.user + open.system - start.user - start.system, start.rss_kib, open.rss_kib, idle.rss_kib);
    printf(", \"idle_cpu_s\": %.4f, \"messages\": %ld, \"completed\": %ld, \"deliveries\": %llu, \"acks\": %llu, \"frames\": %llu, \"delivery_bytes\": %.1f",
           idle.user + idle.system - open.user - open.system, sent, completed, (unsigned long long)counted.deliveries, (unsigned long long)counted.acks,
           (unsigned long long)counted.frames, counted.deliveries ? (double)counted.bytes / (double)counted.deliveries : 0.0);
    printf(", \"load_seconds\": %.4f, \"user_s\": %.4f, \"system_s\": %.4f, \"rss_done_kib\": %ld", (double)(last_completion - load_start) / 1e9,
           done.user - idle.user, done.system - idle.system, done.rss_kib);
    print_latency("latency", &before);
    if (ask.stall) {
        print_latency("latency_stalled", &after);
        printf(", \"rss_stall_kib\": %ld, \"rss_peak_kib\": %ld, \"rss_catching_up_kib\": %ld, \"rss_end_kib\": %ld, \"stalled\": %d, \"stalled_incomplete\": %ld, \"came_back\": %ld, \"caught_up_seconds\": %.3f",
               stall_rss_kib, jammed_peak_kib, peak_rss_kib, end.rss_kib, ask.stall, stalled_incomplete, problems.late_rejoins, caught_up);
    }
    printf(", \"problems\": {\"incomplete\": %ld, \"gaps\": %ld, \"repeats\": %ld, \"errors\": %ld, \"closed\": %ld", incomplete, problems.gaps,
           problems.repeats, problems.errors, problems.closed);
    print_quoted("first", problems.first);
    puts("}}");
    return 0;
}
