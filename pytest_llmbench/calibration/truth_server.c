/* A streaming completions server that knows when it sent each chunk.
 *
 * It stands in for an engine when a client is to be judged: the answers are made up, the times are not.
 * Every chunk carries `sent_ns`, and the log holds for every chunk the moments just before and just after it
 * was handed to the kernel. On the loopback device a packet arrives while the sender is still in `send`, so
 * the true arrival lies between the two, and no tolerance is needed to judge a client's stamp.
 *
 * Stamps are CLOCK_REALTIME, as the kernel's receive stamps are. The schedule is kept on CLOCK_MONOTONIC.
 * One thread: nothing here waits for a lock, and a client's lateness cannot come from ours.
 *
 *     cc -std=c11 -O2 -o truth_server truth_server.c && ./truth_server --help
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 * 1024,
    EVENT_SIZE = 2048,    /* the longest event: MAX_CHUNK_TOKENS words, and usage */
    MAX_CHUNK_TOKENS = 128,
    CHUNK_HEADER = 16,    /* the length in hex before an HTTP chunk */
    EVENTS_A_POLL = 512,
    CHUNKS_A_POLL = 256,  /* then look whether somebody asks: requests must not wait for a backlog of chunks */
    NOT_SCHEDULED = -1,
};

#define NS_PER_US 1000u
#define NS_PER_S 1000000000u
#define LONGEST_SLEEP (3600 * (uint64_t)NS_PER_S)

enum jitter { JITTER_NONE, JITTER_UNIFORM, JITTER_EXPONENTIAL };
enum usage { USAGE_FINAL, USAGE_EACH, USAGE_NONE };
enum ending { END_MARK, END_NONE, END_CUT };

static struct {
    uint16_t port;
    uint64_t ttft, itl, split_delay; /* ns */
    uint32_t tokens, tokens_per_chunk, burst, split_every, reasoning;
    uint32_t stream_error_every, http_error_every;
    enum jitter jitter;
    enum usage usage;
    enum ending ending;
    bool role_chunk, until_stdin_closes;
    const char *reasoning_field, *log;
    uint64_t seed;
} options = {
    .ttft = 50000 * NS_PER_US,
    .itl = 10000 * NS_PER_US,
    .tokens = 100,
    .tokens_per_chunk = 1,
    .burst = 1,
    .reasoning_field = "reasoning",
    .seed = 1,
};

/* ------------------------------------------------------------------------------------------ the log */

/* One a request, followed by `chunks` of `struct chunk_times`, all in the machine's byte order. */
struct record {
    int64_t id;        /* `"user": "<number>"` of the request, else -1 */
    uint64_t received; /* the kernel's stamp of the request's last packet */
    uint32_t tokens;
    uint32_t chunks;
    uint32_t status;   /* of HTTP */
    uint32_t finished; /* 1: the whole answer was sent, 0: an error, a cut, or the client went away */
};

struct chunk_times {
    uint64_t sent;     /* just before the last byte of the chunk was handed to the kernel */
    uint64_t returned; /* just after */
};

static FILE *log_file;

/* ------------------------------------------------------------------------------------ what is served */

struct connection {
    int fd;

    char *in; /* what was received and not yet answered */
    size_t in_length, in_capacity;
    uint64_t in_stamp;

    char *out; /* what is still to be sent: the rest of a split chunk, or what the kernel did not take */
    size_t out_length, out_capacity;
    bool blocked; /* the kernel's buffer is full; epoll tells when it is not */

    bool streaming, chat, fails;
    uint32_t tokens, tokens_sent, prompt_tokens;
    uint64_t random;
    struct record record;
    struct chunk_times *times;
    size_t times_capacity;

    int64_t heap_index;
    uint64_t due;       /* when to act next */
    uint64_t scheduled; /* when the next chunk is due by the schedule; what is late is made up for */
};

static int epoll_fd;
static struct connection **connections; /* by file descriptor */
static size_t most_connections;
static uint32_t requests;
static volatile sig_atomic_t stopping;

static void *checked(void *memory)
{
    if (!memory) {
        perror("truth_server");
        exit(1);
    }
    return memory;
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t real_now(void) { return read_clock(CLOCK_REALTIME); }
static uint64_t monotonic_now(void) { return read_clock(CLOCK_MONOTONIC); }

/* ------------------------------------------------------------------- timers: a binary heap by due time */

static struct connection **heap;
static int64_t heap_length, heap_capacity;

static void heap_set(int64_t i, struct connection *c)
{
    heap[i] = c;
    c->heap_index = i;
}

static void heap_rise(int64_t i)
{
    struct connection *c = heap[i];
    for (; i > 0 && heap[(i - 1) / 2]->due > c->due; i = (i - 1) / 2)
        heap_set(i, heap[(i - 1) / 2]);
    heap_set(i, c);
}

static void heap_sink(int64_t i)
{
    struct connection *c = heap[i];
    for (int64_t child; (child = 2 * i + 1) < heap_length; i = child) {
        if (child + 1 < heap_length && heap[child + 1]->due < heap[child]->due)
            child++;
        if (heap[child]->due >= c->due)
            break;
        heap_set(i, heap[child]);
    }
    heap_set(i, c);
}

static void unschedule(struct connection *c)
{
    int64_t i = c->heap_index;
    if (i == NOT_SCHEDULED)
        return;
    c->heap_index = NOT_SCHEDULED;
    struct connection *last = heap[--heap_length];
    if (last == c)
        return;
    heap_set(i, last);
    heap_rise(i);
    heap_sink(last->heap_index);
}

static void schedule(struct connection *c, uint64_t due)
{
    c->due = due;
    if (c->heap_index != NOT_SCHEDULED) {
        heap_rise(c->heap_index);
        heap_sink(c->heap_index);
        return;
    }
    if (heap_length == heap_capacity) {
        heap_capacity = heap_capacity ? 2 * heap_capacity : 1024;
        heap = checked(realloc(heap, (size_t)heap_capacity * sizeof *heap));
    }
    heap_set(heap_length++, c);
    heap_rise(heap_length - 1);
}

/* ------------------------------------------------------------------------------------------- chance */

static uint64_t mixed(uint64_t x) /* splitmix64's finalizer */
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double uniform(struct connection *c) /* in [0, 1) */
{
    c->random += 0x9e3779b97f4a7c15u;
    return (double)(mixed(c->random) >> 11) * 0x1p-53;
}

/* Until the next chunk: nothing inside a burst, and after it the time of all its tokens. */
static uint64_t next_gap(struct connection *c)
{
    if (c->record.chunks % options.burst)
        return 0;
    double gap = (double)options.itl * options.burst * options.tokens_per_chunk;
    if (options.jitter == JITTER_UNIFORM)
        gap *= 0.5 + uniform(c);
    else if (options.jitter == JITTER_EXPONENTIAL)
        gap *= -log1p(-uniform(c));
    return (uint64_t)gap;
}

/* ------------------------------------------------------------------------------------------ sending */

static void watch(struct connection *c, bool output)
{
    struct epoll_event event = {.events = EPOLLIN | (output ? EPOLLOUT : 0u), .data.fd = c->fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
    c->blocked = output;
}

static void keep_for_later(struct connection *c, const char *data, size_t length)
{
    if (c->out_length + length > c->out_capacity) {
        c->out_capacity = 2 * (c->out_length + length);
        c->out = checked(realloc(c->out, c->out_capacity));
    }
    memcpy(c->out + c->out_length, data, length);
    c->out_length += length;
}

/* Hand bytes to the kernel, and keep what it does not take. False: the client has gone. */
static bool send_bytes(struct connection *c, const char *data, size_t length)
{
    if (c->out_length) {
        keep_for_later(c, data, length);
        return true;
    }
    ssize_t taken = send(c->fd, data, length, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    size_t done = taken < 0 ? 0 : (size_t)taken;
    if (done < length) {
        keep_for_later(c, data + done, length - done);
        watch(c, true);
    }
    return true;
}

static bool send_kept(struct connection *c)
{
    ssize_t taken = send(c->fd, c->out, c->out_length, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    size_t done = taken < 0 ? 0 : (size_t)taken;
    c->out_length -= done;
    memmove(c->out, c->out + done, c->out_length);
    if (c->blocked != (c->out_length > 0))
        watch(c, c->out_length > 0);
    return true;
}

static struct chunk_times *add_times(struct connection *c, uint64_t sent)
{
    if (c->record.chunks == c->times_capacity) {
        c->times_capacity = c->times_capacity ? 2 * c->times_capacity : 128;
        c->times = checked(realloc(c->times, c->times_capacity * sizeof *c->times));
    }
    struct chunk_times *times = &c->times[c->record.chunks++];
    times->sent = times->returned = sent;
    return times;
}

/* ------------------------------------------------------------------------------- events of the stream */

struct text {
    char data[CHUNK_HEADER + EVENT_SIZE];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof text->data - text->length;
    int length = vsnprintf(text->data + text->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void add_usage(struct text *text, const struct connection *c)
{
    add(text, ",\"usage\":{\"prompt_tokens\":%" PRIu32 ",\"completion_tokens\":%" PRIu32 ",\"total_tokens\":%" PRIu32 "}",
        c->prompt_tokens, c->tokens_sent, c->prompt_tokens + c->tokens_sent);
}

static void add_head(struct text *text, const struct connection *c)
{
    add(text, "data: {\"id\":\"truth-%" PRIi64 "\",\"object\":\"%s\",\"created\":1,\"model\":\"truth\"", c->record.id,
        c->chat ? "chat.completion.chunk" : "text_completion");
}

static void add_words(struct text *text, uint32_t count)
{
    while (count--)
        add(text, " word");
}

/* The event of the next `tokens` tokens. */
static void add_output(struct text *text, const struct connection *c, uint32_t tokens, bool reasoning, uint64_t sent)
{
    bool last = c->tokens_sent == c->tokens && options.ending == END_MARK;
    add_head(text, c);
    add(text, ",\"sent_ns\":%" PRIu64 ",\"choices\":[{\"index\":0,", sent);
    if (c->chat)
        add(text, "\"delta\":{\"%s\":\"", reasoning ? options.reasoning_field : "content");
    else
        add(text, "\"text\":\"");
    add_words(text, tokens);
    add(text, "\"%s,\"finish_reason\":%s}]", c->chat ? "}" : "", last ? "\"length\"" : "null");
    if (options.usage == USAGE_EACH)
        add_usage(text, c);
    add(text, "}\n\n");
}

/* Make an HTTP chunk of the event that `text` holds after CHUNK_HEADER bytes of room. */
static const char *framed(struct text *text, size_t *length)
{
    char header[CHUNK_HEADER + 1];
    int size = snprintf(header, sizeof header, "%zx\r\n", text->length - CHUNK_HEADER);
    add(text, "\r\n");
    char *start = text->data + CHUNK_HEADER - size;
    memcpy(start, header, (size_t)size);
    *length = text->length - (size_t)(start - text->data);
    return start;
}

static bool send_event(struct connection *c, struct text *text)
{
    size_t length;
    const char *data = framed(text, &length);
    return send_bytes(c, data, length);
}

static uint32_t tokens_of_next_chunk(const struct connection *c, bool *reasoning)
{
    uint32_t left = c->tokens - c->tokens_sent;
    *reasoning = c->chat && c->tokens_sent < options.reasoning;
    if (*reasoning && options.reasoning - c->tokens_sent < left)
        left = options.reasoning - c->tokens_sent; /* no chunk holds both kinds */
    return left < options.tokens_per_chunk ? left : options.tokens_per_chunk;
}

/* Send the next chunk of output, or its first part if it is to be split. */
static bool send_output(struct connection *c)
{
    struct text text = {.length = CHUNK_HEADER};
    bool reasoning;
    uint32_t tokens = tokens_of_next_chunk(c, &reasoning);
    c->tokens_sent += tokens;
    uint64_t sent = real_now();
    add_output(&text, c, tokens, reasoning, sent);
    struct chunk_times *times = add_times(c, sent);
    size_t length;
    const char *data = framed(&text, &length);

    bool split = options.split_every && c->record.chunks % options.split_every == 0;
    /* The second part has at least the event's last byte, before the line end of the HTTP chunk: without it
     * the event would have arrived with the first. */
    size_t first = split ? 1 + (size_t)(uniform(c) * (double)(length - 3)) : length;
    if (!send_bytes(c, data, first))
        return false;
    if (split && first < length) {
        if (options.split_delay) {
            keep_for_later(c, data + first, length - first);
            return true;
        }
        times->sent = real_now();
        if (!send_bytes(c, data + first, length - first))
            return false;
    }
    times->returned = real_now();
    return true;
}

/* ---------------------------------------------------------------------------------- ends of an answer */

static void write_record(struct connection *c)
{
    if (!log_file)
        return;
    fwrite(&c->record, sizeof c->record, 1, log_file);
    if (c->record.chunks)
        fwrite(c->times, sizeof *c->times, c->record.chunks, log_file);
}

static void close_connection(struct connection *c)
{
    if (c->streaming)
        write_record(c);
    unschedule(c);
    connections[c->fd] = NULL;
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c->times);
    free(c);
}

/* Everything after the last chunk of output goes out in one piece, as most of it does in real servers. */
static bool send_end(struct connection *c)
{
    struct text text = {.length = 0};
    if (options.usage == USAGE_FINAL && options.ending == END_MARK) {
        struct text usage = {.length = CHUNK_HEADER};
        add_head(&usage, c);
        add(&usage, ",\"choices\":[]");
        add_usage(&usage, c);
        add(&usage, "}\n\n");
        size_t length;
        const char *data = framed(&usage, &length);
        add(&text, "%.*s", (int)length, data);
    }
    if (options.ending == END_MARK)
        add(&text, "e\r\ndata: [DONE]\n\n\r\n");
    add(&text, "0\r\n\r\n");
    return send_bytes(c, text.data, text.length);
}

/* False: the connection is to be closed. */
static bool finish(struct connection *c)
{
    unschedule(c);
    if (options.ending == END_CUT)
        return false;
    if (!send_end(c))
        return false;
    c->record.finished = 1;
    write_record(c);
    c->streaming = false;
    return true;
}

static bool fail_in_stream(struct connection *c)
{
    struct text text = {.length = CHUNK_HEADER};
    add(&text, "data: {\"error\":{\"message\":\"the truth server was told to fail\",\"type\":\"server_error\",\"code\":500}}\n\n");
    unschedule(c);
    if (!send_event(c, &text) || !send_bytes(c, "0\r\n\r\n", 5))
        return false;
    write_record(c);
    c->streaming = false;
    return true;
}

/* Do what is due on a stream. False: the connection is to be closed. */
static bool advance(struct connection *c)
{
    if (c->blocked) {
        unschedule(c); /* `on_writable` schedules it again */
        return true;
    }
    if (c->out_length) { /* the second part of a split chunk */
        struct chunk_times *times = &c->times[c->record.chunks - 1];
        times->sent = real_now();
        if (!send_kept(c))
            return false;
        times->returned = real_now();
    } else if (!send_output(c)) {
        return false;
    }
    if (c->out_length && !c->blocked) {
        schedule(c, monotonic_now() + options.split_delay);
        return true;
    }
    if (c->fails && 2 * c->tokens_sent >= c->tokens)
        return fail_in_stream(c);
    if (c->tokens_sent == c->tokens)
        return finish(c);
    c->scheduled = options.itl ? c->scheduled + next_gap(c) : monotonic_now();
    schedule(c, c->scheduled);
    return true;
}

/* ------------------------------------------------------------------------------------------ requests */

static bool send_document(struct connection *c, const char *status, const char *body)
{
    struct text text = {.length = 0};
    add(&text, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    return send_bytes(c, text.data, text.length);
}

static bool answer_get(struct connection *c, const char *target)
{
    if (!strncmp(target, "/v1/models", 10))
        return send_document(c, "200 OK",
                             "{\"object\":\"list\",\"data\":[{\"id\":\"truth\",\"object\":\"model\",\"created\":1,"
                             "\"owned_by\":\"truth\",\"max_model_len\":131072}]}");
    if (!strncmp(target, "/health", 7))
        return send_document(c, "200 OK", "{\"status\":\"ok\"}");
    return send_document(c, "404 Not Found", "{\"error\":{\"message\":\"no such path\",\"code\":404}}");
}

/* What follows `"key":`, blanks and an opening quote skipped; NULL if there is no such key. A quoted key
 * inside a string has its quotes escaped, and a value of that name is not followed by a colon. */
static const char *json_value(const char *body, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    while ((body = strstr(body, quoted))) {
        body += strlen(quoted);
        body += strspn(body, " \t\r\n");
        if (*body == ':')
            return body + 1 + strspn(body + 1, " \t\r\n\"");
    }
    return NULL;
}

static uint32_t asked_tokens(const char *body)
{
    const char *value = json_value(body, "max_tokens");
    if (!value)
        value = json_value(body, "max_completion_tokens");
    long count = value ? strtol(value, NULL, 10) : 0;
    return count > 0 && count < 10000000 ? (uint32_t)count : options.tokens;
}

static bool every(uint32_t n) { return n && requests % n == 0; }

static bool begin_stream(struct connection *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    c->streaming = true;
    c->record.status = 200;
    if (!send_bytes(c, head, sizeof head - 1))
        return false;
    if (options.role_chunk && c->chat) {
        struct text text = {.length = CHUNK_HEADER};
        add_head(&text, c);
        add(&text, ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n");
        if (!send_event(c, &text))
            return false;
    }
    /* On the other clock, and from when the request came, not from when we got round to reading it. */
    uint64_t read_late = real_now() - c->record.received;
    c->scheduled = monotonic_now() + options.ttft - (read_late < options.ttft ? read_late : options.ttft);
    schedule(c, c->scheduled);
    return true;
}

static bool answer_post(struct connection *c, const char *target, const char *body, size_t body_length)
{
    requests++;
    const char *id = json_value(body, "user");
    const char *stream = json_value(body, "stream");
    c->chat = strstr(target, "/chat/completions") != NULL;
    c->fails = every(options.stream_error_every);
    c->tokens = asked_tokens(body);
    c->tokens_sent = 0;
    c->prompt_tokens = 1 + (uint32_t)(body_length / 4);
    c->random = mixed(options.seed + requests);
    c->record = (struct record){.id = id ? strtoll(id, NULL, 10) : -1, .received = c->in_stamp, .tokens = c->tokens};
    if (every(options.http_error_every)) {
        c->record.status = 500;
        write_record(c);
        return send_document(c, "500 Internal Server Error",
                             "{\"error\":{\"message\":\"the truth server was told to fail\",\"code\":500}}");
    }
    if (stream && !strncmp(stream, "true", 4))
        return begin_stream(c);
    return send_document(c, "200 OK",
                         "{\"id\":\"truth\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"truth\",\"choices\":"
                         "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ok\"},\"text\":\"ok\","
                         "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,"
                         "\"total_tokens\":2}}");
}

static size_t content_length(const char *head, const char *end)
{
    const char *header = strcasestr(head, "\r\ncontent-length:");
    return header && header < end ? strtoul(header + 17, NULL, 10) : 0;
}

/* Answer the request at the beginning of the input. 1: done, 0: it is not complete, -1: close. */
static int answer_one(struct connection *c)
{
    c->in[c->in_length] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end)
        return 0;
    char *body = end + 4;
    size_t head_length = (size_t)(body - c->in), body_length = content_length(c->in, end);
    if (c->in_length < head_length + body_length)
        return 0;
    char *target = strchr(c->in, ' ');
    char *target_end = target ? strpbrk(target + 1, " \r") : NULL;
    if (!target_end)
        return -1;
    *target_end = 0;
    char after = body[body_length];
    body[body_length] = 0;
    bool alive = !strncmp(c->in, "GET ", 4) ? answer_get(c, target + 1) : answer_post(c, target + 1, body, body_length);
    body[body_length] = after;
    c->in_length -= head_length + body_length;
    memmove(c->in, body + body_length, c->in_length);
    return alive ? 1 : -1;
}

/* False: the connection is to be closed. */
static bool answer_all(struct connection *c)
{
    while (c->in_length && !c->streaming) {
        int answered = answer_one(c);
        if (answered <= 0)
            return answered == 0;
    }
    return true;
}

static uint64_t stamp_of(struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(header), sizeof t);
            return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
        }
    }
    return real_now();
}

/* False: the connection is to be closed. */
static bool on_readable(struct connection *c)
{
    if (c->in_length + READ_SIZE >= c->in_capacity) {
        c->in_capacity = 2 * c->in_capacity + READ_SIZE + 1; /* + 1: the input is ended with a zero to be searched */
        c->in = checked(realloc(c->in, c->in_capacity));
    }
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec part = {.iov_base = c->in + c->in_length, .iov_len = READ_SIZE};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(c->fd, &message, 0);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR;
    if (length == 0)
        return false;
    c->in_stamp = stamp_of(&message);
    c->in_length += (size_t)length;
    return answer_all(c);
}

static bool on_writable(struct connection *c)
{
    bool in_chunk = c->streaming && c->record.chunks;
    if (!send_kept(c))
        return false;
    if (in_chunk) /* a chunk that waited for room was sent when its last byte was */
        c->times[c->record.chunks - 1].returned = real_now();
    if (!c->blocked && c->streaming)
        schedule(c, c->scheduled);
    return true;
}

/* ---------------------------------------------------------------------------------------- main loop */

static int listening_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one); /* inherited by what is accepted */
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4096) || getsockname(fd, (struct sockaddr *)&address, &size)) {
        perror("truth_server: cannot listen");
        exit(1);
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(int listener)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if ((size_t)fd >= most_connections) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *c = checked(calloc(1, sizeof *c));
        c->fd = fd;
        c->heap_index = NOT_SCHEDULED;
        connections[fd] = c;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void on_event(const struct epoll_event *event)
{
    struct connection *c = connections[event->data.fd];
    if (!c)
        return; /* closed by an earlier event of this batch */
    bool alive = true;
    if (event->events & EPOLLOUT)
        alive = on_writable(c);
    if (alive && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        alive = on_readable(c);
    if (!alive)
        close_connection(c);
}

static void advance_due(void)
{
    for (int budget = CHUNKS_A_POLL; budget && heap_length && heap[0]->due <= monotonic_now(); budget--) {
        struct connection *c = heap[0];
        bool alive = advance(c);
        if (alive && !c->streaming)
            alive = answer_all(c); /* a request that came before the answer was over */
        if (!alive)
            close_connection(c);
    }
}

/* `ppoll` sleeps to the nanosecond where `epoll_wait` sleeps to the millisecond. */
static void sleep_until_due(void)
{
    uint64_t now = monotonic_now(), left = LONGEST_SLEEP;
    if (heap_length)
        left = heap[0]->due > now ? heap[0]->due - now : 0;
    if (left) {
        struct timespec timeout = {.tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S)};
        struct pollfd poll_fd = {.fd = epoll_fd, .events = POLLIN};
        ppoll(&poll_fd, 1, &timeout, NULL);
    }
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS_A_POLL];
    while (!stopping) {
        sleep_until_due();
        int count = epoll_wait(epoll_fd, events, EVENTS_A_POLL, 0);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener);
            else if (events[i].data.fd == STDIN_FILENO)
                stopping = 1;
            else
                on_event(&events[i]);
        }
        advance_due();
    }
}

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

static void close_all(void)
{
    for (size_t fd = 0; fd < most_connections; fd++)
        if (connections[fd])
            close_connection(connections[fd]);
    if (log_file && fclose(log_file)) {
        perror("truth_server: cannot write the log");
        exit(1);
    }
}

/* ------------------------------------------------------------------------------------------- options */

static const char help[] =
    "usage: truth_server [OPTION]...\n"
    "A streaming completions server whose send times are known. Prints `port N` and serves 127.0.0.1.\n"
    "\n"
    "  --port N                 port; 0, the default, takes a free one\n"
    "  --log PATH               write the times of all requests there, in binary (see struct record)\n"
    "  --until-stdin-closes     end when standard input does; SIGTERM and SIGINT end it in any case\n"
    "  --seed N                 of everything random (default 1)\n"
    "\n"
    "pace\n"
    "  --ttft US                request to first token, microseconds (default 50000)\n"
    "  --itl US                 between tokens (default 10000; 0: as fast as possible)\n"
    "  --tokens N               if the request names no max_tokens (default 100)\n"
    "  --jitter KIND            gaps are: none, uniform (0.5 to 1.5 of the mean), exponential\n"
    "  --burst N                send N chunks at once, each N gaps (default 1)\n"
    "\n"
    "shape\n"
    "  --tokens-per-chunk N     as with speculative decoding (default 1)\n"
    "  --usage WHERE            final (default), each or none\n"
    "  --reasoning N            the first N tokens of a chat are reasoning\n"
    "  --reasoning-field NAME   their field of the delta (default reasoning)\n"
    "  --role-chunk             a chat begins with a chunk without output, before the first token\n"
    "  --split-every N          cut every Nth chunk into two sends at a random byte\n"
    "  --split-delay US         wait between the two (default 0)\n"
    "\n"
    "faults\n"
    "  --stream-error-every N   every Nth request: an error event in the middle of the stream\n"
    "  --http-error-every N     every Nth request: status 500\n"
    "  --end HOW                mark (default), none: no finish reason and no [DONE], cut: the connection closes\n";

__attribute__((noreturn)) static void refuse(const char *name, const char *value)
{
    fprintf(stderr, "truth_server: --%s %s makes no sense; --help says what does\n", name, value);
    exit(2);
}

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || end == text || *text == '-' || value < least || value > most)
        refuse(name, text);
    return value;
}

static int choice(const char *name, const char *text, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text))
            return i;
    refuse(name, text);
}

enum option_id {
    OPT_HELP, OPT_PORT, OPT_LOG, OPT_STDIN, OPT_SEED, OPT_TTFT, OPT_ITL, OPT_TOKENS, OPT_JITTER, OPT_BURST,
    OPT_TOKENS_PER_CHUNK, OPT_USAGE, OPT_REASONING, OPT_REASONING_FIELD, OPT_ROLE, OPT_SPLIT_EVERY, OPT_SPLIT_DELAY,
    OPT_STREAM_ERROR, OPT_HTTP_ERROR, OPT_END,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"port", required_argument, NULL, OPT_PORT},
    {"log", required_argument, NULL, OPT_LOG},
    {"until-stdin-closes", no_argument, NULL, OPT_STDIN},
    {"seed", required_argument, NULL, OPT_SEED},
    {"ttft", required_argument, NULL, OPT_TTFT},
    {"itl", required_argument, NULL, OPT_ITL},
    {"tokens", required_argument, NULL, OPT_TOKENS},
    {"jitter", required_argument, NULL, OPT_JITTER},
    {"burst", required_argument, NULL, OPT_BURST},
    {"tokens-per-chunk", required_argument, NULL, OPT_TOKENS_PER_CHUNK},
    {"usage", required_argument, NULL, OPT_USAGE},
    {"reasoning", required_argument, NULL, OPT_REASONING},
    {"reasoning-field", required_argument, NULL, OPT_REASONING_FIELD},
    {"role-chunk", no_argument, NULL, OPT_ROLE},
    {"split-every", required_argument, NULL, OPT_SPLIT_EVERY},
    {"split-delay", required_argument, NULL, OPT_SPLIT_DELAY},
    {"stream-error-every", required_argument, NULL, OPT_STREAM_ERROR},
    {"http-error-every", required_argument, NULL, OPT_HTTP_ERROR},
    {"end", required_argument, NULL, OPT_END},
    {NULL, 0, NULL, 0},
};

static void set_option(int id, const char *name, const char *value)
{
    static const char *const jitters[] = {"none", "uniform", "exponential", NULL};
    static const char *const usages[] = {"final", "each", "none", NULL};
    static const char *const endings[] = {"mark", "none", "cut", NULL};
    switch ((enum option_id)id) {
    case OPT_HELP: fputs(help, stdout); exit(0);
    case OPT_PORT: options.port = (uint16_t)number(name, value, 0, 65535); break;
    case OPT_LOG: options.log = value; break;
    case OPT_STDIN: options.until_stdin_closes = true; break;
    case OPT_SEED: options.seed = number(name, value, 0, UINT64_MAX); break;
    case OPT_TTFT: options.ttft = number(name, value, 0, NS_PER_S) * NS_PER_US; break;
    case OPT_ITL: options.itl = number(name, value, 0, NS_PER_S) * NS_PER_US; break;
    case OPT_TOKENS: options.tokens = (uint32_t)number(name, value, 1, 10000000); break;
    case OPT_JITTER: options.jitter = (enum jitter)choice(name, value, jitters); break;
    case OPT_BURST: options.burst = (uint32_t)number(name, value, 1, 1000000); break;
    case OPT_TOKENS_PER_CHUNK: options.tokens_per_chunk = (uint32_t)number(name, value, 1, MAX_CHUNK_TOKENS); break;
    case OPT_USAGE: options.usage = (enum usage)choice(name, value, usages); break;
    case OPT_REASONING: options.reasoning = (uint32_t)number(name, value, 0, UINT32_MAX); break;
    case OPT_REASONING_FIELD: options.reasoning_field = value; break;
    case OPT_ROLE: options.role_chunk = true; break;
    case OPT_SPLIT_EVERY: options.split_every = (uint32_t)number(name, value, 1, UINT32_MAX); break;
    case OPT_SPLIT_DELAY: options.split_delay = number(name, value, 0, NS_PER_S) * NS_PER_US; break;
    case OPT_STREAM_ERROR: options.stream_error_every = (uint32_t)number(name, value, 1, UINT32_MAX); break;
    case OPT_HTTP_ERROR: options.http_error_every = (uint32_t)number(name, value, 1, UINT32_MAX); break;
    case OPT_END: options.ending = (enum ending)choice(name, value, endings); break;
    }
}

static void read_options(int count, char **values)
{
    int id, index = 0;
    while ((id = getopt_long(count, values, "", long_options, &index)) >= 0) {
        if (id == '?')
            exit(2);
        set_option(id, long_options[index].name, optarg);
    }
    if (optind < count)
        refuse("", values[optind]);
}

static void make_room_for_connections(void)
{
    struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 1u << 20 ? limit.rlim_max : 1u << 20;
    setrlimit(RLIMIT_NOFILE, &limit);
    most_connections = limit.rlim_cur;
    connections = checked(calloc(most_connections, sizeof(struct connection *)));
}

int main(int count, char **values)
{
    read_options(count, values);
    if (options.log && !(log_file = fopen(options.log, "wb"))) {
        perror(options.log);
        return 1;
    }
    make_room_for_connections();
    prctl(PR_SET_TIMERSLACK, 1); /* the usual 50 us would be an error of the schedule */
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    int listener = listening_socket();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    if (options.until_stdin_closes) {
        event.data.fd = STDIN_FILENO;
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    }
    serve(listener);
    close_all();
    return 0;
}
