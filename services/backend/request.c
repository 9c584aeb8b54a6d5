#include "services/backend/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/jwt/jwt_keys.h"
#include "services/backend/app.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/domain/rate_limit.h"
#include "services/backend/domain/secret_token.h"
#include "services/backend/store/api_token_store.h"
#include "services/backend/store/session_store.h"

static const char BEARER[] = "Bearer ";

void request_start(struct request *request, struct app *app, struct http_request *req,
                   unsigned scope, const struct flow_plan *plan)
{
    request->app = app;
    request->req = req;
    request->scope = scope;
    flow_start(&request->flow, plan, http_header(req, "traceparent"));
}

/* An access token whose session is being looked up, or a personal token. */
struct lookup {
    struct request *request;
    struct token_entry entry; /* of an access token */
    uint64_t generation;      /* of the keys that verified it */
    struct principal who;     /* of a personal token */
    bool is_alive;
};

static const char CHALLENGE[] = "Bearer realm=\"todo\"";
static const char CHALLENGE_TOKEN[] = "Bearer realm=\"todo\", error=\"invalid_token\"";
static const char CHALLENGE_SCOPE[] = "Bearer realm=\"todo\", error=\"insufficient_scope\"";

static void add_challenge(struct request *request, const char *value)
{
    http_add_header(request->req, "WWW-Authenticate", value);
}

static enum flow_next refuse(struct request *request)
{
    err_set(&request->flow.err, ERR_UNAUTHENTICATED, "the token is not valid");
    return flow_fail(&request->flow);
}

void request_say_when(struct http_request *req, int64_t wait_ms, struct err *err)
{
    char seconds[24];

    snprintf(seconds, sizeof seconds, "%lld", (long long)((wait_ms + 999) / 1000));
    http_add_header(req, "Retry-After", seconds);
    err_set(err, ERR_RATE, "too many requests; try again in %s s", seconds);
}

/* What a known principal may do now. */
static bool authorise(struct request *request, const struct principal *who)
{
    struct app *app = request->app;
    int64_t wait_ms = rate_limit_take(app->user_rate, who->user_id.text, clock_monotonic_us());

    request->who = *who;
    if (wait_ms > 0) {
        request_say_when(request->req, wait_ms, &request->flow.err);
        return false;
    }
    if ((who->scopes & request->scope) == request->scope)
        return true;
    unsigned missing = request->scope & ~who->scopes;

    add_challenge(request, CHALLENGE_SCOPE);
    if (missing & SCOPE_SESSION)
        return err_set_slug(&request->flow.err, ERR_FORBIDDEN, "session_required",
                            "this needs a signed-in session, not a personal API token");
    return err_set_slug(&request->flow.err, ERR_FORBIDDEN, "missing_scope",
                        "the token lacks the scope %s", scope_word(missing & -missing));
}

static void resume(struct request *request, const struct principal *who, const struct err *err)
{
    if (err != NULL) {
        flow_resume(&request->flow, err);
        return;
    }
    flow_resume(&request->flow, authorise(request, who) ? NULL : &request->flow.err);
}

static store_done_fn on_session_checked, on_api_token_found;

static enum flow_next check_session(struct request *request, struct lookup *lookup)
{
    const struct store_call call = {request->app->service.pool, &request->flow.arena,
                                    on_session_checked, lookup};

    session_store_check(&call, &lookup->entry.who, &lookup->is_alive);
    return FLOW_WAIT;
}

static void on_session_checked(void *arg, const struct err *err)
{
    struct lookup *lookup = arg;
    struct request *request = lookup->request;
    struct err ended = {0};

    if (err == NULL && !lookup->is_alive) {
        err_set_slug(&ended, ERR_UNAUTHENTICATED, "session_ended",
                     "the session has ended; sign in again");
        err = &ended;
    }
    if (err == NULL) {
        lookup->entry.checked_at = clock_monotonic_ms();
        token_cache_put(request->app->tokens, &lookup->entry, lookup->generation);
    }
    resume(request, &lookup->entry.who, err);
}

static enum flow_next authenticate_access_token(struct request *request, const char *token)
{
    struct app *app = request->app;
    struct flow *flow = &request->flow;
    const int64_t now_ms = clock_now_ms();
    const struct token_digest digest = token_digest(token);
    const struct token_entry *known = token_cache_find(app->tokens, &digest, now_ms);

    if (known != NULL && clock_monotonic_ms() - known->checked_at < app->config->session_check_ms)
        return authorise(request, &known->who) ? FLOW_NEXT : flow_fail(flow);
    struct lookup *lookup = ARENA_NEW(&flow->arena, struct lookup);

    lookup->request = request;
    lookup->generation = token_cache_generation(app->tokens);
    if (known != NULL) {
        lookup->entry = *known;
        return check_session(request, lookup);
    }
    struct jwt_claims claims = {.audience = JWT_AUDIENCE_API};
    struct token_entry *entry = &lookup->entry;

    if (!jwt_verify(app->token_keys, token, now_ms, &flow->arena, &claims, &flow->err))
        return flow_fail(flow);
    *entry = (struct token_entry){.digest = digest, .expires_at = claims.expires_at_s * 1000};
    entry->who.scopes = SCOPE_ALL;
    if (!uuid_read(claims.subject, &entry->who.user_id) || claims.session_id == NULL ||
        !uuid_read(claims.session_id, &entry->who.session_id))
        return refuse(request);
    return check_session(request, lookup);
}

static enum flow_next authenticate_api_token(struct request *request, const char *text)
{
    struct flow *flow = &request->flow;
    struct secret_token token;

    if (!secret_token_read_api(text, &token))
        return refuse(request);
    struct lookup *lookup = ARENA_NEW(&flow->arena, struct lookup);
    const struct store_call call = {request->app->service.pool, &flow->arena, on_api_token_found,
                                    lookup};
    const struct secret_digest digest = secret_token_digest(&token);

    lookup->request = request;
    api_token_store_find(&call, &digest, &lookup->who);
    return FLOW_WAIT;
}

static void on_api_token_found(void *arg, const struct err *err)
{
    struct lookup *lookup = arg;
    struct err unknown = {0};

    if (err == NULL && lookup->who.user_id.text[0] == '\0') {
        err_set(&unknown, ERR_UNAUTHENTICATED, "the token is not valid");
        err = &unknown;
    }
    resume(lookup->request, &lookup->who, err);
}

enum flow_next request_authenticate(struct flow *flow)
{
    struct request *request = (struct request *)flow;
    const char *header = http_header(request->req, "Authorization");

    if (header == NULL || strncasecmp(header, BEARER, sizeof BEARER - 1) != 0) {
        err_set_slug(&flow->err, ERR_UNAUTHENTICATED, "token_missing",
                     "the header Authorization: Bearer … is missing");
        return flow_fail(flow);
    }
    const char *token = header + sizeof BEARER - 1;

    token += strspn(token, " ");
    request->has_token = true;
    if (secret_token_is_api(token))
        return authenticate_api_token(request, token);
    return authenticate_access_token(request, token);
}

/* A PATCH is a merge patch (RFC 7396) by either name. */
static bool is_json(const char *content_type)
{
    static const char *const types[] = {"application/json", "application/merge-patch+json"};
    const size_t n_bytes = content_type == NULL ? 0 : strcspn(content_type, "; \t");

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (n_bytes == strlen(types[i]) && strncasecmp(content_type, types[i], n_bytes) == 0)
            return true;
    return false;
}

bool request_read_json(struct request *request, const struct json_reading *reading, void *target,
                       uint64_t *present)
{
    struct err *err = &request->flow.err;
    size_t n_bytes = 0;
    const char *body = http_body(request->req, &n_bytes);
    struct json_reading noting = *reading;

    noting.present = present;
    if (!is_json(http_header(request->req, "Content-Type")))
        return err_set(err, ERR_MEDIA_TYPE, "the body must be application/json");
    return json_read(body, n_bytes, &noting, &request->flow.arena, target, err);
}

void request_reply_json(struct request *request, int status, const struct buf *body)
{
    http_reply_json(request->req, status, body);
    request->req = NULL;
}

void request_reply_empty(struct request *request, int status)
{
    http_reply_empty(request->req, status);
    request->req = NULL;
}

void request_hide_inner(struct err *err)
{
    bool is_ours = err->slug != NULL && err->slug != PG_UNIQUE_VIOLATION;

    if (err->code == ERR_INTERNAL)
        err_set(err, ERR_INTERNAL, "something went wrong on our side");
    else if (err->code == ERR_CONFLICT && !is_ours)
        err_set(err, ERR_CONFLICT, "this contradicts what is there");
    else if ((err->code == ERR_TIMEOUT || err->code == ERR_UNAVAILABLE) && !is_ours)
        err_set(err, ERR_UNAVAILABLE, "a part of the service is away for now; try again");
}

static void log_end(const struct request *request)
{
    const struct flow *flow = &request->flow;
    const int status = flow->err.code == ERR_NONE ? 0 : err_http_status(flow->err.code);
    const char *user_id = request->who.user_id.text;
    enum log_level level = status >= 500 ? LOG_ERROR : status != 0 ? LOG_INFO : LOG_DEBUG;
    char trace_id[33];

    if (level < request->app->service.log.level)
        return;
    flow_trace_id(flow, trace_id);
    log_at(&request->app->service.log, level, status == 0 ? "request_ended" : "request_failed",
           KV("trace_id", (const char *)trace_id), KV("flow", flow->plan->name),
           KV("step", status == 0 ? 0 : (int64_t)flow_step_number(flow)),
           KV("user_id", user_id[0] == '\0' ? (const char *)NULL : user_id),
           KV("err", status == 0 ? (const char *)NULL : (const char *)flow->err.text),
           KV("ms", (clock_monotonic_us() - flow->began_us) / 1000));
}

void request_end(struct request *request)
{
    struct flow *flow = &request->flow;

    log_end(request);
    if (flow->err.code != ERR_NONE && request->req != NULL) {
        char trace_id[33];

        request_hide_inner(&flow->err);
        if (flow->err.code == ERR_UNAUTHENTICATED) /* RFC 6750 §3: whichever step says so */
            add_challenge(request, request->has_token ? CHALLENGE_TOKEN : CHALLENGE);
        if (flow->err.code == ERR_UNAVAILABLE)
            http_add_header(request->req, "Retry-After", "1");
        flow_trace_id(flow, trace_id);
        http_reply_err(request->req, &flow->err, trace_id);
    }
    flow_clear(flow);
    mem_free(request);
}
