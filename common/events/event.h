/* common/events/event.h — one event, and its CloudEvents form.
 * Source: CloudEvents 1.0.2, JSON format; Dapr "Publishing & subscribing messages with Cloudevents". */
#ifndef COMMON_EVENTS_EVENT_H
#define COMMON_EVENTS_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

struct event {
    const char *id;          /* UUIDv7, the same at every publish */
    const char *source;      /* "/todo/backend" */
    const char *type;        /* "todo.task.created.v1" */
    const char *subject;     /* id of the task or user */
    const char *owner_id;    /* extension `ownerid`: also the partition key */
    const char *traceparent; /* W3C; traceid beside it, or daprd erases it */
    const char *data;        /* a JSON object as text */
    int64_t time;            /* when it happened */
    int64_t seq;             /* extension `seq`, a decimal string; 0: the event has none */
};

/** Append the CloudEvent in its structured JSON form. */
void event_write(const struct event *event, struct buf *out);

/** Read one as Dapr delivers it. Fail with ERR_INVALID naming the attribute that is missing or
 *  malformed. Attributes unknown to us (Dapr's own) are ignored. */
MUST_CHECK bool event_read(const char *text, size_t n_bytes, struct arena *arena,
                           struct event *event, struct err *err);

#endif
