/* tests/unit/support/net_peer.h — the other end of a connection, on the loop under test. */
#ifndef TESTS_UNIT_SUPPORT_NET_PEER_H
#define TESTS_UNIT_SUPPORT_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

struct event;
struct loop;

struct net_peer {
    struct loop *loop;
    int fd;                 /* -1: closed by us */
    struct event *readable; /* NULL: not reading */
    struct buf received;
    bool is_closed; /* by the other side */
    bool was_reset;
};

/** Turn the loop until `is_true(arg)`; fail the test after 10 s. */
void net_turn_until(struct loop *loop, bool (*is_true)(void *arg), void *arg);
/** Turn the loop `n` times without waiting. */
void net_turn(struct loop *loop, int n);

void net_peer_open(struct net_peer *peer, struct loop *loop, int port);
/** The same with a small receive buffer, and not reading: the other side soon cannot write. */
void net_peer_open_deaf(struct net_peer *peer, struct loop *loop, int port);
void net_peer_listen(struct net_peer *peer); /* begin to read */
void net_peer_close(struct net_peer *peer);  /* fine when closed */
void net_peer_reset(struct net_peer *peer);  /* closes with RST */
/** Send all of it, turning the loop as needed; what the other side refuses to take is dropped. */
void net_peer_send(struct net_peer *peer, const void *bytes, size_t n_bytes);
void net_peer_send_text(struct net_peer *peer, const char *text);
/** Turn the loop until the other side has closed. */
void net_peer_await_close(struct net_peer *peer);
/** Turn the loop until `text` has been received. */
void net_peer_await_text(struct net_peer *peer, const char *text);
/** Return the status of the first response received, 0 when there is none. */
int net_peer_status(const struct net_peer *peer);

#endif
