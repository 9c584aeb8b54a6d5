/* POST /register — a new account, signed in at once. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/auth/password_pool.h"
#include "services/backend/domain/email.h"
#include "services/backend/domain/time_zone.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/signed_in.h"
#include "services/backend/store/account_store.h"

struct account_register {
    struct request request;
    struct registration registration;
    struct account account;
    struct new_session session;
    struct secret_token refresh;
};
static flow_step_fn read_body, hash_password, add_account;
static flow_finish_fn reply_and_free;
static password_done_fn on_password_hashed;
static store_done_fn on_account_added;
static const struct flow_plan account_register_plan = {
    .name = "account_register",
    .steps = {read_body, hash_password, add_account},
    .finish = reply_and_free,
};

void account_register_start(void *context, struct http_request *req)
{
    struct account_register *r = MEM_NEW(struct account_register);

    request_start(&r->request, context, req, 0, &account_register_plan);
}

static enum flow_next read_body(struct flow *flow)
{
    struct account_register *r = (struct account_register *)flow;
    static const struct json_field *const fields = registration_fields;
    const struct json_reading reading = {.fields = fields, .n_fields = registration_n_fields};
    const char *zone;
    bool ok;

    r->registration = (struct registration){.name = "", .time_zone = "UTC"};
    if (!signed_in_take_turn(&r->request) ||
        !request_read_json(&r->request, &reading, &r->registration, NULL))
        return flow_fail(flow);
    zone = r->registration.time_zone;
    ok = email_normalise(r->registration.email, &flow->arena, &r->account.email, &flow->err);
    if (!time_zone_is_known(zone))
        ok = err_add_field(&flow->err, "time_zone",
                           "is not a time zone of the IANA database, like "
                           "Europe/Berlin");
    return ok ? FLOW_NEXT : flow_fail(flow);
}

static enum flow_next hash_password(struct flow *flow)
{
    struct account_register *r = (struct account_register *)flow;

    password_hash(r->request.app->passwords, r->registration.password, on_password_hashed, r);
    return FLOW_WAIT;
}

static void on_password_hashed(void *arg, const char *hash, bool is_right, const struct err *err)
{
    struct account_register *r = arg;

    (void)is_right;
    r->account.password_hash = arena_copy_text(&r->request.flow.arena, hash);
    flow_resume(&r->request.flow, err);
}

static enum flow_next add_account(struct flow *flow)
{
    struct account_register *r = (struct account_register *)flow;
    const struct store_call call = {r->request.app->service.pool, &flow->arena, on_account_added,
                                    r};
    const int64_t now_ms = clock_now_ms();
    struct buf data;

    r->account.id = uuid_new(now_ms);
    r->account.name = r->registration.name;
    r->account.time_zone = r->registration.time_zone;
    r->account.version = 1;
    r->account.created_at = r->account.updated_at = now_ms;
    signed_in_begin(&r->request, &r->session, &r->refresh);
    buf_init(&data);
    account_write_event(&r->account, 0, &data);
    const struct account_event event = {buf_text(&data), flow->traceparent, now_ms};

    account_store_add(&call, &r->account, &r->session, &event);
    buf_clear(&data);
    return FLOW_WAIT;
}

static void on_account_added(void *arg, const struct err *err)
{
    struct account_register *r = arg;

    if (err == NULL)
        service_wake_relay(&r->request.app->service);
    flow_resume(&r->request.flow, err);
}

static void reply_and_free(struct flow *flow)
{
    struct account_register *r = (struct account_register *)flow;
    const struct signed_in signed_in = {&r->account, &r->session.id, &r->refresh};

    r->request.who.user_id = r->account.id;
    if (flow->err.code == ERR_NONE)
        signed_in_reply(&r->request, 201, &signed_in);
    request_end(&r->request);
}
