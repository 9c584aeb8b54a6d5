/* tests/fuzz/fuzz_http_server.c — bytes of a client against the real server: evhttp never sees more
 * requests than the filter saw whole, and never answers by itself. */
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/net/http_filter.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);

enum { TURNS_MAX = 2000 };

static const struct http_limits limits = {.connections_max = 8,
                                          .head_limit_ms = 200,
                                          .body_limit_ms = 200,
                                          .idle_limit_ms = 200,
                                          .head_max_bytes = 512,
                                          .body_max_bytes = 256};

static struct {
    struct loop *loop;
    struct log log;
    struct http_server *server;
    unsigned n_handled;
} world;

static void handle(void *context, struct http_request *req)
{
    static const char *const names[] = {"a", NULL};
    struct err err = {0};
    size_t n_bytes;

    (void)context;
    world.n_handled++;
    http_body(req, &n_bytes);
    http_query(req, "a", &err);
    (void)!http_check_query(req, names, &err);
    (void)http_client_address(req);
    if (err_is_set(&err))
        http_reply_err(req, &err, NULL);
    else
        http_reply_empty(req, 204);
}

static const struct route routes[] = {
    {HTTP_GET, "/{a}", handle},     {HTTP_POST, "/{a}", handle},   {HTTP_PUT, "/{a}", handle},
    {HTTP_PATCH, "/{a}", handle},   {HTTP_DELETE, "/{a}", handle}, {HTTP_OPTIONS, "/{a}", handle},
    {HTTP_GET, "/{a}/{b}", handle},
};

static void open_world(void)
{
    struct http_server_config config = {.name = "fuzz",
                                        .address = "127.0.0.1",
                                        .limits = limits,
                                        .routes = routes,
                                        .n_routes = sizeof(routes) / sizeof(*routes)};
    struct err err;

    world.loop = loop_new();
    log_init(&world.log, "fuzz", LOG_ERROR);
    config.loop = world.loop;
    config.log = &world.log;
    world.server = http_server_new(&config, &err);
    if (!world.server)
        abort();
}

/* Closing with RST leaves no port in TIME_WAIT: there are only so many. */
static int connect_to_server(void)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)http_server_port(world.server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        abort();
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return fd;
}

static void read_replies(int fd, struct buf *replies)
{
    char bytes[4096];
    ssize_t n = 1;

    for (int turn = 0; turn < TURNS_MAX && n != 0; turn++) {
        event_base_loop(loop_base(world.loop), EVLOOP_NONBLOCK);
        while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
            buf_add(replies, bytes, (size_t)n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    struct http_filter filter;
    struct buf replies = {0};
    int fd;

    if (n_input > 4096)
        return 0;
    if (!world.loop)
        open_world();
    world.n_handled = 0;
    http_filter_init(&filter, &limits);
    http_filter_feed(&filter, (const char *)input, n_input);
    fd = connect_to_server();
    if (n_input > 0 && send(fd, input, n_input, MSG_NOSIGNAL) != (ssize_t)n_input)
        abort();
    shutdown(fd, SHUT_WR);
    read_replies(fd, &replies);
    close(fd);
    if (world.n_handled > filter.n_whole)
        abort();
    if (strstr(buf_text(&replies), "Content-Type: text/html"))
        abort();
    buf_clear(&replies);
    return 0;
}
