/* tests/bench/load.c — a load of HTTP requests: as many connections as asked for, each with one
 * request on its way all the time.
 *
 *     load PORT CONNECTIONS WARM_UP_MS RUN_MS STATUS REQUESTS
 *
 * REQUESTS is a file of whole HTTP/1.1 requests, each behind its length in decimal and a newline;
 * they are sent round and round. STATUS is the only status that counts as right. Prints one JSON
 * object: requests, wrong ones, seconds, latencies in µs. As lean as it can be, because it shares
 * the machine with what it measures. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

enum { ANSWER_MAX = 65536, EVENTS_MAX = 256, LATENCY_MAX_US = 5000000 };

struct request {
    const char *bytes;
    size_t n_bytes;
};

struct connection {
    int fd;
    size_t n_read, n_wanted; /* n_wanted 0: the head is not complete */
    int64_t began_us;
    char answer[ANSWER_MAX];
};

struct load {
    struct request *requests;
    size_t n_requests, next;
    struct connection *connections;
    int n_connections, epoll, status;
    int64_t counted_from_us;
    uint64_t n_done, n_wrong;
    int wrong_status;
    uint32_t *histogram; /* of latencies, a bucket a microsecond */
};

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void read_requests(struct load *load, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t n_bytes, n_room = 0;

    if (file == NULL)
        fail(path);
    while (fscanf(file, "%zu", &n_bytes) == 1 && fgetc(file) == '\n') {
        char *bytes = mem_new(n_bytes + 1);

        if (fread(bytes, 1, n_bytes, file) != n_bytes)
            fail(path);
        if (load->n_requests == n_room) {
            n_room = n_room * 2 + 64;
            load->requests = mem_resize(load->requests, n_room, sizeof(*load->requests));
        }
        load->requests[load->n_requests++] = (struct request){bytes, n_bytes};
    }
    fclose(file);
    if (load->n_requests == 0)
        fail("no requests");
}

static void send_next(struct load *load, struct connection *c)
{
    const struct request *request = &load->requests[load->next];

    load->next = (load->next + 1) % load->n_requests;
    c->n_read = c->n_wanted = 0;
    c->began_us = clock_monotonic_us();
    if (send(c->fd, request->bytes, request->n_bytes, MSG_NOSIGNAL) != (ssize_t)request->n_bytes)
        fail("send");
}

static void open_connection(struct load *load, struct connection *c, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl");
    send_next(load, c);
}

/* Find the end of the head and add the length of the body to it. */
static void read_head(struct connection *c)
{
    const char *end, *length;

    c->answer[c->n_read] = '\0';
    end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return;
    length = strcasestr(c->answer, "\r\ncontent-length:");
    c->n_wanted = (size_t)(end - c->answer) + 4;
    if (length != NULL && length < end)
        c->n_wanted += strtoul(length + 17, NULL, 10);
    if (c->n_wanted >= ANSWER_MAX)
        fail("an answer is too long");
}

static void count(struct load *load, const struct connection *c)
{
    int64_t now_us = clock_monotonic_us(), took_us = now_us - c->began_us;
    int status = atoi(c->answer + 9);

    if (now_us < load->counted_from_us)
        return;
    load->n_done++;
    if (status != load->status) {
        load->n_wrong++;
        load->wrong_status = status;
    }
    load->histogram[took_us < LATENCY_MAX_US ? took_us : LATENCY_MAX_US - 1]++;
}

static void on_readable(struct load *load, struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->n_read, ANSWER_MAX - 1 - c->n_read, 0);

    if (n <= 0)
        fail("the server closed a connection");
    c->n_read += (size_t)n;
    if (c->n_wanted == 0)
        read_head(c);
    if (c->n_wanted == 0 || c->n_read < c->n_wanted)
        return;
    count(load, c);
    send_next(load, c);
}

static void run_until(struct load *load, int64_t until_us)
{
    struct epoll_event events[EVENTS_MAX];

    while (clock_monotonic_us() < until_us) {
        int n = epoll_wait(load->epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < n; i++)
            on_readable(load, events[i].data.ptr);
    }
}

static long percentile_us(const struct load *load, double share)
{
    uint64_t left = (uint64_t)((double)load->n_done * share);

    for (long us = 0; us < LATENCY_MAX_US; us++) {
        if (load->histogram[us] > left)
            return us;
        left -= load->histogram[us];
    }
    return LATENCY_MAX_US;
}

int main(int argc, char **argv)
{
    struct load load = {0};
    int64_t began_us;
    double seconds;

    if (argc != 7) {
        fprintf(stderr, "usage: load PORT CONNECTIONS WARM_UP_MS RUN_MS STATUS REQUESTS\n");
        return 2;
    }
    load.n_connections = atoi(argv[2]);
    load.status = atoi(argv[5]);
    read_requests(&load, argv[6]);
    load.histogram = mem_new_array(LATENCY_MAX_US, sizeof(*load.histogram));
    load.connections = mem_new_array((size_t)load.n_connections, sizeof(*load.connections));
    load.epoll = epoll_create1(0);
    began_us = clock_monotonic_us();
    load.counted_from_us = began_us + atol(argv[3]) * 1000;
    for (int i = 0; i < load.n_connections; i++)
        open_connection(&load, &load.connections[i], atoi(argv[1]));
    run_until(&load, load.counted_from_us + atol(argv[4]) * 1000);
    seconds = (double)(clock_monotonic_us() - load.counted_from_us) / 1e6;
    printf("{\"requests\": %llu, \"wrong\": %llu, \"wrong_status\": %d, \"seconds\": %.3f,"
           " \"per_s\": %.1f, \"p50_us\": %ld, \"p99_us\": %ld}\n",
           (unsigned long long)load.n_done, (unsigned long long)load.n_wrong, load.wrong_status,
           seconds, (double)load.n_done / seconds, percentile_us(&load, 0.5),
           percentile_us(&load, 0.99));
    return 0;
}
