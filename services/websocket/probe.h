/* services/websocket/probe.h — asks the live path whether it works: publishes an event to itself,
 * through sidecar and broker, and waits for it to come back. */
#ifndef SERVICES_WEBSOCKET_PROBE_H
#define SERVICES_WEBSOCKET_PROBE_H

#include <stdbool.h>

#include "common/base/err.h"

struct dapr;
struct event;
struct log;
struct loop;
struct metrics;
struct probe;

/** The live path works, at first or again. */
typedef void probe_opened_fn(void *arg);

struct probe_config {
    struct dapr *dapr;
    struct loop *loop;
    const struct log *log;
    struct metrics *metrics; /* websocket_probe_seconds */
    const char *pubsub, *replica_name;
    int interval_ms; /* between probes while they come back */
    int retry_ms;    /* and while they do not */
    probe_opened_fn *opened;
    void *arg;
};

/** Send the first probe in the next turn, and so on. */
struct probe *probe_new(const struct probe_config *config);
void probe_free(struct probe *probe); /* NULL is fine; before the dapr client */

/** A probe event arrived: note it if it is one of ours, by its id. */
void probe_heed(struct probe *probe, const struct event *event);

/** Hold the path for lost until a probe that is sent from now on comes back. */
void probe_doubt(struct probe *probe);

/** Fail with ERR_UNAVAILABLE unless one of the last two probes came back. */
bool probe_is_back(const struct probe *probe, struct err *err);

#endif
