/* A step of ledger_purge: some of what ended LEDGER_DAYS ago is deleted, with its attempts. The rest is
 * for the next steps, a moment apart. What was deleted is not planned again: the schedule makes
 * nothing whose instant is as long past (domain/schedule.c). */
#include "common/base/clock.h"
#include "common/base/flow.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/notification/store/purge_store.h"
#include "services/notification/work/work.h"

enum { DELIVERIES_MAX = 500, AGAIN_MS = 20 };

struct purge {
    struct flow flow; /* first member */
    struct work *work;
    int64_t now_ms, n_deleted;
};
static flow_step_fn delete_deliveries;
static flow_finish_fn finish_step;
static const struct flow_plan purge_plan = {
    .name = "ledger_purge",
    .steps = {delete_deliveries},
    .finish = finish_step,
};

void purge_step(void *arg, int64_t now_ms)
{
    struct purge *p = MEM_NEW(struct purge);

    p->work = arg;
    p->now_ms = now_ms;
    flow_start(&p->flow, &purge_plan, NULL);
}

static void on_deleted(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct purge *p = arg;

    if (err == NULL)
        p->n_deleted = pg_int(rows, 0, 0);
    flow_resume(&p->flow, err);
}

static enum flow_next delete_deliveries(struct flow *flow)
{
    struct purge *p = (struct purge *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_add_time(&params, p->now_ms - work_keep_ms(p->work));
    pg_add_int(&params, DELIVERIES_MAX);
    pg_query(p->work->service->pool, &PURGE_DELIVERIES, &params, on_deleted, p);
    return FLOW_WAIT;
}

static void finish_step(struct flow *flow)
{
    struct purge *p = (struct purge *)flow;
    struct work *work = p->work;
    bool has_more = p->n_deleted == DELIVERIES_MAX;

    if (p->n_deleted > 0)
        log_info(&work->service->log, "ledger_purged", KV("deliveries", p->n_deleted));
    due_work_done(work->purge, false, has_more ? clock_now_ms() + AGAIN_MS : 0, &flow->err);
    flow_clear(flow);
    mem_free(p);
}
