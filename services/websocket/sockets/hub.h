/* services/websocket/sockets/hub.h — all open sockets, by user: an update goes to each of the
 * user's, once.
 *
 * A socket begins with {"type":"hello","seq":N}; every ping comes with {"type":"ping","seq":N}. N is
 * the user's newest seq known here: a browser that has seen less asks `sync`. */
#ifndef SERVICES_WEBSOCKET_SOCKETS_HUB_H
#define SERVICES_WEBSOCKET_SOCKETS_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "services/websocket/sockets/socket.h"

struct frame;
struct hub;
struct http_upgraded;
struct loop;
struct metrics;

struct hub_config {
    struct loop *loop;
    struct metrics *metrics; /* websocket_sockets, websocket_users, websocket_frames_total,
                                websocket_closes_total{code} */
    struct socket_limits limits;
    size_t sockets_per_user;
};

struct hub *hub_new(const struct hub_config *config);
void hub_free(struct hub *hub); /* ends every socket at once; NULL is fine */

/** Take `upgraded` as a socket of `user`, whose ticket says `seq`. One too many is closed with 1008. */
void hub_open(struct hub *hub, struct http_upgraded *upgraded, const struct uuid *user,
              int64_t seq);

/** Note that update `seq` of `user` passed. Return whether to send it: the user has a socket here,
 *  and it was not sent before. */
bool hub_note(struct hub *hub, const struct uuid *user, int64_t seq);
void hub_send(struct hub *hub, const struct uuid *user, struct frame *frame);
void hub_close_user(struct hub *hub, const struct uuid *user, uint16_t code, const char *reason);
void hub_close_all(struct hub *hub, uint16_t code, const char *reason);

/** Close every socket with 1001, spread over `within_ms`, so that not all come back at once. */
void hub_drain(struct hub *hub, int within_ms);

#endif
