/* POST /channels — a push subscription or a webhook, whose secret is shown this once. */
#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/events/reminder.h"
#include "common/json/json_out.h"
#include "common/seal/sealed.h"
#include "services/backend/app.h"
#include "services/backend/domain/account_channels.h"
#include "services/backend/handlers/account_change.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/request.h"

enum { RESOLVE_LIMIT_MS = 5000 };

struct channel_add {
    struct request request; /* first member */
    struct channel_order order;
    char secret[CHANNEL_SECRET_SIZE]; /* "" of a push subscription */
    struct channel channel;
    bool is_new;
    struct account_change change;
};
static flow_step_fn read_body, check_address, seal_address, save_channel;
static flow_finish_fn reply_and_free;
static address_checked_fn on_address_checked;
static account_change_fn put_channel;
static store_done_fn on_account_changed;
static const struct flow_plan channel_add_plan = {
    .name = "channel_add",
    .steps = {request_authenticate, read_body, check_address, seal_address, save_channel},
    .finish = reply_and_free,
};

/* Reminders tell of tasks: who may have them sent somewhere must be one who may read them. */
void channel_add_start(void *context, struct http_request *req)
{
    struct channel_add *a = MEM_NEW(struct channel_add);

    request_start(&a->request, context, req, SCOPE_ACCOUNT_WRITE | SCOPE_TASKS_READ,
                  &channel_add_plan);
}

static enum flow_next read_body(struct flow *flow)
{
    struct channel_add *a = (struct channel_add *)flow;
    const struct json_reading reading = {.fields = channel_order_fields,
                                         .n_fields = channel_order_n_fields};

    if (!request_read_json(&a->request, &reading, &a->order, NULL) ||
        !channel_order_check(&a->order, &flow->arena, &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next check_address(struct flow *flow)
{
    struct channel_add *a = (struct channel_add *)flow;
    const struct app *app = a->request.app;
    const struct address_question question = {
        .policy = &app->addresses,
        .url = channel_order_url(&a->order),
        .field = channel_order_url_field(&a->order),
        .limit_ms = RESOLVE_LIMIT_MS,
    };

    address_check_host(app->resolver, &question, on_address_checked, a);
    return FLOW_WAIT;
}

static void on_address_checked(void *arg, const struct err *err)
{
    struct channel_add *a = arg;

    flow_resume(&a->request.flow, err);
}

static enum flow_next seal_address(struct flow *flow)
{
    struct channel_add *a = (struct channel_add *)flow;
    const char *url = channel_order_url(&a->order), *sealed = NULL;
    const int64_t now_ms = clock_now_ms();
    unsigned char random[CHANNEL_SECRET_BYTES];
    struct address_url read;
    struct buf text;

    if (!address_read_url(url, channel_order_url_field(&a->order), &read, &flow->err))
        return flow_fail(flow);
    if (a->order.channel == CHANNEL_WEBHOOK) {
        randombytes_buf(random, sizeof random);
        channel_write_secret(random, a->secret);
    }
    buf_init(&text);
    channel_write_address(&a->order, a->secret, &text);
    bool ok =
        seal_text(a->request.app->channel_keys, buf_text(&text), &flow->arena, &sealed, &flow->err);

    buf_clear(&text);
    if (!ok)
        return flow_fail(flow);
    a->channel = channel_make(&a->order, arena_copy_text(&flow->arena, read.host), sealed,
                              uuid_new(now_ms), now_ms);
    return FLOW_NEXT;
}

static enum flow_next save_channel(struct flow *flow)
{
    struct channel_add *a = (struct channel_add *)flow;

    a->change = (struct account_change){
        .app = a->request.app,
        .arena = &flow->arena,
        .owner_id = a->request.who.user_id,
        .traceparent = flow->traceparent,
        .change = put_channel,
        .done = on_account_changed,
        .arg = a,
    };
    account_change_start(&a->change);
    return FLOW_WAIT;
}

static bool put_channel(struct account_change *change, struct err *err)
{
    struct channel_add *a = change->arg;

    if (!account_put_channel(&change->account, &a->channel, change->now_ms, change->arena,
                             &a->is_new, err))
        return false;
    change->put = &a->channel;
    return true;
}

static void on_account_changed(void *arg, const struct err *err)
{
    struct channel_add *a = arg;

    flow_resume(&a->request.flow, err);
}

static void reply(struct channel_add *a)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_write_fields(&json, channel_fields, channel_n_fields, &a->channel);
    if (a->secret[0] != '\0')
        json_text(&json, "secret", a->secret);
    json_close_object(&json);
    http_add_header(a->request.req, "Cache-Control", "no-store");
    request_reply_json(&a->request, a->is_new ? 201 : 200, &body);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct channel_add *a = (struct channel_add *)flow;

    if (!err_is_set(&flow->err))
        reply(a);
    request_end(&a->request);
}
