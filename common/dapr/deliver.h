/* common/dapr/deliver.h — events as the sidecar delivers them: POST /events/<topic>.
 *
 * One table maps (topic, type) to the function that starts the flow; a test holds it against
 * dapr/subscriptions. What can never be handled becomes a dead letter, then SUCCESS, so that the
 * stream goes on. The answers are SUCCESS and RETRY alone: never 404, which Dapr takes for DROP. */
#ifndef COMMON_DAPR_DELIVER_H
#define COMMON_DAPR_DELIVER_H

#include <stddef.h>

#include "common/dapr/dapr.h"
#include "common/events/event.h"
#include "common/net/http_server.h"

struct deliver;
struct delivery; /* one event on its way */
struct log;
struct pg_pool;
struct relay;

/** Handle one event: end in exactly one delivery_finish, now or later. `context` is the app. */
typedef void event_handler_fn(void *context, struct delivery *delivery);

struct event_handler {
    const char *topic;
    const char *type; /* NULL: every type of the topic that no other row names */
    event_handler_fn *handle;
};

struct deliver_config {
    const struct event_handler *handlers;
    size_t n_handlers;
    void *context;        /* borrowed */
    struct pg_pool *pool; /* dead letters go through its outbox; NULL: published straight */
    struct relay *relay;  /* woken by a dead letter; may be NULL */
    struct dapr *dapr;
    const char *pubsub; /* of dead letters that are published straight */
    struct metrics *metrics;
    const struct log *log;
};

struct deliver *deliver_new(const struct deliver_config *config);
void deliver_free(struct deliver *deliver);

/** The http_handler of "POST /events/{topic}" on the app port. */
void deliver_handle(struct deliver *deliver, struct http_request *req);

const struct event *delivery_event(const struct delivery *delivery); /* valid until the finish */
const char *delivery_topic(const struct delivery *delivery);
const char *delivery_body(const struct delivery *delivery, size_t *n_bytes); /* as it came */
struct arena *delivery_arena(struct delivery *delivery); /* cleared after the finish */

/** Answer: no err → SUCCESS; a transient one → RETRY; any other → dead letter with err's text as
 *  the reason, then SUCCESS (RETRY when even that could not be written). Log one line. */
void delivery_finish(struct delivery *delivery, const struct err *err);

#endif
