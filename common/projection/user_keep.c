/* A user registered or changed what others see of him: keep how he is now. */
#include "common/projection/projection_flow.h"

static flow_step_fn check_user, save_user;
static const struct flow_plan user_keep_plan = {
    .name = "user_keep",
    .steps = {projection_flow_read_user, check_user, save_user},
    .finish = projection_flow_finish,
};

void projection_keep_user(void *context, struct delivery *delivery)
{
    projection_flow_start(&user_keep_plan, context, delivery);
}

/* Only the event of a deleted account may leave these out. */
static enum flow_next check_user(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;

    if (p->user.email == NULL)
        err_add_field(&flow->err, "email", "is required");
    if (p->user.name == NULL)
        err_add_field(&flow->err, "name", "is required");
    if (p->user.time_zone == NULL)
        err_add_field(&flow->err, "time_zone", "is required");
    return err_is_set(&flow->err) ? flow_fail(flow) : FLOW_NEXT;
}

static enum flow_next save_user(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_add_text(&params, p->event->id);
    pg_add_text(&params, p->user.id.text);
    pg_add_int(&params, p->user.version);
    p->store->add_user(&params, &p->user);
    return projection_flow_run(p, p->store->save_user, &params);
}
