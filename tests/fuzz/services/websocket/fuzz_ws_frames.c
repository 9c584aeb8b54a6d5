/* tests/fuzz/services/websocket/fuzz_ws_frames.c — a client's bytes behind the handshake, against
 * the real socket: whatever comes, the server's answer is whole unmasked frames, a close at most
 * once and last, and the connection ends when the client hangs up. */
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
#include "common/base/metrics.h"
#include "common/base/utf8.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "services/websocket/sockets/hub.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);

enum { TURNS_MAX = 5000, INPUT_MAX = 8192 };

static struct {
    struct loop *loop;
    struct metrics *metrics;
    struct log log;
    struct http_server *server;
    struct hub *hub;
} world;

static void must(bool is_true)
{
    if (!is_true)
        abort();
}

static void open_socket(void *context, struct http_request *req)
{
    static const struct uuid user = {"0190c9a0-0000-7000-8000-000000000001"};
    struct http_upgraded *upgraded = http_upgrade(req, "HTTP/1.1 101 \r\n\r\n");

    (void)context;
    if (upgraded)
        hub_open(world.hub, upgraded, &user, 7);
}

static const struct route routes[] = {{HTTP_GET, "/", open_socket}};

static void open_world(void)
{
    struct http_server_config config = {.name = "fuzz",
                                        .address = "127.0.0.1",
                                        .limits = {64, 5000, 5000, 5000, 16384, 16384},
                                        .routes = routes,
                                        .n_routes = 1};
    struct err err;

    world.loop = loop_new();
    world.metrics = metrics_new();
    log_init(&world.log, "fuzz", LOG_ERROR);
    config.loop = world.loop;
    config.metrics = world.metrics;
    config.log = &world.log;
    world.server = http_server_new(&config, &err);
    must(world.server != NULL);
    world.hub = hub_new(&(struct hub_config){.loop = world.loop,
                                             .metrics = world.metrics,
                                             .limits = {60000, 1000, 16, 65536},
                                             .sockets_per_user = 1000});
}

static int connect_to_server(void)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)http_server_port(world.server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return fd;
}

/* Read until the server hangs up; it must. */
static void read_answer(int fd, struct buf *answer)
{
    char bytes[4096];
    ssize_t n = -1;

    for (int turn = 0; turn < TURNS_MAX && n != 0; turn++) {
        event_base_loop(loop_base(world.loop), EVLOOP_NONBLOCK);
        while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
            buf_add(answer, bytes, (size_t)n);
    }
    must(n == 0);
}

/* Check one server frame at `at`; return where the next begins. */
static size_t check_frame(const struct buf *answer, size_t at, bool *has_closed)
{
    const unsigned char *bytes = (const unsigned char *)answer->bytes + at;
    size_t n_left = answer->n_bytes - at, n_payload;
    int opcode;

    must(!*has_closed && n_left >= 2);
    opcode = bytes[0] & 0x0f;
    n_payload = bytes[1];
    must((bytes[0] & 0xf0) == 0x80 && n_payload <= 125 && n_left >= 2 + n_payload);
    must(opcode == 1 || opcode == 8 || opcode == 10);
    if (opcode == 8) {
        *has_closed = true;
        must(n_payload != 1);
        must(n_payload <= 2 || utf8_is_valid((const char *)bytes + 4, n_payload - 2));
    }
    return at + 2 + n_payload;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    static const char handshake[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct buf answer = {0};
    bool has_closed = false;
    const char *head_end;
    int fd;

    if (n_input > INPUT_MAX)
        return 0;
    if (!world.loop)
        open_world();
    fd = connect_to_server();
    must(send(fd, handshake, sizeof(handshake) - 1, MSG_NOSIGNAL) == sizeof(handshake) - 1);
    if (n_input > 0 && n_input % 2) /* half of them in two pieces */
        must(send(fd, input, n_input / 2, MSG_NOSIGNAL) == (ssize_t)(n_input / 2));
    event_base_loop(loop_base(world.loop), EVLOOP_NONBLOCK);
    if (n_input > 0) {
        size_t from = n_input % 2 ? n_input / 2 : 0;

        send(fd, input + from, n_input - from, MSG_NOSIGNAL);
    }
    shutdown(fd, SHUT_WR);
    read_answer(fd, &answer);
    close(fd);
    head_end = strstr(buf_text(&answer), "\r\n\r\n");
    must(head_end != NULL);
    for (size_t at = (size_t)(head_end + 4 - answer.bytes); at < answer.n_bytes;)
        at = check_frame(&answer, at, &has_closed);
    buf_clear(&answer);
    return 0;
}
