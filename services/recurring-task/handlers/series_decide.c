/* Claim some series, decide about each, and settle all at once: what is due goes into the outbox with
 * the decision. Series that another event changes meanwhile are decided again. */
#include "services/recurring-task/handlers/series_decide.h"

#include "common/base/flow.h"
#include "common/base/mem.h"
#include "services/recurring-task/app.h"
#include "services/recurring-task/store/series_store.h"

/* A rule or zone that cannot be read stays so until the series is changed, or until the machine knows
 * more zones: it is looked at again, but seldom. */
static const int64_t FAULT_AGAIN_MS = 3600 * 1000;

struct series_decide {
    struct flow flow; /* first member */
    struct app *app;
    int64_t now_ms;
    struct series_claim claim;
    struct series_settled *settled;
    int64_t next_at;
};

static flow_step_fn claim_series, decide_series, settle_series;
static flow_finish_fn end_step;
static pg_done_fn on_series_claimed, on_series_settled;
static const struct flow_plan series_decide_plan = {
    .name = "series_decide",
    .steps = {claim_series, decide_series, settle_series},
    .finish = end_step,
};

void series_decide_start(void *arg, int64_t now_ms)
{
    struct series_decide *d = MEM_NEW(struct series_decide);

    d->app = arg;
    d->now_ms = now_ms;
    flow_start(&d->flow, &series_decide_plan, NULL);
}

static enum flow_next claim_series(struct flow *flow)
{
    struct series_decide *d = (struct series_decide *)flow;

    series_store_claim(d->app->base.service.pool, d->now_ms, &flow->arena, on_series_claimed, d);
    return FLOW_WAIT;
}

static void on_series_claimed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct series_decide *d = arg;

    if (err == NULL)
        series_store_read_claim(rows, &d->flow.arena, &d->claim);
    flow_resume(&d->flow, err);
}

static void decide_one(struct series_decide *d, struct series_settled *settled)
{
    const struct series *series = settled->series;
    const struct zone *zone = NULL;
    struct err err = {0};

    if (!decision_needs_rule(series))
        return;
    if (series->time_zone == NULL)
        err_set(&err, ERR_INVALID, "the task has no time_zone");
    else
        zone = zone_cache_get(d->app->zones, series->time_zone, d->now_ms, &err);
    if (zone != NULL && decision_make(series, zone, d->now_ms, &settled->decision, &err))
        return;
    settled->fault = arena_copy_text(&d->flow.arena, err.text);
    settled->decision = (struct decision){.decide_at = d->now_ms + FAULT_AGAIN_MS};
    metrics_add(d->app->faults_total, 1);
    log_error(&d->app->base.service.log, "series_not_decided", KV("series_id", series->id.text),
              KV("err", settled->fault));
}

static enum flow_next decide_series(struct flow *flow)
{
    struct series_decide *d = (struct series_decide *)flow;

    metrics_set(d->app->faulty, (double)d->claim.n_faulty);
    d->next_at = d->claim.next_at;
    if (d->claim.n_series == 0)
        return FLOW_STOP;
    d->settled = ARENA_NEW_ARRAY(&flow->arena, d->claim.n_series, struct series_settled);
    for (size_t i = 0; i < d->claim.n_series; i++) {
        struct series_settled *settled = &d->settled[i];

        settled->series = &d->claim.series[i];
        decide_one(d, settled);
        if (settled->decision.decide_at != 0 &&
            (d->next_at == 0 || settled->decision.decide_at < d->next_at))
            d->next_at = settled->decision.decide_at;
    }
    return FLOW_NEXT;
}

static enum flow_next settle_series(struct flow *flow)
{
    struct series_decide *d = (struct series_decide *)flow;
    const struct series_settling settling = {
        .settled = d->settled,
        .n_settled = d->claim.n_series,
        .now_ms = d->now_ms,
        .traceparent = flow->traceparent,
    };

    series_store_settle(d->app->base.service.pool, &settling, &flow->arena, on_series_settled, d);
    return FLOW_WAIT;
}

static void on_series_settled(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct series_decide *d = arg;
    int64_t n_due = err == NULL ? pg_int(rows, 0, 0) : 0;

    if (n_due > 0) {
        metrics_add(d->app->due_total, (double)n_due);
        service_wake_relay(&d->app->base.service);
    }
    flow_resume(&d->flow, err);
}

static void end_step(struct flow *flow)
{
    struct series_decide *d = (struct series_decide *)flow;
    bool is_failed = err_is_set(&flow->err);

    due_work_done(d->app->decider, d->claim.n_series == SERIES_CLAIM_MAX, d->next_at,
                  is_failed ? &flow->err : NULL);
    flow_clear(flow);
    mem_free(d);
}
