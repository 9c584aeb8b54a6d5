#include "services/backend/handlers/session_cookie.h"

#include "services/backend/app.h"
#include "services/backend/domain/cookie.h"

bool session_cookie_read(struct request *request, struct secret_token *token, bool *has_token)
{
    const struct http_request *req = request->req;
    const char *text =
        cookie_find(http_header(req, "Cookie"), COOKIE_REFRESH, &request->flow.arena);

    *has_token = text != NULL && secret_token_read(text, token);
    if (text == NULL ||
        cookie_is_same_origin(http_header(req, "Origin"), http_header(req, "Sec-Fetch-Site"),
                              request->app->config->public_url))
        return true;
    return err_set_slug(&request->flow.err, ERR_FORBIDDEN, "cross_site",
                        "the request comes from another site");
}
