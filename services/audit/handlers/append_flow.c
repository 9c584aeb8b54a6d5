#include "services/audit/handlers/append_flow.h"

#include <sodium.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "services/audit/app.h"

static chain_done_fn on_chain_opened, on_entry_appended;

void append_flow_start(struct app *app, struct delivery *delivery, size_t size,
                       const struct flow_plan *plan)
{
    struct append_flow *append = mem_new(size);

    append->app = app;
    append->pool = app->service.pool;
    append->delivery = delivery;
    flow_start(&append->flow, plan, delivery_event(delivery)->traceparent);
}

bool append_flow_set_event(struct append_flow *append, const char *topic, const struct event *event,
                           struct err *err)
{
    struct entry *entry = &append->entry;

    if (!uuid_read(event->owner_id, &entry->owner_id))
        return err_add_field(err, "ownerid", "is not a UUID");
    if (!uuid_read(event->id, &entry->event_id))
        return err_add_field(err, "id", "is not a UUID");
    entry->topic = topic;
    entry->type = event->type;
    entry->source = event->source;
    entry->subject = event->subject;
    entry->seq = event->seq;
    entry->occurred_at = event->time;
    append->inbox_id = entry->event_id;
    append->content = event->data;
    return true;
}

enum flow_next append_read_event(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;

    if (!append_flow_set_event(append, delivery_topic(append->delivery),
                               delivery_event(append->delivery), &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

enum flow_next append_open_chain(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;

    append->chain.owner_id = append->entry.owner_id;
    randombytes_buf(append->chain.key, sizeof(append->chain.key));
    chain_store_open(append->pool, &flow->arena, &append->chain, on_chain_opened, append);
    return FLOW_WAIT;
}

static void on_chain_opened(void *arg, const struct err *err)
{
    struct append_flow *append = arg;

    flow_resume(&append->flow, err);
}

enum flow_next append_seal(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;
    unsigned char nonce[PAYLOAD_NONCE_BYTES];

    append->entry.recorded_at = clock_now_ms();
    if (append->content != NULL && !append->chain.is_erased) {
        randombytes_buf(nonce, sizeof(nonce));
        payload_seal(&append->entry, append->content, append->chain.key, nonce, &flow->arena);
    }
    sodium_memzero(append->chain.key, sizeof(append->chain.key));
    entry_compute_digest(&append->entry, append->entry.digest);
    append->append = (struct append){.inbox_id = &append->inbox_id, .entry = &append->entry};
    return FLOW_NEXT;
}

enum flow_next append_entry(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;

    chain_store_append(append->pool, &flow->arena, &append->append, on_entry_appended, append);
    return FLOW_WAIT;
}

static void on_entry_appended(void *arg, const struct err *err)
{
    struct append_flow *append = arg;

    flow_resume(&append->flow, err);
}

void append_finish(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;
    char labels[80];

    if (append->append.is_new) {
        snprintf(labels, sizeof(labels), "topic=\"%s\"", append->entry.topic);
        metrics_add(metrics_counter(append->app->service.metrics, "audit_entries_total",
                                    "Entries appended to the chains.", labels),
                    1);
    }
    sodium_memzero(append->chain.key, sizeof(append->chain.key));
    delivery_finish(append->delivery, &flow->err);
    flow_clear(flow);
    mem_free(append);
}
