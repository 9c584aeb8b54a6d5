/* GET /api/docs, /api/v1/openapi.yaml, /api/v1/openapi.json — the API's description, built into the
 * binary. The page is one file: its style is inside, and it runs no script. As long as there is no
 * web app, GET / and the page of a task that a mail points to lead there. */
#include "backend_embedded.h"
#include "services/backend/handlers/account_handlers.h"

static void reply(struct http_request *req, const char *type, const char *text, size_t n_bytes)
{
    http_add_header(req, "Cache-Control", "public, max-age=300");
    http_add_header(req, "X-Content-Type-Options", "nosniff");
    http_reply(req, 200, type, text, n_bytes);
}

void docs_page_start(void *context, struct http_request *req)
{
    (void)context;
    http_add_header(req, "Content-Security-Policy", api_docs_csp);
    http_add_header(req, "Referrer-Policy", "no-referrer");
    reply(req, "text/html; charset=utf-8", api_docs_html, api_docs_html_bytes);
}

void docs_yaml_start(void *context, struct http_request *req)
{
    (void)context;
    reply(req, "application/yaml", openapi_yaml, openapi_yaml_bytes);
}

void docs_json_start(void *context, struct http_request *req)
{
    (void)context;
    reply(req, "application/json", openapi_json, openapi_json_bytes);
}

void docs_redirect_start(void *context, struct http_request *req)
{
    (void)context;
    http_add_header(req, "Location", "/api/docs");
    http_reply_empty(req, 302);
}
