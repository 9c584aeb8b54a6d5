/* services/websocket/sockets/socket.h — one WebSocket, the server's side: libwslay reads, frames
 * are written whole into the bufferevent. Source: RFC 6455 §5, §6, §7.
 *
 * OPEN → (we send a close) CLOSING → (theirs came, or they cannot be understood) ENDING → gone.
 * Clients have nothing to say: a text message is closed with 1008, a binary one with 1003. */
#ifndef SERVICES_WEBSOCKET_SOCKETS_SOCKET_H
#define SERVICES_WEBSOCKET_SOCKETS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame;
struct http_upgraded;
struct socket;

enum {
    SOCKET_CODE_NORMAL = 1000,
    SOCKET_CODE_GOING_AWAY = 1001,
    SOCKET_CODE_PROTOCOL = 1002,
    SOCKET_CODE_UNSUPPORTED = 1003,
    SOCKET_CODE_ABNORMAL = 1006, /* never sent: the connection ended without a close */
    SOCKET_CODE_NOT_UTF8 = 1007,
    SOCKET_CODE_POLICY = 1008,
    SOCKET_CODE_TOO_BIG = 1009,
    SOCKET_CODE_TRY_LATER = 1013,
};
enum {
    SOCKET_MESSAGE_MAX = 4096,
    SOCKET_CONTROLS_MAX = 1000 /* of the client, between two pings */
};

struct socket_limits {
    int ping_ms;        /* between pings; closed when two stay unanswered */
    int close_limit_ms; /* for the client's part of a close */
    int life_ms;        /* then closed with 1013: rights may have ended since the ticket */
    size_t queue_frames, queue_bytes;
};

/** The socket is about to be freed, by itself: forget it. `code` is what it was closed with. */
typedef void socket_gone_fn(void *arg, struct socket *socket, uint16_t code);

struct socket_config {
    const struct socket_limits *limits; /* borrowed for the life of the socket */
    socket_gone_fn *gone;               /* never called from within a function below */
    void *arg;
};

/** Take `upgraded` and begin to read in the next turn. */
struct socket *socket_new(struct http_upgraded *upgraded, const struct socket_config *config);
/** End it at once, without a word and without calling `gone`. */
void socket_free(struct socket *socket);

/** Send `frame`, now or when the client has read what is before it. A client that is too slow for
 *  the limits is closed with 1013. Nothing happens on one that is closing. */
void socket_send(struct socket *socket, struct frame *frame);

/** Begin to close: what waits is dropped. Nothing happens on one that is closing. */
void socket_close(struct socket *socket, uint16_t code, const char *reason);
bool socket_is_open(const struct socket *socket);

/** Let time pass. Return whether a ping was due and sent: then send yours too. Free a socket whose
 *  client did not do its part of the close in time, calling `gone` (the exception to the above). */
bool socket_tick(struct socket *socket, int64_t now_ms);

#endif
