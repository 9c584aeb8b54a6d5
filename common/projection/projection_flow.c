#include "common/projection/projection_flow.h"

#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

void projection_flow_start(const struct flow_plan *plan, const struct projection_app *app,
                           struct delivery *delivery)
{
    struct projection_flow *p = MEM_NEW(struct projection_flow);

    p->app = app;
    p->store = app->store;
    p->pool = app->service.pool;
    p->delivery = delivery;
    p->event = delivery_event(delivery);
    flow_start(&p->flow, plan, p->event->traceparent);
}

enum flow_next projection_flow_read_user(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;
    const char *data = p->event->data;

    if (!user_read(data, strlen(data), &flow->arena, &p->user, &flow->err) ||
        !projection_flow_check_id(p, "id", &p->user.id, p->event->owner_id))
        return flow_fail(flow);
    return FLOW_NEXT;
}

bool projection_flow_check_id(struct projection_flow *p, const char *field, const struct uuid *id,
                              const char *attribute)
{
    return strcasecmp(id->text, attribute) == 0 ||
           err_add_field(&p->flow.err, field, "is %s, the event is about %s", id->text, attribute);
}

void projection_flow_finish(struct flow *flow)
{
    struct projection_flow *p = (struct projection_flow *)flow;

    if (!err_is_set(&flow->err) && p->app->changed != NULL)
        p->app->changed((void *)p->app);
    delivery_finish(p->delivery, &flow->err);
    flow_clear(flow);
    mem_free(p);
}

static void on_statement_done(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct projection_flow *p = arg;

    (void)rows;
    flow_resume(&p->flow, err);
}

enum flow_next projection_flow_run(struct projection_flow *p, const struct pg_statement *statement,
                                   const struct pg_params *params)
{
    pg_query(p->pool, statement, params, on_statement_done, p);
    return FLOW_WAIT;
}
