/* services/websocket/sockets/frame.h — a WebSocket frame as it goes over the wire, made once and
 * shared by every socket that sends it. Servers do not mask, so it is the same for all.
 * Source: RFC 6455 §5.2. */
#ifndef SERVICES_WEBSOCKET_SOCKETS_FRAME_H
#define SERVICES_WEBSOCKET_SOCKETS_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum frame_opcode { FRAME_TEXT = 0x1, FRAME_CLOSE = 0x8, FRAME_PING = 0x9 };
enum { FRAME_CONTROL_MAX = 125 };

struct frame;

/** Make a whole, final frame of `payload`, with one owner. */
struct frame *frame_new(enum frame_opcode opcode, const void *payload, size_t n_bytes);
/** Make a close frame; a reason that is too long is cut at a character. */
struct frame *frame_new_close(uint16_t code, const char *reason);
struct frame *frame_ref(struct frame *frame); /* one owner more; returns it */
void frame_unref(struct frame *frame);        /* NULL is fine */

/** Return header and payload. */
const void *frame_bytes(const struct frame *frame, size_t *n_bytes);
size_t frame_n_bytes(const struct frame *frame);

#endif
