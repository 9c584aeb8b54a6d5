/* common/dapr/relay.h — from the outbox to the broker: one relay per service, elected by an
 * advisory lock on a connection of its own.
 *
 * It claims the oldest rows, publishes them in bulk, a bulk per topic, and deletes what the sidecar
 * acknowledged, up to an owner's first failed entry: that one and his later ones go again. So one
 * bulk is in flight per owner, and each owner's events leave in the order of `seq`. */
#ifndef COMMON_DAPR_RELAY_H
#define COMMON_DAPR_RELAY_H

#include "common/dapr/dapr.h"

struct log;
struct loop;
struct metrics;
struct relay;

struct relay_config {
    struct dapr *dapr;
    const char *pubsub;
    struct loop *loop;
    struct metrics *metrics; /* outbox_published_total, outbox_failed_total, outbox_is_leader,
                                outbox_oldest_age_seconds */
    const struct log *log;
    int poll_ms;  /* how often it looks for what other replicas committed */
    int bulk_max; /* rows claimed at once */
    int limit_ms; /* of a bulk publish */
};

struct relay *relay_new(const struct relay_config *config);
void relay_set_url(struct relay *relay,
                   const char *url);  /* of the database, as of pg_pool_set_url */
void relay_wake(struct relay *relay); /* a commit here added rows; cheap, may be called always */
/** Finish the bulk in flight, give up the lock, then call `done`. */
void relay_drain(struct relay *relay, void (*done)(void *arg), void *arg);
void relay_free(struct relay *relay); /* NULL is fine */

#endif
