/*
 * walkers: many people who walk about in one room, each on a WebSocket of their own, and watch each other. One process,
 * pinned to one core.
 *
 * Everybody sends a step at a fixed pace, hears of the others, and the generator keeps the book: when which place was
 * sent, who stood nearest to it then, and when that one was told of it. It prints one line of JSON: delays, what each
 * viewer got, and the CPU time that the server's processes (--pid) took.
 *
 * A place is known again by its coordinates, which are sent in hundredths of a unit; a server must pass them on as they
 * are. Understood are cafe's `positions` and `position_updated`, alone or several in an array. Frames that are sent are
 * templates:
 *
 *   %x, %y  the place      %d  the direction, a word      %u  who it is, by user id      %t  a chat message's tag "@@00000042@@"
 *
 * People walk straight on, turn a little with each step, and turn round at the border of --region and before anything
 * that --avoid lists ("x y width height" a line): so a server that corrects them is wrong, or cannot keep up. After a
 * correction they go on from where the server says that they are.
 *
 * The phases: all come in; --warm seconds of walking, in which it may still be told who has come; --seconds of it that
 * count; a second for what is on its way; then nobody moves, and after --settle seconds the server's CPU in --idle seconds
 * is taken. Delays are those of steps that were followed by others, of who went on walking.
 */
#include "ws.h"
#include <math.h>

enum { MAX_HEADERS = 8, OPENING_AT_ONCE = 64, SENT_AT_ONCE = 64, TRAIL = 256, MAX_ID = 1 << 20, MAX_CHAT = 1 << 16, NOBODY = -1 };
#define NEAREST_EVERY (SECOND / 20)
#define LAST_STEPS (SECOND / 4)    /* before the end, whose delays are not looked at */

static struct {
    int port, cpu, header_count, talkers;
    struct lines people;          /* a line each: path, tab, user id */
    const char *headers[MAX_HEADERS], *join, *ready, *move, *say, *answer;
    double rate, say_rate;        /* of all together, a second */
    double step;                  /* units */
    double left, top, width, height, margin;
    double warm, seconds, settle, idle, patience;
    unsigned seed;
} ask = {.cpu = -1, .ready = "\"room_state\"", .step = 7.5, .margin = 10, .warm = 1, .seconds = 1, .patience = 30, .seed = 1};

/* ------------------------------------------------------------------------------------------------------------- people */

enum state { UNUSED, CONNECTING, UPGRADING, ENTERING, READY, GONE };

/* Where somebody was, in hundredths; who stood nearest, by number; whether that one was told. */
struct place { int64_t sent; int32_t x, y; int16_t nearest; bool counts, reached; };

struct walker {
    struct connection connection;
    int number;
    enum state state;
    long user_id;
    int32_t x, y;
    double heading;
    const char *direction;
    struct place trail[TRAIL];
    unsigned places;
    uint64_t bytes;
    int16_t nearest;
};

struct block { int32_t left, top, right, bottom; };

static struct walker *walkers;
static int walker_count, opened, opening, ready_count, block_count;
static struct block *blocks;
static int32_t number_of[MAX_ID];            /* user id: walker's number + 1 */
static bool measuring, walking;
static int64_t started, ends, nearest_at;
static long stepped, said, said_before;      /* since walking started */
static struct { int64_t at; int by; } chat[MAX_CHAT];

static struct histogram delay, age, chat_delay, lateness;
static struct { uint64_t moves, watched, reached, told, own, gone, frames, events, bytes, corrections, echoes, held_back, chat_deliveries; } counted;
static struct { long errors, closed, unreadable, strays; char first[256]; } problems;

static void note(const char *what, const char *text, size_t size)
{
    if (!problems.first[0]) snprintf(problems.first, sizeof problems.first, "%s %.*s", what, (int)(size > 200 ? 200 : size), text);
}

static uint64_t chance_state;

/* Of 0 to 1 (xorshift64*, Vigna 2016): the same people walk the same ways in each run. */
static double chance(void)
{
    chance_state ^= chance_state >> 12;
    chance_state ^= chance_state << 25;
    chance_state ^= chance_state >> 27;
    return (double)((chance_state * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

static bool is_free(int32_t x, int32_t y)
{
    int32_t left = (int32_t)(ask.left * 100), top = (int32_t)(ask.top * 100);
    if (x < left || y < top || x > left + (int32_t)(ask.width * 100) || y > top + (int32_t)(ask.height * 100)) return false;
    for (int i = 0; i < block_count; i++)
        if (x > blocks[i].left && x < blocks[i].right && y > blocks[i].top && y < blocks[i].bottom) return false;
    return true;
}

static void put_somewhere(struct walker *w)
{
    for (int i = 0; i < 100000; i++) {
        w->x = (int32_t)((ask.left + chance() * ask.width) * 100);
        w->y = (int32_t)((ask.top + chance() * ask.height) * 100);
        w->heading = chance() * 2 * M_PI;
        if (is_free(w->x, w->y)) return;
    }
    die("there is no room in the region");
}

static const char *direction_of(double heading)
{
    static const char *words[] = {"right", "down", "left", "up"};   /* y points down */
    double turns = heading / (2 * M_PI);
    return words[(int)((turns - floor(turns)) * 4 + 0.5) & 3];
}

/* One step on, or to a side where there is room. False: shut in. */
static bool walk(struct walker *w)
{
    double heading = w->heading + (chance() - 0.5) * 0.6;
    for (int i = 0; i < 64; i++) {
        int32_t x = w->x + (int32_t)lround(cos(heading) * ask.step * 100), y = w->y + (int32_t)lround(sin(heading) * ask.step * 100);
        if (is_free(x, y)) {
            w->x = x;
            w->y = y;
            w->heading = heading;
            w->direction = direction_of(heading);
            return true;
        }
        heading = chance() * 2 * M_PI;
    }
    return false;
}

static void remember(struct walker *w, int64_t now, bool counts)
{
    w->trail[w->places++ % TRAIL] = (struct place){now, w->x, w->y, w->nearest, counts, false};
}

/* The newest time that they were there, or NULL. */
static struct place *recall(struct walker *w, int32_t x, int32_t y)
{
    for (unsigned back = 1; back <= TRAIL && back <= w->places; back++) {
        struct place *place = &w->trail[(w->places - back) % TRAIL];
        if (place->x == x && place->y == y) return place;
    }
    return NULL;
}

static void find_nearest(void)
{
    static float *x, *y, *best;
    if (!x) {
        x = grow(NULL, sizeof(float) * 3 * (size_t)walker_count);
        y = x + walker_count;
        best = y + walker_count;
    }
    for (int i = 0; i < walker_count; i++) {
        x[i] = (float)walkers[i].x;
        y[i] = (float)walkers[i].y;
        best[i] = INFINITY;
        walkers[i].nearest = NOBODY;
    }
    for (int i = 0; i < walker_count; i++) {
        for (int j = i + 1; j < walker_count; j++) {
            float dx = x[i] - x[j], dy = y[i] - y[j], d = dx * dx + dy * dy;
            if (d < best[i]) { best[i] = d; walkers[i].nearest = (int16_t)j; }
            if (d < best[j]) { best[j] = d; walkers[j].nearest = (int16_t)i; }
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------ sending */

static void send_template(struct walker *w, const char *template, long number)
{
    static char payload[4096];
    char *to = payload;
    for (const char *p = template; *p; p++) {
        if (to > payload + sizeof payload - 64) die("the template is too long");
        if (*p != '%') { *to++ = *p; continue; }
        switch (*++p) {
        case 'x': to += sprintf(to, "%d.%02d", w->x / 100, w->x % 100); break;
        case 'y': to += sprintf(to, "%d.%02d", w->y / 100, w->y % 100); break;
        case 'u': to += sprintf(to, "%ld", w->user_id); break;
        case 'd': to += sprintf(to, "%s", w->direction); break;
        case 't': to += sprintf(to, "@@%08ld@@", number); break;
        default: die("unknown %%%c in a template", *p);
        }
    }
    send_frame(&w->connection, 1, payload, (size_t)(to - payload));
}

static void step(struct walker *w, int64_t due)
{
    /* Who cannot write any more waits, as a client of flesh and blood would: it does not queue steps. */
    if (w->connection.out_size || w->state != READY) { counted.held_back += measuring; return; }
    if (!walk(w)) die("walker %d is shut in at %d %d", w->number, w->x, w->y);
    int64_t now = now_ns();
    bool counts = measuring && ends - now > LAST_STEPS;
    send_template(w, ask.move, 0);
    remember(w, now, counts);
    if (!measuring) return;
    counted.moves++;
    counted.watched += counts;
    histogram_add(&lateness, now - due);
}

static void say(int64_t now)
{
    int by = (int)(said % ask.talkers * walker_count / ask.talkers);
    if (said >= MAX_CHAT) die("too much chat");
    chat[said].at = now;
    chat[said].by = by;
    send_template(&walkers[by], ask.say, said++);
}

/* What is due by now; then the timer is set to what is due next. Who is far behind must read in between, too. */
static void pace(void)
{
    if (!walking) return;
    for (int i = 0;; i++) {
        int64_t now = now_ns();
        int64_t step_due = started + (int64_t)((double)stepped * 1e9 / ask.rate);
        int64_t say_due = ask.talkers && measuring ? started + (int64_t)((double)(said + said_before) * 1e9 / ask.say_rate) : INT64_MAX;
        if (now - nearest_at >= NEAREST_EVERY) {
            find_nearest();
            nearest_at = now;
        }
        if (i == SENT_AT_ONCE) {
            set_timer(now);
            return;
        }
        if (step_due <= now) step(&walkers[stepped++ % walker_count], step_due);
        else if (say_due <= now) say(say_due);
        else {
            set_timer(step_due < say_due ? step_due : say_due);
            return;
        }
    }
}

/* ---------------------------------------------------------------------------------------------------------- receiving */

static void open_more(void)
{
    while (opened < walker_count && opening < OPENING_AT_ONCE) {
        struct walker *w = &walkers[opened++];
        connection_open(&w->connection, ask.port, 0);
        w->state = CONNECTING;
        opening++;
    }
}

static void walker_connected(struct walker *w)
{
    char path[4096];
    const char *line = ask.people.items[w->number], *tab = strchr(line, '\t');
    snprintf(path, sizeof path, "%.*s", (int)(tab - line), line);
    w->state = UPGRADING;
    connection_upgrade(&w->connection, ask.port, path, ask.headers, ask.header_count);
}

static void walker_ready(struct walker *w)
{
    w->state = READY;
    opening--;
    ready_count++;
    open_more();
}

static void walker_lost(struct walker *w, const char *why, size_t size)
{
    if (w->state < READY) die("walker %d was closed before it was ready: %.*s", w->number, (int)size, why);
    connection_close(&w->connection);
    w->state = GONE;
    problems.closed++;
    note("closed:", why, size);
}

/* A number with a point or without, in hundredths. Moves *p* behind it; NULL if there is none. */
static const char *hundredths(const char *p, const char *end, int32_t *value)
{
    int64_t whole = 0, part = 0;
    int digits = 0;
    const char *first = p;
    while (p < end && *p >= '0' && *p <= '9' && whole < 10000000) whole = whole * 10 + (*p++ - '0');
    if (p == first) return NULL;
    if (p < end && *p == '.') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++)
            if (digits < 3) { part = part * 10 + (*p - '0'); digits++; }
    }
    for (; digits < 3; digits++) part *= 10;
    *value = (int32_t)(whole * 100 + (part + 5) / 10);
    return p;
}

/* *w* was told that *user_id* is there. */
static void on_place(struct walker *w, long user_id, int32_t x, int32_t y, int64_t now)
{
    if (user_id <= 0 || user_id >= MAX_ID || !number_of[user_id]) return;   /* a stranger */
    struct walker *mover = &walkers[number_of[user_id] - 1];
    struct place *place = recall(mover, x, y);
    counted.own += measuring && mover == w;
    counted.told += measuring && mover != w;
    if (!place) { problems.strays++; return; }
    if (mover == w) return;
    if (measuring) histogram_add(&age, now - place->sent);
    if (!place->counts || place->reached || place->nearest != w->number) return;
    place->reached = true;
    counted.reached++;
    histogram_add(&delay, now - place->sent);
}

/* `[[user_id,x,y,direction],…]` at *p*. Returns what is behind it, NULL if it is something else. */
static const char *on_moves(struct walker *w, const char *p, const char *end, int64_t now)
{
    if (p >= end || *p++ != '[') return NULL;
    while (p < end && *p == '[') {
        int32_t x, y;
        long user_id = (long)number_at(++p, end);
        p = memchr(p, ',', (size_t)(end - p));
        if (!p || !(p = hundredths(p + 1, end, &x)) || *p != ',' || !(p = hundredths(p + 1, end, &y)) || *p != ',') return NULL;
        bool in_word = *++p == '"';
        for (p += in_word; p < end && (in_word ? *p != '"' : *p != ']'); p++) p += *p == '\\';
        p += in_word;
        if (p >= end || *p++ != ']') return NULL;
        on_place(w, user_id, x, y, now);
        if (p < end && *p == ',') p++;
    }
    return p < end && *p == ']' ? p + 1 : NULL;
}

/* What the next *key* is given, NULL if there is none. */
static const char *after(const char *p, const char *end, const char *key)
{
    p = p ? memmem(p, (size_t)(end - p), key, strlen(key)) : NULL;
    if (!p) return NULL;
    for (p += strlen(key); p < end && *p == ' ';) p++;
    return p;
}

static const char *on_positions(struct walker *w, const char *p, const char *end, int64_t now)
{
    p = on_moves(w, p = after(p, end, "\"moves\":"), end, now);
    if (!p || !measuring || (size_t)(end - p) < 9 || memcmp(p, ",\"gone\":[", 9)) return p;
    for (p += 9; p < end && *p != ']'; p++) counted.gone += *p == ',' || p[-1] == '[';
    return p;
}

static const char *on_position(struct walker *w, const char *p, const char *end, int64_t now)
{
    int32_t x, y;
    const char *id = after(p, end, "\"user_id\":");
    if (!id || !(p = after(id, end, "\"x\":")) || !(p = hundredths(p, end, &x))) return NULL;
    if (!(p = after(p, end, "\"y\":")) || !(p = hundredths(p, end, &y))) return NULL;
    long user_id = (long)number_at(id, end);
    if (user_id != w->user_id) {
        on_place(w, user_id, x, y, now);
        return p;
    }
    if (recall(w, x, y)) {
        counted.echoes += measuring;
        return p;
    }
    counted.corrections += measuring;
    w->x = x;
    w->y = y;
    remember(w, now, false);
    return p;
}

static const char *on_message(struct walker *w, const char *p, const char *end, int64_t now)
{
    p = after(p, end, "\"message\":");
    if (!p || end - p < 3 || memcmp(p, "\"@@", 3)) return p;    /* somebody else's */
    uint64_t number = number_at(p + 3, end);
    if (number >= (uint64_t)said) return p;
    counted.chat_deliveries++;
    if (chat[number].by != w->number) histogram_add(&chat_delay, now - chat[number].at);
    return p;
}

static bool is(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - p) >= n && !memcmp(p, word, n);
}

/* No text within the JSON holds `"event":` as it is: the quotes would be escaped. */
static void on_text(struct walker *w, const char *data, size_t size, int64_t now)
{
    const char *end = data + size;
    counted.frames += measuring;
    for (const char *p = data, *rest; (p = after(p, end, "\"event\":")); p = rest) {
        counted.events += measuring;
        if (is(p, end, "\"positions\"")) rest = on_positions(w, p, end, now);
        else if (is(p, end, "\"position_updated\"")) rest = on_position(w, p, end, now);
        else if (is(p, end, "\"message_received\"") && ask.talkers) rest = on_message(w, p, end, now);
        else {
            rest = p;
            if (is(p, end, "\"heartbeat\"") && ask.answer) send_template(w, ask.answer, 0);
            if (is(p, end, "\"error\"")) {
                problems.errors++;
                note("error:", data, size);
            }
        }
        if (!rest) {
            problems.unreadable++;
            note("unreadable:", data, size);
            return;
        }
    }
    if (w->state == ENTERING && (!*ask.ready || memmem(data, size, ask.ready, strlen(ask.ready)))) walker_ready(w);
}

/* Handles every whole frame in *data* and returns how much that was. */
static size_t take_frames(struct walker *w, const char *data, size_t size, int64_t now)
{
    size_t used = 0, taken;
    struct frame frame;
    while (w->connection.fd >= 0 && (taken = take_frame(data + used, size - used, &frame))) {
        if (frame.first == 0x81) {
            on_text(w, frame.payload, frame.size, now);
        } else if (frame.first == 0x89) {
            send_frame(&w->connection, 10, frame.payload, frame.size);
        } else if (frame.first == 0x88) {
            char why[160];
            int n = close_reason(&frame, why, sizeof why);
            walker_lost(w, why, (size_t)n);
        } else if (frame.first != 0x8a) {
            die("a frame that begins with 0x%02x, which no server of text sends", frame.first);
        }
        used += taken;
    }
    return used;
}

static void walker_read(struct walker *w)
{
    const char *why;
    size_t before = w->connection.rest_size, used = 0;
    ssize_t size = connection_receive(&w->connection, &why);
    if (!size) return;
    if (size < 0) {
        walker_lost(w, why, strlen(why));
        return;
    }
    int64_t now = now_ns();
    if (measuring) w->bytes += (size_t)size - before;
    if (w->state == UPGRADING) {
        used = take_upgraded(inbox, (size_t)size, w->number);
        if (used) {
            w->state = ENTERING;
            remember(w, now, false);
            if (ask.join) send_template(w, ask.join, 0);
            if (!*ask.ready) walker_ready(w);
        }
    }
    if (w->state != UPGRADING) used += take_frames(w, inbox + used, (size_t)size - used, now);
    connection_keep(&w->connection, used, (size_t)size);
}

/* ------------------------------------------------------------------------------------------------------------- phases */

/* One turn of the loop, of at most 20 ms. */
static void turn(void)
{
    static struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(poller, events, MAX_EVENTS, 20);
    for (int i = 0; i < n; i++) {
        struct walker *w = events[i].data.ptr;
        if (w && w->connection.fd >= 0) {
            if (w->state == CONNECTING) { walker_connected(w); continue; }
            if (events[i].events & EPOLLOUT && w->connection.out_size) connection_flush(&w->connection);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) walker_read(w);
        }
        if (i % 16 == 15) pace();
    }
    pace();
}

static void turn_for(double seconds)
{
    for (int64_t end = now_ns() + (int64_t)(seconds * 1e9); now_ns() < end;) turn();
}

static void open_all(void)
{
    int64_t end = now_ns() + (int64_t)((ask.patience + walker_count / 20.0) * 1e9);
    open_more();
    while (ready_count < walker_count) {
        if (now_ns() > end) die("%d of %d walkers were ready in time", ready_count, walker_count);
        turn();
    }
}

/* ----------------------------------------------------------------------------------------------- options and results */

static void read_people(void)
{
    walker_count = ask.people.count;
    walkers = calloc((size_t)walker_count, sizeof *walkers);
    if (!walkers || walker_count > INT16_MAX) die("too many people");
    for (int i = 0; i < walker_count; i++) {
        struct walker *w = &walkers[i];
        const char *tab = strchr(ask.people.items[i], '\t');
        w->user_id = tab ? atol(tab + 1) : 0;
        if (w->user_id <= 0 || w->user_id >= MAX_ID) die("--people: a line is a path, a tab and a user id");
        number_of[w->user_id] = i + 1;
        w->number = i;
        w->connection.fd = -1;
        w->nearest = NOBODY;
        w->direction = "down";
        put_somewhere(w);
    }
}

static void read_blocks(const char *path)
{
    struct lines lines = lines_of(path);
    blocks = grow(NULL, sizeof *blocks * (size_t)lines.count);
    for (int i = 0; i < lines.count; i++) {
        double x, y, width, height, m = ask.margin;
        if (sscanf(lines.items[i], "%lf %lf %lf %lf", &x, &y, &width, &height) != 4) die("--avoid: a line is x y width height");
        blocks[block_count++] = (struct block){(int32_t)((x - m) * 100), (int32_t)((y - m) * 100),
                                               (int32_t)((x + width + m) * 100), (int32_t)((y + height + m) * 100)};
    }
}

static void parse(int argc, char **argv)
{
    enum { PORT = 1, CPU, PID, PEOPLE, HEADER, JOIN, READY_AT, MOVE, SAY, ANSWER, RATE, SAY_RATE, TALKERS, STEP, REGION, AVOID, WARM,
           SECONDS, SETTLE, IDLE, PATIENCE, SEED };
    static const struct option options[] = {
        {"port", 1, 0, PORT}, {"cpu", 1, 0, CPU}, {"pid", 1, 0, PID}, {"people", 1, 0, PEOPLE}, {"header", 1, 0, HEADER},
        {"join", 1, 0, JOIN}, {"ready", 1, 0, READY_AT}, {"move", 1, 0, MOVE}, {"say", 1, 0, SAY}, {"answer", 1, 0, ANSWER},
        {"rate", 1, 0, RATE}, {"say-rate", 1, 0, SAY_RATE}, {"talkers", 1, 0, TALKERS}, {"step", 1, 0, STEP},
        {"region", 1, 0, REGION}, {"avoid", 1, 0, AVOID}, {"warm", 1, 0, WARM}, {"seconds", 1, 0, SECONDS},
        {"settle", 1, 0, SETTLE}, {"idle", 1, 0, IDLE}, {"patience", 1, 0, PATIENCE}, {"seed", 1, 0, SEED}, {0}};
    const char *avoid = NULL;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (o) {
        case PORT: ask.port = atoi(optarg); break;
        case CPU: ask.cpu = atoi(optarg); break;
        case PID: if (server_pid_count < MAX_PIDS) server_pids[server_pid_count++] = atoi(optarg); break;
        case PEOPLE: ask.people = lines_of(optarg); break;
        case HEADER: if (ask.header_count < MAX_HEADERS) ask.headers[ask.header_count++] = optarg; break;
        case JOIN: ask.join = optarg; break;
        case READY_AT: ask.ready = optarg; break;
        case MOVE: ask.move = optarg; break;
        case SAY: ask.say = optarg; break;
        case ANSWER: ask.answer = optarg; break;
        case RATE: ask.rate = atof(optarg); break;
        case SAY_RATE: ask.say_rate = atof(optarg); break;
        case TALKERS: ask.talkers = atoi(optarg); break;
        case STEP: ask.step = atof(optarg); break;
        case REGION:
            if (sscanf(optarg, "%lf %lf %lf %lf", &ask.left, &ask.top, &ask.width, &ask.height) != 4) die("--region is \"x y width height\"");
            break;
        case AVOID: avoid = optarg; break;
        case WARM: ask.warm = atof(optarg); break;
        case SECONDS: ask.seconds = atof(optarg); break;
        case SETTLE: ask.settle = atof(optarg); break;
        case IDLE: ask.idle = atof(optarg); break;
        case PATIENCE: ask.patience = atof(optarg); break;
        case SEED: ask.seed = (unsigned)atoi(optarg); break;
        default: die("see the top of walkers.c, and the options in parse()");
    }
    if (!ask.port || !ask.people.count || !ask.move || ask.rate <= 0 || ask.width <= 0) die("--port, --people, --move, --rate and --region are needed");
    if (ask.talkers && (!ask.say || ask.say_rate <= 0 || ask.talkers > ask.people.count)) die("--talkers want --say and --say-rate");
    chance_state = ask.seed * 0x9e3779b97f4a7c15ULL + 1;
    if (avoid) read_blocks(avoid);
}

static double our_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    read_people();
    prepare_process(ask.cpu);
    struct usage start = usage_now();
    int64_t began = now_ns();
    open_all();
    struct usage open = usage_now();
    double open_seconds = (double)(now_ns() - began) / 1e9;

    started = now_ns();
    walking = true;
    turn_for(ask.warm);
    said_before = (long)(ask.say_rate * (double)(now_ns() - started) / 1e9);
    struct usage warm = usage_now();
    double ours = our_cpu();
    int64_t measured = now_ns();
    ends = measured + (int64_t)(ask.seconds * 1e9);
    measuring = true;
    turn_for(ask.seconds);
    struct usage done = usage_now();
    double seconds = (double)(now_ns() - measured) / 1e9;
    ours = our_cpu() - ours;
    measuring = walking = false;
    turn_for(1);

    turn_for(ask.settle);
    struct usage still = usage_now();
    turn_for(ask.idle);
    struct usage end = usage_now();

    uint64_t most = 0;
    for (int i = 0; i < walker_count; i++) {
        counted.bytes += walkers[i].bytes;
        if (walkers[i].bytes > most) most = walkers[i].bytes;
    }
    printf("{\"sockets\": %d, \"open_seconds\": %.4f, \"open_cpu_s\": %.4f, \"rss_kib\": %ld, \"load_seconds\": %.4f, \"user_s\": %.4f, \"system_s\": %.4f",
           walker_count, open_seconds, open.user + open.system - start.user - start.system, done.rss_kib, seconds,
           done.user - warm.user, done.system - warm.system);
    printf(", \"moves\": %llu, \"watched\": %llu, \"reached\": %llu, \"told\": %llu, \"own\": %llu, \"gone\": %llu, \"frames\": %llu, \"events\": %llu",
           (unsigned long long)counted.moves, (unsigned long long)counted.watched, (unsigned long long)counted.reached, (unsigned long long)counted.told, (unsigned long long)counted.own,
           (unsigned long long)counted.gone, (unsigned long long)counted.frames, (unsigned long long)counted.events);
    printf(", \"bytes\": %llu, \"bytes_most\": %llu, \"corrections\": %llu, \"echoes\": %llu, \"said\": %ld, \"chat_deliveries\": %llu",
           (unsigned long long)counted.bytes, (unsigned long long)most, (unsigned long long)counted.corrections, (unsigned long long)counted.echoes,
           said, (unsigned long long)counted.chat_deliveries);
    printf(", \"idle_seconds\": %.3f, \"idle_cpu_s\": %.4f, \"generator_core\": %.4f", ask.idle, end.user + end.system - still.user - still.system,
           ours / seconds);
    print_latency("delay", &delay);
    print_latency("age", &age);
    print_latency("chat", &chat_delay);
    print_latency("lateness", &lateness);
    printf(", \"problems\": {\"unheard\": %ld, \"strays\": %ld, \"unreadable\": %ld, \"held_back\": %llu, \"errors\": %ld, \"closed\": %ld",
           said * walker_count - (long)counted.chat_deliveries, problems.strays, problems.unreadable, (unsigned long long)counted.held_back,
           problems.errors, problems.closed);
    print_quoted("first", problems.first);
    puts("}}");
    return 0;
}
