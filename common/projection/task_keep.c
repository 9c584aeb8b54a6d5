/* A task was made, changed, completed, reopened, thrown away or restored: keep how it is now. */
#include <string.h>

#include "common/projection/projection_flow.h"

static flow_step_fn read_task, save_task;
static const struct flow_plan task_keep_plan = {
    .name = "task_keep",
    .steps = {read_task, save_task},
    .finish = projection_flow_finish,
};

void projection_keep_task(void *context, struct delivery *delivery)
{
    projection_flow_start(&task_keep_plan, context, delivery);
}

static enum flow_next read_task(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;
    const char *data = p->event->data;

    if (!task_read(data, strlen(data), &flow->arena, &p->task, &flow->err) ||
        !projection_flow_check_id(p, "id", &p->task.id, p->event->subject) ||
        !projection_flow_check_id(p, "owner_id", &p->task.owner_id, p->event->owner_id))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next save_task(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_add_text(&params, p->event->id);
    pg_add_text(&params, p->task.owner_id.text);
    pg_add_text(&params, p->task.id.text);
    pg_add_int(&params, p->task.version);
    p->store->add_task(&params, &p->task);
    return projection_flow_run(p, p->store->save_task, &params);
}
