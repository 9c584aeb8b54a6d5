/* services/websocket/sockets/frame_queue.h — the frames that wait for a client which reads slowly,
 * bounded in number and bytes. */
#ifndef SERVICES_WEBSOCKET_SOCKETS_FRAME_QUEUE_H
#define SERVICES_WEBSOCKET_SOCKETS_FRAME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct frame;

struct frame_queue {
    struct frame **frames; /* a ring of `capacity`, a power of two; NULL while it never held one */
    size_t capacity, first, n_frames, n_bytes;
    size_t frames_max, bytes_max;
};

void frame_queue_init(struct frame_queue *queue, size_t frames_max, size_t bytes_max);
void frame_queue_clear(struct frame_queue *queue); /* gives all frames up; may be used again */

/** Append `frame`, becoming one more owner. Return false, and do nothing, when that would pass a
 *  limit. */
bool frame_queue_push(struct frame_queue *queue, struct frame *frame);

/** Return the first frame, handing its ownership over; NULL when empty. */
struct frame *frame_queue_pop(struct frame_queue *queue);

#endif
