/* services/audit/handlers/append_flow.h — what every flow that appends an entry shares: its struct
 * begins with this one, its plan has append_open_chain and append_seal before its own append. */
#ifndef SERVICES_AUDIT_HANDLERS_APPEND_FLOW_H
#define SERVICES_AUDIT_HANDLERS_APPEND_FLOW_H

#include "common/base/flow.h"
#include "common/dapr/deliver.h"
#include "common/events/event.h"
#include "services/audit/store/chain_store.h"

struct app;

struct append_flow {
    struct flow flow;          /* first member */
    struct app *app;           /* borrowed; NULL on the command line */
    struct pg_pool *pool;      /* borrowed */
    struct delivery *delivery; /* taken; delivery_finish gives it back; NULL on the command line */
    struct uuid inbox_id;      /* what makes the event the same one */
    struct entry entry;
    const char *content; /* to be sealed; NULL: none */
    struct chain chain;
    struct append append;
};

/** Allocate `size` zeroed bytes that begin with a struct append_flow for `delivery`, and start. */
void append_flow_start(struct app *app, struct delivery *delivery, size_t size,
                       const struct flow_plan *plan);

/** Take over the event that the entry is about; its texts are borrowed. */
MUST_CHECK bool append_flow_set_event(struct append_flow *append, const char *topic,
                                      const struct event *event, struct err *err);

/** The step that reads the delivered event. */
enum flow_next append_read_event(struct flow *flow);

/** The step that finds or makes the owner's head and key. */
enum flow_next append_open_chain(struct flow *flow);

/** The step that seals the content, unless the account was deleted, and computes the digest. */
enum flow_next append_seal(struct flow *flow);

/** The step that appends the entry as it is. */
enum flow_next append_entry(struct flow *flow);

/** The end of a delivered event: count it if it was new, answer the sidecar, free. */
void append_finish(struct flow *flow);

#endif
