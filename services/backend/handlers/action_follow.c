/* GET, POST /actions/{token} — a link in a mail. A GET shows a page with a button and changes nothing;
 * its POST does what the link says, once. Who has the link may do that, and nothing else. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/jwt/jwt_keys.h"
#include "services/backend/app.h"
#include "services/backend/domain/action_page.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/handlers/task_apply.h"
#include "services/backend/request.h"
#include "services/backend/store/task_store.h"

struct action_follow {
    struct request request; /* first member */
    bool is_post;
    struct action_link link;
    struct idempotency key;
    struct task_loaded loaded;
    enum task_op op;
    struct task_snooze snooze; /* of TASK_SNOOZE */
    struct task_apply apply;
    struct action_page page;
};
static flow_step_fn read_token, load_task, apply_link;
static flow_finish_fn reply_and_free;
static store_done_fn on_task_loaded, on_applied;
static const struct flow_plan action_follow_plan = {
    .name = "action_follow",
    .steps = {read_token, load_task, apply_link},
    .finish = reply_and_free,
};

static void start(struct app *app, struct http_request *req, bool is_post)
{
    struct action_follow *f = MEM_NEW(struct action_follow);

    f->is_post = is_post;
    request_start(&f->request, app, req, 0, &action_follow_plan);
}

void action_show_start(void *context, struct http_request *req)
{
    start(context, req, false);
}

void action_do_start(void *context, struct http_request *req)
{
    start(context, req, true);
}

static enum flow_next end_as(struct action_follow *f, enum action_outcome outcome)
{
    f->page.outcome = outcome;
    return FLOW_STOP;
}

static bool is_expired(const struct err *err)
{
    return err->slug != NULL && strcmp(err->slug, "token_expired") == 0;
}

static enum flow_next read_token(struct flow *flow)
{
    struct action_follow *f = (struct action_follow *)flow;
    const char *token = http_param(f->request.req, "token");
    struct jwt_claims claims = {.audience = JWT_AUDIENCE_LINK};
    struct err err = {0};

    if (!jwt_verify(f->request.app->link_keys, token, clock_now_ms(), &flow->arena, &claims,
                    &err)) {
        if (err_is_transient(&err)) {
            flow->err = err;
            return flow_fail(flow);
        }
        return end_as(f, is_expired(&err) ? ACTION_EXPIRED : ACTION_WRONG);
    }
    const struct action_claims said = {claims.subject, claims.id,          claims.action,
                                       claims.task_id, claims.reminder_id, claims.generation};

    if (!action_link_read(&said, &flow->arena, &f->link, &err) ||
        !idempotency_init(&f->key, f->link.key, action_words[f->link.action], "", 0, &err))
        return end_as(f, ACTION_WRONG);
    f->op = action_link_op(&f->link, &f->snooze);
    f->page.action = f->link.action;
    f->request.who.user_id = f->link.owner_id; /* for the log */
    return FLOW_NEXT;
}

static enum flow_next load_task(struct flow *flow)
{
    struct action_follow *f = (struct action_follow *)flow;
    const struct store_call call = {f->request.app->service.pool, &flow->arena, on_task_loaded, f};
    const struct task_wanted wanted = {
        .owner_id = f->link.owner_id, .id = f->link.task_id, .key = &f->key};

    task_store_load(&call, &wanted, &f->loaded);
    return FLOW_WAIT;
}

static void on_task_loaded(void *arg, const struct err *err)
{
    struct action_follow *f = arg;

    flow_resume(&f->request.flow, err);
}

static enum action_outcome judge_refusal(const struct err *err)
{
    if (err->code == ERR_KEY_REUSED)
        return ACTION_USED;
    if (err->code == ERR_NOT_FOUND || err->code == ERR_UNAUTHENTICATED)
        return ACTION_GONE;
    return err->slug != NULL && strcmp(err->slug, "reminder_changed") == 0 ? ACTION_CHANGED
                                                                           : ACTION_CLOSED;
}

/* What stands in the way as things are; ACTION_ASKS: nothing. */
static enum action_outcome judge(struct action_follow *f)
{
    const struct task *task = &f->loaded.task;
    struct err err = {0};

    if (f->loaded.reply.is_there)
        return ACTION_USED;
    if (!f->loaded.is_there)
        return ACTION_GONE;
    if (task->deleted_at != 0)
        return ACTION_TRASHED;
    if (f->op == TASK_COMPLETE && task->status == TASK_COMPLETED)
        return ACTION_NEEDLESS;
    if (task->status != TASK_OPEN)
        return ACTION_CLOSED;
    if (f->op == TASK_SNOOZE &&
        !task_reminders_check(task, &f->snooze, &f->request.flow.arena, &err))
        return judge_refusal(&err);
    return ACTION_ASKS;
}

static enum flow_next apply_link(struct flow *flow)
{
    struct action_follow *f = (struct action_follow *)flow;
    const enum action_outcome outcome = judge(f);

    if (f->loaded.is_there)
        f->page.task_title = f->loaded.task.title;
    if (outcome != ACTION_ASKS || !f->is_post)
        return end_as(f, outcome);
    f->apply = (struct task_apply){
        .app = f->request.app,
        .arena = &flow->arena,
        .job = {.op = f->op,
                .owner_id = f->link.owner_id,
                .id = f->link.task_id,
                .snooze = f->op == TASK_SNOOZE ? &f->snooze : NULL,
                .key = f->key,
                .traceparent = flow->traceparent},
        .done = on_applied,
        .arg = f,
    };
    return task_apply_start(&f->apply, &flow->err) ? FLOW_WAIT : flow_fail(flow);
}

/* The task may have changed since it was judged. */
static void on_applied(void *arg, const struct err *err)
{
    struct action_follow *f = arg;
    const bool is_refusal = err != NULL && err_http_status(err->code) < 500;

    if (err == NULL)
        f->page.outcome = f->apply.reply.is_replayed ? ACTION_USED : ACTION_DONE;
    else if (is_refusal)
        f->page.outcome = judge_refusal(err);
    flow_resume(&f->request.flow, is_refusal ? NULL : err);
}

static void reply(struct action_follow *f)
{
    struct http_request *req = f->request.req;
    struct buf policy, body;

    buf_init(&policy);
    buf_init(&body);
    action_page_write_policy(&policy);
    action_page_write(&f->page, &body);
    http_add_header(req, "Content-Security-Policy", buf_text(&policy));
    http_add_header(req, "Referrer-Policy", "no-referrer");
    http_add_header(req, "Cache-Control", "no-store");
    http_add_header(req, "X-Content-Type-Options", "nosniff");
    http_add_header(req, "X-Robots-Tag", "noindex");
    if (f->page.outcome == ACTION_AWAY)
        http_add_header(req, "Retry-After", "1");
    http_reply(req, action_page_status(&f->page), "text/html; charset=utf-8", body.bytes,
               body.n_bytes);
    f->request.req = NULL;
    buf_clear(&policy);
    buf_clear(&body);
}

static void reply_and_free(struct flow *flow)
{
    struct action_follow *f = (struct action_follow *)flow;

    if (err_is_set(&flow->err))
        f->page.outcome = err_is_transient(&flow->err) ? ACTION_AWAY : ACTION_FAILED;
    reply(f);
    request_end(&f->request);
}
