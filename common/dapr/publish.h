/* common/dapr/publish.h — hand events to the sidecar, which hands them to the broker.
 * Source: Dapr HTTP API, "Publish a message", "Publish multiple messages" (v1.0). */
#ifndef COMMON_DAPR_PUBLISH_H
#define COMMON_DAPR_PUBLISH_H

#include "common/dapr/dapr.h"
#include "common/events/event.h"

/** Where to publish, and in which time. */
struct dapr_topic {
    const char *pubsub, *name;
    int limit_ms;
};

/** Publish one event, partition key its owner. Borrow all until return. `done` runs once, never
 *  before returning: NULL err means that the broker has the event. */
void dapr_publish_event(struct dapr *dapr, const struct dapr_topic *topic,
                        const struct event *event, dapr_done_fn *done, void *arg);

/** Receive which of the bulk failed: bit per entry in `has_failed` (all set when err is). */
typedef void dapr_bulk_done_fn(void *arg, const bool *has_failed, size_t n_events,
                               const struct err *err);
void dapr_publish_bulk(struct dapr *dapr, const struct dapr_topic *topic,
                       const struct event *events, size_t n_events, dapr_bulk_done_fn *done,
                       void *arg);

#endif
