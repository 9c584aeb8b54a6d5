#include "services/websocket/sockets/frame_queue.h"

#include "common/base/mem.h"
#include "services/websocket/sockets/frame.h"

enum { FIRST_CAPACITY = 8 };

void frame_queue_init(struct frame_queue *queue, size_t frames_max, size_t bytes_max)
{
    *queue = (struct frame_queue){.frames_max = frames_max, .bytes_max = bytes_max};
}

void frame_queue_clear(struct frame_queue *queue)
{
    struct frame *frame;

    while ((frame = frame_queue_pop(queue)))
        frame_unref(frame);
    mem_free(queue->frames);
    queue->frames = NULL;
    queue->capacity = 0;
}

static void grow(struct frame_queue *queue)
{
    size_t capacity = queue->capacity ? queue->capacity * 2 : FIRST_CAPACITY;
    struct frame **frames = mem_new_array(capacity, sizeof(struct frame *));

    for (size_t i = 0; i < queue->n_frames; i++)
        frames[i] = queue->frames[(queue->first + i) & (queue->capacity - 1)];
    mem_free(queue->frames);
    queue->frames = frames;
    queue->capacity = capacity;
    queue->first = 0;
}

bool frame_queue_push(struct frame_queue *queue, struct frame *frame)
{
    size_t n_bytes = frame_n_bytes(frame);

    if (queue->n_frames == queue->frames_max || n_bytes > queue->bytes_max - queue->n_bytes)
        return false;
    if (queue->n_frames == queue->capacity)
        grow(queue);
    queue->frames[(queue->first + queue->n_frames) & (queue->capacity - 1)] = frame_ref(frame);
    queue->n_frames++;
    queue->n_bytes += n_bytes;
    return true;
}

struct frame *frame_queue_pop(struct frame_queue *queue)
{
    struct frame *frame;

    if (queue->n_frames == 0)
        return NULL;
    frame = queue->frames[queue->first];
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->n_frames--;
    queue->n_bytes -= frame_n_bytes(frame);
    return frame;
}
