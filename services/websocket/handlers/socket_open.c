/* GET /ws?ticket=… — open a WebSocket for the user whom the ticket names, once per ticket. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/flow.h"
#include "common/base/mem.h"
#include "common/dapr/state.h"
#include "common/net/problem.h"
#include "services/websocket/app.h"
#include "services/websocket/config.h"
#include "services/websocket/domain/handshake.h"
#include "services/websocket/domain/origin.h"
#include "services/websocket/domain/ticket.h"
#include "services/websocket/handlers/handlers.h"
#include "services/websocket/probe.h"
#include "services/websocket/sockets/hub.h"

enum { USED_TTL_S = TICKET_LIFE_MAX_S, USED_LIMIT_MS = 3000, USED_KEY_SIZE = 64 };

struct socket_open {
    struct flow flow;
    struct app *app;
    struct http_request *req; /* taken; NULL once it is a socket */
    struct handshake handshake;
    struct ticket ticket;
    bool is_no_upgrade; /* answered 426 */
};
static flow_step_fn check_handshake, read_ticket, use_ticket, open_socket;
static flow_finish_fn reply_and_free;
static dapr_done_fn on_ticket_used;
static const struct flow_plan socket_open_plan = {
    .name = "socket_open",
    .steps = {check_handshake, read_ticket, use_ticket, open_socket},
    .finish = reply_and_free,
};

void socket_open_start(void *context, struct http_request *req)
{
    struct socket_open *o = MEM_NEW(struct socket_open);

    o->app = context;
    o->req = req;
    o->handshake = (struct handshake){.upgrade = http_header(req, "Upgrade"),
                                      .connection = http_header(req, "Connection"),
                                      .key = http_header(req, "Sec-WebSocket-Key"),
                                      .version = http_header(req, "Sec-WebSocket-Version")};
    flow_start(&o->flow, &socket_open_plan, http_header(req, "traceparent"));
}

/* A socket that no update would reach is worse than none: its client would believe itself up to
 * date. */
static bool check_live(const struct app *app, struct err *err)
{
    struct err lack;

    if (app->is_draining)
        return err_set(err, ERR_UNAVAILABLE, "this server is going away");
    if (!probe_is_back(app->probe, &lack))
        return err_set(err, ERR_UNAVAILABLE, "waiting for %s", lack.text);
    return true;
}

static enum flow_next check_handshake(struct flow *flow)
{
    static const char *const parameters[] = {"ticket", NULL};
    struct socket_open *o = (struct socket_open *)flow;

    if (!check_live(o->app, &flow->err))
        return flow_fail(flow);
    if (!handshake_is_upgrade(&o->handshake) || !handshake_is_known_version(&o->handshake)) {
        o->is_no_upgrade = true;
        err_set_slug(&flow->err, ERR_INVALID, "upgrade_required",
                     "this path speaks WebSocket, version 13");
        return flow_fail(flow);
    }
    if (!handshake_check_key(&o->handshake, &flow->err) ||
        !origin_check(http_header(o->req, "Origin"), http_header(o->req, "Cookie"),
                      o->app->config->allowed_origins, &flow->err) ||
        !http_check_query(o->req, parameters, &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next read_ticket(struct flow *flow)
{
    struct socket_open *o = (struct socket_open *)flow;
    const char *text = http_query(o->req, "ticket", &flow->err);

    if (err_is_set(&flow->err) || !ticket_read(o->app->ticket_keys, text, clock_now_ms(),
                                               &flow->arena, &o->ticket, &flow->err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next use_ticket(struct flow *flow)
{
    struct socket_open *o = (struct socket_open *)flow;
    char key[USED_KEY_SIZE];
    const struct dapr_entry entry = {o->app->config->service.state_store, key, USED_LIMIT_MS};

    snprintf(key, sizeof(key), "ws-ticket-%s", o->ticket.id.text);
    dapr_state_add(o->app->service.dapr, &entry, "true", USED_TTL_S, on_ticket_used, o);
    return FLOW_WAIT;
}

static void on_ticket_used(void *arg, const struct err *err)
{
    struct socket_open *o = arg;
    struct err used;

    if (err && err->code == ERR_CONFLICT) {
        err_set_slug(&used, ERR_UNAUTHENTICATED, "ticket_used", "the ticket has been used");
        err = &used;
    }
    flow_resume(&o->flow, err);
}

static enum flow_next open_socket(struct flow *flow)
{
    struct socket_open *o = (struct socket_open *)flow;
    char head[HANDSHAKE_HEAD_SIZE];
    struct http_upgraded *upgraded;

    if (!check_live(o->app, &flow->err))
        return flow_fail(flow);
    handshake_write_head(&o->handshake, head);
    upgraded = http_upgrade(o->req, head);
    o->req = NULL;
    if (upgraded)
        hub_open(o->app->hub, upgraded, &o->ticket.user_id, o->ticket.seq);
    return FLOW_NEXT;
}

static void reply_upgrade_required(struct socket_open *o, const char *trace_id)
{
    enum { UPGRADE_REQUIRED = 426 };
    struct buf body;

    buf_init(&body);
    problem_write(&o->flow.err, UPGRADE_REQUIRED, trace_id, &body);
    http_add_header(o->req, "Upgrade", "websocket");
    http_add_header(o->req, "Connection", "Upgrade");
    http_add_header(o->req, "Sec-WebSocket-Version", "13");
    http_reply(o->req, UPGRADE_REQUIRED, PROBLEM_CONTENT_TYPE, body.bytes, body.n_bytes);
    buf_clear(&body);
}

static void reply_try_later(struct socket_open *o, const char *trace_id)
{
    http_add_header(o->req, "Retry-After", "1");
    http_reply_err(o->req, &o->flow.err, trace_id);
}

static void reply_and_free(struct flow *flow)
{
    struct socket_open *o = (struct socket_open *)flow;
    bool has_failed = err_is_set(&flow->err);
    char trace_id[33];

    flow_trace_id(flow, trace_id);
    log_info(&o->app->service.log, has_failed ? "socket_refused" : "socket_opened",
             KV("trace_id", (const char *)trace_id), KV("flow", flow->plan->name),
             KV("step", has_failed ? (int64_t)flow_step_number(flow) : 0),
             KV("user_id", o->ticket.user_id.text[0] ? (const char *)o->ticket.user_id.text : NULL),
             KV("err", has_failed ? (const char *)flow->err.text : NULL),
             KV("ms", (clock_monotonic_us() - flow->began_us) / 1000));
    if (o->is_no_upgrade)
        reply_upgrade_required(o, trace_id);
    else if (has_failed && flow->err.code == ERR_UNAVAILABLE)
        reply_try_later(o, trace_id);
    else if (has_failed)
        http_reply_err(o->req, &flow->err, trace_id);
    flow_clear(flow);
    mem_free(o);
}
