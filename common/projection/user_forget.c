/* An account was deleted: close it first, then remove what it had, step by step. All of it may run
 * again: the event is acknowledged, and its id stored, when nothing is left. */
#include "common/projection/projection_flow.h"

static flow_step_fn date_deletion, bury_user, forget_user;
static const struct flow_plan user_forget_plan = {
    .name = "user_forget",
    .steps = {projection_flow_read_user, date_deletion, bury_user, forget_user},
    .finish = projection_flow_finish,
};

void projection_forget_user(void *context, struct delivery *delivery)
{
    projection_flow_start(&user_forget_plan, context, delivery);
}

static enum flow_next date_deletion(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;

    if (p->user.deleted_at == 0)
        p->user.deleted_at = p->event->time;
    return FLOW_NEXT;
}

static enum flow_next bury_user(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_add_text(&params, p->user.id.text);
    pg_add_int(&params, p->user.version);
    pg_add_time(&params, p->user.deleted_at);
    return projection_flow_run(p, p->store->bury_user, &params);
}

static pg_done_fn on_some_forgotten;

static void forget_some(struct projection_flow *p)
{
    struct pg_params params;

    pg_params_init(&params, &p->flow.arena);
    pg_add_text(&params, p->event->id);
    pg_add_text(&params, p->user.id.text);
    pg_query(p->pool, p->store->forget_user, &params, on_some_forgotten, p);
}

static enum flow_next forget_user(struct flow *flow)
{
    forget_some((struct projection_flow *)flow);
    return FLOW_WAIT;
}

static void on_some_forgotten(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct projection_flow *p = arg;

    if (err == NULL && pg_int(rows, 0, 0) > 0)
        forget_some(p);
    else
        flow_resume(&p->flow, err);
}
