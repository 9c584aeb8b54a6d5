/* common/dapr/state.h — the state store: what is looked up by key and may expire.
 * Source: Dapr HTTP API, "State management"; postgresql v2 answers a lost first write with 500. */
#ifndef COMMON_DAPR_STATE_H
#define COMMON_DAPR_STATE_H

#include "common/dapr/dapr.h"

/** An entry of the store, and in which time to reach it. */
struct dapr_entry {
    const char *store, *key;
    int limit_ms;
};

/** Save `json` for `ttl_s` seconds if nothing is there: ERR_CONFLICT when there is. Borrow all until
 *  return; each `done` of this file runs once, never before returning. */
void dapr_state_add(struct dapr *dapr, const struct dapr_entry *entry, const char *json, int ttl_s,
                    dapr_done_fn *done, void *arg);

/** Receive the value as JSON text, borrowed; NULL when there is none. */
typedef void dapr_state_fn(void *arg, const char *json, const struct err *err);
void dapr_state_get(struct dapr *dapr, const struct dapr_entry *entry, dapr_state_fn *done,
                    void *arg);
void dapr_state_delete(struct dapr *dapr, const struct dapr_entry *entry, dapr_done_fn *done,
                       void *arg);

#endif
