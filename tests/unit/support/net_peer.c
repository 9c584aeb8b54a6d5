#include "tests/unit/support/net_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/net/loop.h"

enum { PATIENCE_S = 120, DEAF_BYTES = 2048, KEEN_BYTES = 1 << 20 };

static void on_patience_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void net_turn_until(struct loop *loop, bool (*is_true)(void *arg), void *arg)
{
    const struct timeval patience = {PATIENCE_S, 0};
    bool is_over = false;
    struct event *timer = evtimer_new(loop_base(loop), on_patience_over, &is_over);

    event_add(timer, &patience);
    while (!is_over && !is_true(arg))
        event_base_loop(loop_base(loop), EVLOOP_ONCE);
    event_free(timer);
    if (is_over)
        fail_msg("nothing happened for %d s", PATIENCE_S);
}

void net_turn(struct loop *loop, int n)
{
    for (; n > 0; n--)
        event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct net_peer *peer = arg;
    char bytes[16384];
    ssize_t n = recv((int)fd, bytes, sizeof(bytes), 0);

    (void)what;
    if (n > 0) {
        buf_add(&peer->received, bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        peer->is_closed = true;
        peer->was_reset = n < 0;
        event_del(peer->readable);
    }
}

static void open_socket(struct net_peer *peer, struct loop *loop, int port, int receive_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    *peer = (struct net_peer){.loop = loop};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    if (receive_bytes > 0)
        setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
}

void net_peer_listen(struct net_peer *peer)
{
    int receive_bytes = KEEN_BYTES;

    setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    peer->readable =
        event_new(loop_base(peer->loop), peer->fd, EV_READ | EV_PERSIST, on_readable, peer);
    event_add(peer->readable, NULL);
}

void net_peer_open(struct net_peer *peer, struct loop *loop, int port)
{
    open_socket(peer, loop, port, 0);
    net_peer_listen(peer);
}

void net_peer_open_deaf(struct net_peer *peer, struct loop *loop, int port)
{
    open_socket(peer, loop, port, DEAF_BYTES);
}

void net_peer_close(struct net_peer *peer)
{
    if (peer->readable)
        event_free(peer->readable);
    peer->readable = NULL;
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    buf_clear(&peer->received);
}

void net_peer_reset(struct net_peer *peer)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    net_peer_close(peer);
}

void net_peer_send(struct net_peer *peer, const void *bytes, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes;) {
        ssize_t n = send(peer->fd, (const char *)bytes + at, n_bytes - at, MSG_NOSIGNAL);

        if (n > 0)
            at += (size_t)n;
        else if (errno == EAGAIN || errno == EINTR)
            net_turn(peer->loop, 1);
        else
            peer->was_reset = true;
        if (peer->is_closed || peer->was_reset)
            return;
    }
}

void net_peer_send_text(struct net_peer *peer, const char *text)
{
    net_peer_send(peer, text, strlen(text));
}

static bool is_peer_closed(void *arg)
{
    return ((struct net_peer *)arg)->is_closed;
}

void net_peer_await_close(struct net_peer *peer)
{
    net_turn_until(peer->loop, is_peer_closed, peer);
}

struct awaited {
    struct net_peer *peer;
    const char *text;
    size_t n_searched;
    bool is_there;
};

static bool is_text_there(void *arg)
{
    struct awaited *awaited = arg;
    const struct buf *received = &awaited->peer->received;
    size_t n_text = strlen(awaited->text);
    size_t from = awaited->n_searched > n_text ? awaited->n_searched - n_text : 0;

    awaited->is_there =
        memmem(buf_text(received) + from, received->n_bytes - from, awaited->text, n_text);
    awaited->n_searched = received->n_bytes;
    return awaited->is_there || awaited->peer->is_closed;
}

void net_peer_await_text(struct net_peer *peer, const char *text)
{
    struct awaited awaited = {.peer = peer, .text = text};

    net_turn_until(peer->loop, is_text_there, &awaited);
    if (!awaited.is_there)
        fail_msg("closed before \"%s\" came, after \"%.500s\"", text, buf_text(&peer->received));
}

int net_peer_status(const struct net_peer *peer)
{
    const char *text = buf_text(&peer->received);

    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : 0;
}
