/* A task left the trash for good: only that it existed is kept. */
#include <string.h>

#include "common/projection/projection_flow.h"

static flow_step_fn read_purge, purge_task;
static const struct flow_plan task_purge_plan = {
    .name = "task_purge",
    .steps = {read_purge, purge_task},
    .finish = projection_flow_finish,
};

void projection_purge_task(void *context, struct delivery *delivery)
{
    projection_flow_start(&task_purge_plan, context, delivery);
}

static enum flow_next read_purge(struct flow *flow)
{
    const struct json_reading reading = {
        .fields = task_purged_fields,
        .n_fields = task_purged_n_fields,
        .unknown = JSON_IGNORE_UNKNOWN, /* what a newer backend adds */
    };
    struct projection_flow *p = (struct projection_flow *)flow;
    const char *data = p->event->data;
    struct task_purged purged = {0};

    if (!json_read(data, strlen(data), &reading, &flow->arena, &purged, &flow->err) ||
        !projection_flow_check_id(p, "id", &purged.id, p->event->subject))
        return flow_fail(flow);
    p->purged_id = purged.id;
    return FLOW_NEXT;
}

static enum flow_next purge_task(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_add_text(&params, p->event->id);
    pg_add_text(&params, p->event->owner_id);
    pg_add_text(&params, p->purged_id.text);
    pg_add_time(&params, p->event->time);
    return projection_flow_run(p, p->store->purge_task, &params);
}
