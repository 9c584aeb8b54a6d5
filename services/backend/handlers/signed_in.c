#include "services/backend/handlers/signed_in.h"

#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/json/json_out.h"
#include "common/jwt/jwt_keys.h"
#include "services/backend/app.h"
#include "services/backend/domain/cookie.h"
#include "services/backend/domain/rate_limit.h"

enum { USER_AGENT_MAX = 200, DAY_S = 86400 };

/* What a browser calls itself, cut at a character; "" when it is no UTF-8. */
static const char *read_user_agent(struct request *request)
{
    const char *header = http_header(request->req, "User-Agent");
    size_t n_bytes = header == NULL ? 0 : strlen(header);

    if (n_bytes == 0 || !utf8_is_valid(header, n_bytes))
        return "";
    if (n_bytes > USER_AGENT_MAX) {
        n_bytes = USER_AGENT_MAX;
        while (n_bytes > 0 && (header[n_bytes] & 0xC0) == 0x80)
            n_bytes--;
    }
    return arena_copy_bytes(&request->flow.arena, header, n_bytes);
}

void signed_in_begin(struct request *request, struct new_session *session,
                     struct secret_token *refresh)
{
    randombytes_buf(refresh->bytes, sizeof refresh->bytes);
    *session = (struct new_session){
        .id = uuid_new(clock_now_ms()),
        .user_agent = read_user_agent(request),
        .address = arena_copy_text(&request->flow.arena, http_client_address(request->req)),
        .days = request->app->config->session_days,
        .digest = secret_token_digest(refresh),
    };
    randombytes_buf(session->salt.bytes, sizeof session->salt.bytes);
}

bool signed_in_take_turn(struct request *request)
{
    int64_t wait_ms = rate_limit_take(request->app->sign_in_rate, http_client_address(request->req),
                                      clock_monotonic_us());

    if (wait_ms > 0)
        request_say_when(request->req, wait_ms, &request->flow.err);
    return wait_ms == 0;
}

static void set_cookie(struct request *request, const char *token, int64_t life_s)
{
    const struct config *config = request->app->config;

    http_add_header(
        request->req, "Set-Cookie",
        cookie_write_refresh(token, life_s, config->cookie_secure, &request->flow.arena));
}

void signed_in_clear_cookie(struct request *request)
{
    set_cookie(request, "", 0);
}

static void write_reply(struct buf *body, const char *token, int64_t expires_at,
                        const struct account *account)
{
    struct json_out json;

    json_out_init(&json, body);
    json_open_object(&json, NULL);
    json_text(&json, "access_token", token);
    json_text(&json, "token_type", "Bearer");
    json_time(&json, "expires_at", expires_at);
    json_open_object(&json, "account");
    json_write_fields(&json, account_fields, account_n_fields, account);
    json_close_object(&json);
    json_close_object(&json);
}

void signed_in_reply(struct request *request, int status, const struct signed_in *signed_in)
{
    const struct config *config = request->app->config;
    const int64_t now_s = clock_now_ms() / 1000;
    const struct jwt_claims claims = {
        .audience = JWT_AUDIENCE_API,
        .subject = signed_in->account->id.text,
        .session_id = signed_in->session_id->text,
        .seq = -1,
        .issued_at_s = now_s,
        .expires_at_s = now_s + config->access_token_s,
    };
    char refresh[SECRET_TOKEN_TEXT_SIZE];
    const char *token = NULL;
    struct buf body;

    if (!jwt_sign(request->app->token_keys, &claims, &request->flow.arena, &token,
                  &request->flow.err))
        return;
    buf_init(&body);
    write_reply(&body, token, claims.expires_at_s * 1000, signed_in->account);
    secret_token_write(signed_in->refresh, refresh);
    set_cookie(request, refresh, (int64_t)config->session_days * DAY_S);
    http_add_header(request->req, "Cache-Control", "no-store");
    request_reply_json(request, status, &body);
    buf_clear(&body);
}
