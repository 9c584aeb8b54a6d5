/* How attempts are closed. What has ended is told to the database in batches, one at a time, each a
 * statement with its events. A batch is kept and told again until the database has taken it, however long
 * it is away: as long as we live, nothing that was sent is sent again. A statement whose answer was
 * lost changes nothing when it is repeated. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/events/event_types.h"
#include "services/notification/work/lease.h"
#include "services/notification/work/sending.h"

enum { BATCH_MAX = 200, WAIT_MIN_MS = 50, WAIT_MAX_MS = 2000 };

struct close_batch {
    struct flow flow; /* first member */
    struct sender *sender;
    struct sending_list list;
};
static flow_step_fn close_attempts;
static flow_finish_fn finish_batch;
static const struct flow_plan close_plan = {
    .name = "close_attempts",
    .steps = {close_attempts},
    .finish = finish_batch,
};

static void begin_batch(struct sender *sender)
{
    struct close_batch *batch;

    if (sender->batch != NULL || sender->closing.n == 0)
        return;
    batch = sender->batch = MEM_NEW(struct close_batch);
    batch->sender = sender;
    while (batch->list.n < BATCH_MAX && sender->closing.n > 0)
        sending_list_add(&batch->list, sending_list_take(&sender->closing));
    flow_start(&batch->flow, &close_plan, batch->list.first->traceparent);
}

static void on_close_time(void *arg)
{
    begin_batch(arg);
}

/** Those that end in this turn of the loop go together. */
void closing_add(struct sender *sender, struct sending *sending)
{
    sending_list_add(&sender->closing, sending);
    if (sender->close_timer == NULL)
        sender->close_timer = loop_timer_new(sender->work->service->loop, on_close_time, sender);
    if (sender->batch == NULL && sender->n_failures == 0 && sender->closing.n == 1)
        loop_timer_start(sender->close_timer, 0);
}

static void count_in(const struct sending_list *list, int channel, int *n)
{
    for (const struct sending *s = list->first; s != NULL; s = s->next)
        *n += s->claim.notification.channel == channel;
}

int closing_count(const struct sender *sender, int channel)
{
    int n = 0;

    count_in(&sender->closing, channel, &n);
    if (sender->batch != NULL)
        count_in(&sender->batch->list, channel, &n);
    return n;
}

void closing_each(const struct sender *sender,
                  void (*each)(void *arg, const struct sending *sending), void *arg)
{
    for (const struct sending *s = sender->closing.first; s != NULL; s = s->next)
        each(arg, s);
    if (sender->batch != NULL)
        for (const struct sending *s = sender->batch->list.first; s != NULL; s = s->next)
            each(arg, s);
}

static void tell(struct ledger_events *events, const struct sending *sending)
{
    struct notification notification = sending->claim.notification;

    if (sending->closing.state != DELIVERY_SENT && sending->closing.state != DELIVERY_FAILED)
        return;
    ledger_events_add(events, TOPIC_REMINDERS, EVENT_REMINDER_DUE, &notification);
    notification.is_gone = sending->is_gone;
    if (sending->closing.state == DELIVERY_SENT) {
        notification.sent_at = sending->closing.ended_at;
        ledger_events_add(events, TOPIC_NOTIFICATIONS, EVENT_NOTIFICATION_SENT, &notification);
    } else {
        notification.reason = sending->closing.reason;
        ledger_events_add(events, TOPIC_NOTIFICATIONS, EVENT_NOTIFICATION_FAILED, &notification);
    }
}

static void on_closed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct close_batch *batch = arg;

    (void)rows;
    flow_resume(&batch->flow, err);
}

static enum flow_next close_attempts(struct flow *flow)
{
    struct close_batch *batch = (struct close_batch *)flow;
    struct work *work = batch->sender->work;
    struct sending_columns columns;
    struct ledger_events events;
    struct pg_params params;

    ledger_events_init(&events, &flow->arena, clock_now_ms(), flow->traceparent);
    sending_columns_init(&columns, &flow->arena);
    for (const struct sending *s = batch->list.first; s != NULL; s = s->next) {
        ledger_events_add_owner(&events, &s->claim.owner_id);
        sending_columns_add(&columns, &s->claim, &s->closing);
        tell(&events, s);
    }
    pg_params_init(&params, &flow->arena);
    ledger_events_params(&events, &params);
    sending_columns_params(&columns, &params);
    pg_add_text(&params, lease_id(work->lease)->text);
    pg_query(work->service->pool, &SENDING_CLOSE, &params, on_closed, batch);
    return FLOW_WAIT;
}

static void free_sending(struct sending *sending)
{
    arena_clear(&sending->arena);
    mem_free(sending);
}

static void keep_batch(struct sender *sender, struct close_batch *batch)
{
    int64_t wait_ms = WAIT_MIN_MS;

    while (sender->closing.n > 0) /* the batch comes first again */
        sending_list_add(&batch->list, sending_list_take(&sender->closing));
    sender->closing = batch->list;
    for (int i = 0; i < sender->n_failures && wait_ms < WAIT_MAX_MS; i++)
        wait_ms *= 2;
    sender->n_failures++;
    log_warn(&sender->work->service->log, "attempts_not_closed", KV("attempts", sender->closing.n),
             KV("again_in_ms", wait_ms), KV("err", (const char *)batch->flow.err.text));
    loop_timer_start(sender->close_timer, wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS);
}

static void log_attempt(const struct sender *sender, const struct flow *flow,
                        const struct sending *sending)
{
    const struct notification *n = &sending->claim.notification;
    char trace_id[33];

    flow_trace_id(flow, trace_id);
    log_at(&sender->work->service->log,
           sending->closing.state == DELIVERY_SENT ? LOG_DEBUG : LOG_WARN, "attempt_closed",
           KV("trace_id", (const char *)trace_id), KV("delivery_id", (const char *)n->id.text),
           KV("task_id", (const char *)n->task_id.text),
           KV("channel", reminder_channel_words[n->channel]), KV("number", n->attempts),
           KV("outcome", sending->closing.outcome), KV("err", sending->closing.reason));
}

static void count_batch(struct sender *sender, struct close_batch *batch)
{
    struct sending *sending;
    bool has_waiting = false;

    while ((sending = sending_list_take(&batch->list)) != NULL) {
        const struct notification *n = &sending->claim.notification;
        int state = sending->closing.state;

        if (state == DELIVERY_SENT)
            metrics_add(sender->sent[n->channel], 1);
        else if (state == DELIVERY_FAILED)
            metrics_add(sender->failed[n->channel], 1);
        if (sending->closing.is_begun)
            log_attempt(sender, &batch->flow, sending);
        has_waiting = has_waiting || state == DELIVERY_SCHEDULED || state == DELIVERY_RETRYING;
        free_sending(sending);
    }
    if (has_waiting) {
        due_work_wake(sender->work->schedule);
        due_work_wake(sender->work->send);
    }
}

static void finish_batch(struct flow *flow)
{
    struct close_batch *batch = (struct close_batch *)flow;
    struct sender *sender = batch->sender;

    sender->batch = NULL;
    if (err_is_set(&flow->err)) {
        keep_batch(sender, batch);
    } else {
        sender->n_failures = 0;
        count_batch(sender, batch);
        service_wake_relay(sender->work->service);
        begin_batch(sender);
    }
    flow_clear(flow);
    mem_free(batch);
    sender_go_on(sender);
}

void closing_free(struct sender *sender)
{
    loop_timer_free(sender->close_timer);
}
