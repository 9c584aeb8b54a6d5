/* DELETE /channels/{id} — nothing is sent there any more. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/account_channels.h"
#include "services/backend/handlers/account_change.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/request.h"

struct channel_drop {
    struct request request; /* first member */
    struct uuid id;
    struct account_change change;
};
static flow_step_fn read_id, change_account;
static flow_finish_fn reply_and_free;
static account_change_fn drop_channel;
static store_done_fn on_account_changed;
static const struct flow_plan channel_drop_plan = {
    .name = "channel_drop",
    .steps = {request_authenticate, read_id, change_account},
    .finish = reply_and_free,
};

void channel_drop_start(void *context, struct http_request *req)
{
    struct channel_drop *d = MEM_NEW(struct channel_drop);

    request_start(&d->request, context, req, SCOPE_ACCOUNT_WRITE, &channel_drop_plan);
}

static bool refuse(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "you have no channel with this id");
}

static enum flow_next read_id(struct flow *flow)
{
    struct channel_drop *d = (struct channel_drop *)flow;

    if (uuid_read(http_param(d->request.req, "id"), &d->id))
        return FLOW_NEXT;
    refuse(&flow->err);
    return flow_fail(flow);
}

static enum flow_next change_account(struct flow *flow)
{
    struct channel_drop *d = (struct channel_drop *)flow;

    d->change = (struct account_change){
        .app = d->request.app,
        .arena = &flow->arena,
        .owner_id = d->request.who.user_id,
        .traceparent = flow->traceparent,
        .change = drop_channel,
        .done = on_account_changed,
        .arg = d,
    };
    account_change_start(&d->change);
    return FLOW_WAIT;
}

static bool drop_channel(struct account_change *change, struct err *err)
{
    struct channel_drop *d = change->arg;

    if (!account_drop_channel(&change->account, &d->id, change->now_ms))
        return refuse(err);
    change->drop = &d->id;
    return true;
}

static void on_account_changed(void *arg, const struct err *err)
{
    struct channel_drop *d = arg;

    flow_resume(&d->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct channel_drop *d = (struct channel_drop *)flow;

    if (!err_is_set(&flow->err))
        request_reply_empty(&d->request, 204);
    request_end(&d->request);
}
