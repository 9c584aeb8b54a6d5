/* todo.task.recurrence-due.v1 — make the next occurrence of a series, once, however often and late
 * the event comes: unless the series has another rule by then, or was stopped, or has come further, or
 * its newest occurrence was thrown away before it ended. Where the user has no room left for it the
 * series ends with the newest. */
#include "services/backend/handlers/occurrence_make.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/flow.h"
#include "common/base/mem.h"
#include "common/events/event_types.h"
#include "services/backend/app.h"
#include "services/backend/handlers/task_apply.h"
#include "services/backend/store/series_store.h"

/* TASKS_MAX is for what a user adds. What comes by itself may be as many again; a series that goes on
 * beyond that is nobody's any more. */
enum { TRIES_MAX = 16, ROOM_FACTOR = 2 };

struct occurrence_make {
    struct flow flow; /* first member */
    struct app *app;
    struct delivery *delivery; /* taken */
    struct uuid owner_id;
    struct recurrence_due due;
    struct series_state state;
    struct task task, skipped;
    enum occurrence_written written;
    struct task_apply stop;
    int n_tries;
};
static flow_step_fn read_event, make_next, stop_without_room;
static flow_finish_fn answer_and_free;
static store_done_fn on_series_loaded, on_occurrence_made, on_stopped;
static const struct flow_plan occurrence_make_plan = {
    .name = "occurrence_make",
    .steps = {read_event, make_next, stop_without_room},
    .finish = answer_and_free,
};

void occurrence_make_start(void *context, struct delivery *delivery)
{
    struct occurrence_make *make = MEM_NEW(struct occurrence_make);

    make->app = context;
    make->delivery = delivery;
    flow_start(&make->flow, &occurrence_make_plan, delivery_event(delivery)->traceparent);
}

static enum flow_next read_event(struct flow *flow)
{
    struct occurrence_make *make = (struct occurrence_make *)flow;
    const struct event *event = delivery_event(make->delivery);
    const struct json_reading reading = {
        .fields = recurrence_due_fields,
        .n_fields = recurrence_due_n_fields,
        .unknown = JSON_IGNORE_UNKNOWN, /* what a newer recurring-task adds */
        .path = "data.",
    };

    if (!json_read(event->data, strlen(event->data), &reading, &flow->arena, &make->due,
                   &flow->err))
        return flow_fail(flow);
    if (!uuid_read(event->owner_id, &make->owner_id))
        err_add_field(&flow->err, "ownerid", "is not a UUID");
    if (!uuid_is_valid(event->id))
        err_add_field(&flow->err, "id", "is not a UUID");
    if (err_is_set(&flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static void load_series(struct occurrence_make *make)
{
    const struct store_call call = {make->app->service.pool, &make->flow.arena, on_series_loaded,
                                    make};

    make->n_tries++;
    series_store_get(&call, &make->owner_id, &make->due.series_id, &make->state);
}

static enum flow_next make_next(struct flow *flow)
{
    load_series((struct occurrence_make *)flow);
    return FLOW_WAIT;
}

static void tell(struct occurrence_make *make, const char *outcome)
{
    const struct recurrence_due *due = &make->due;
    const struct log *log = &make->app->service.log;
    const char *labels = arena_format(&make->flow.arena, "outcome=\"%s\"", outcome);

    metrics_add(metrics_counter(make->app->service.metrics, "recurrence_due_total",
                                "events that ask for the next occurrence, by what came of them",
                                labels),
                1);
    if (make->written == OCCURRENCE_MADE)
        return;
    log_info(log, "recurrence_due_dropped", KV("outcome", outcome),
             KV("series_id", (const char *)due->series_id.text),
             KV("series_version", due->series_version), KV("occurrence", due->occurrence),
             KV("present_version", make->state.series.version),
             KV("last_occurrence", make->state.series.last_occurrence));
}

static const char *write_data(const struct task *task, struct arena *arena)
{
    const char *text;
    struct buf buf;

    buf_init(&buf);
    task_write(task, &buf);
    text = arena_copy_bytes(arena, buf.bytes, buf.n_bytes);
    buf_clear(&buf);
    return text;
}

/* Return the one before it as it will be when this one takes its place; NULL when it stays. */
static const struct task *skip_previous(struct occurrence_make *make, int64_t now_ms)
{
    const struct task_deed deed = {.op = TASK_SKIP, .now_ms = now_ms, .arena = &make->flow.arena};
    struct series series = make->state.series;
    struct err ignored = {0};
    bool has_changed = false;

    make->skipped = make->state.newest;
    if (!make->due.skips_previous || !make->state.has_newest ||
        !task_op_apply(&deed, &make->skipped, &series, &has_changed, &ignored) || !has_changed)
        return NULL;
    return &make->skipped;
}

static void store_next(struct occurrence_make *make)
{
    struct arena *arena = &make->flow.arena;
    const struct store_call call = {make->app->service.pool, arena, on_occurrence_made, make};
    const int64_t now_us = clock_now_us();
    const struct series_birth birth = {
        .id = task_id_new(now_us),
        .owner_id = make->owner_id,
        .now_ms = now_us / 1000,
        .arena = arena,
    };
    struct occurrence_write write = {
        .event_id = delivery_event(make->delivery)->id,
        .series = &make->state.series,
        .newest = make->state.has_newest ? &make->state.newest : NULL,
        .task = &make->task,
        .skipped = skip_previous(make, birth.now_ms),
        .traceparent = make->flow.traceparent,
        .now_ms = birth.now_ms,
        .room = (int64_t)ROOM_FACTOR * make->app->config->tasks_max,
    };

    series_make_next(&make->state.series, &make->due, &birth, &make->task);
    write.data = write_data(&make->task, arena);
    if (write.skipped != NULL)
        write.skipped_data = write_data(write.skipped, arena);
    series_store_add(&call, &write, &make->written);
}

static void on_series_loaded(void *arg, const struct err *err)
{
    struct occurrence_make *make = arg;

    if (err != NULL) {
        flow_resume(&make->flow, err);
        return;
    }
    switch (series_judge(&make->state.series, make->state.has_newest ? &make->state.newest : NULL,
                         &make->due)) {
    case SERIES_MAKES:
        store_next(make);
        return;
    case SERIES_STALE:
        tell(make, "stale");
        break;
    case SERIES_NOT_NEXT:
        tell(make, "not_next");
        break;
    case SERIES_TRASHED: /* recurring-task hears of the trash, and says it again */
        tell(make, "trashed");
        break;
    }
    flow_resume(&make->flow, NULL);
}

/* Someone else was first, or the account is gone: reading again tells. */
static void on_occurrence_made(void *arg, const struct err *err)
{
    struct occurrence_make *make = arg;
    struct err busy = {0};

    if (err == NULL && make->written == OCCURRENCE_MOVED && make->n_tries < TRIES_MAX) {
        load_series(make);
        return;
    }
    if (err == NULL && make->written == OCCURRENCE_MOVED) {
        err_set(&busy, ERR_UNAVAILABLE, "others changed the series %d times in a row", TRIES_MAX);
        err = &busy;
    }
    if (err == NULL)
        tell(make, make->written == OCCURRENCE_MADE ? "made" : "no_room");
    if (err == NULL && make->written == OCCURRENCE_MADE)
        service_wake_relay(&make->app->service);
    flow_resume(&make->flow, err);
}

/* As if the user had stopped it, so that he and whoever copies his tasks sees what became of it. */
static enum flow_next stop_without_room(struct flow *flow)
{
    struct occurrence_make *make = (struct occurrence_make *)flow;

    if (make->written != OCCURRENCE_NO_ROOM || !make->state.has_newest)
        return FLOW_NEXT;
    make->stop = (struct task_apply){
        .app = make->app,
        .arena = &flow->arena,
        .job = {.op = TASK_STOP,
                .owner_id = make->owner_id,
                .id = make->state.newest.id,
                .traceparent = flow->traceparent},
        .done = on_stopped,
        .arg = make,
    };
    return task_apply_start(&make->stop, &flow->err) ? FLOW_WAIT : flow_fail(flow);
}

/* What was purged or stopped meanwhile, has a next one, or no account any more, needs no stop. */
static void on_stopped(void *arg, const struct err *err)
{
    struct occurrence_make *make = arg;
    const bool is_needless =
        err != NULL && (err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT ||
                        err->code == ERR_UNAUTHENTICATED);

    flow_resume(&make->flow, is_needless ? NULL : err);
}

static void answer_and_free(struct flow *flow)
{
    struct occurrence_make *make = (struct occurrence_make *)flow;

    delivery_finish(make->delivery, err_is_set(&flow->err) ? &flow->err : NULL);
    flow_clear(flow);
    mem_free(make);
}
