#include "services/websocket/sockets/frame.h"

#include <assert.h>
#include <string.h>

#include "common/base/mem.h"

enum { FINAL = 0x80, LENGTH_16 = 126, LENGTH_64 = 127, HEADER_MAX = 10 };

struct frame {
    size_t n_owners;
    size_t n_bytes;
    unsigned char bytes[];
};

/* Write the shortest header for the length; return its size. */
static size_t write_header(unsigned char *out, enum frame_opcode opcode, size_t n_payload)
{
    size_t n_length = n_payload <= FRAME_CONTROL_MAX ? 0 : n_payload <= UINT16_MAX ? 2 : 8;

    out[0] = (unsigned char)(FINAL | opcode);
    out[1] = (unsigned char)(n_length == 0 ? n_payload : n_length == 2 ? LENGTH_16 : LENGTH_64);
    for (size_t i = 0; i < n_length; i++)
        out[2 + i] = (unsigned char)(n_payload >> 8 * (n_length - 1 - i));
    return 2 + n_length;
}

struct frame *frame_new(enum frame_opcode opcode, const void *payload, size_t n_bytes)
{
    struct frame *frame = mem_new(sizeof(*frame) + HEADER_MAX + n_bytes);
    size_t n_header = write_header(frame->bytes, opcode, n_bytes);

    assert(opcode == FRAME_TEXT || n_bytes <= FRAME_CONTROL_MAX);
    if (n_bytes > 0)
        memcpy(frame->bytes + n_header, payload, n_bytes);
    frame->n_bytes = n_header + n_bytes;
    frame->n_owners = 1;
    return frame;
}

struct frame *frame_new_close(uint16_t code, const char *reason)
{
    unsigned char payload[FRAME_CONTROL_MAX];
    size_t n_reason = strlen(reason);

    if (n_reason > sizeof(payload) - 2) {
        n_reason = sizeof(payload) - 2;
        while (n_reason > 0 && ((unsigned char)reason[n_reason] & 0xc0) == 0x80)
            n_reason--;
    }
    payload[0] = (unsigned char)(code >> 8);
    payload[1] = (unsigned char)code;
    memcpy(payload + 2, reason, n_reason);
    return frame_new(FRAME_CLOSE, payload, 2 + n_reason);
}

struct frame *frame_ref(struct frame *frame)
{
    frame->n_owners++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (frame && --frame->n_owners == 0)
        mem_free(frame);
}

const void *frame_bytes(const struct frame *frame, size_t *n_bytes)
{
    *n_bytes = frame->n_bytes;
    return frame->bytes;
}

size_t frame_n_bytes(const struct frame *frame)
{
    return frame->n_bytes;
}
