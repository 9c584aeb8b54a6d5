#include "services/backend/handlers/asked_page.h"

#include <inttypes.h>
#include <string.h>

#include "common/dapr/invoke.h"
#include "common/json/json_out.h"
#include "common/net/http_query.h"
#include "services/backend/app.h"

enum { LIMIT_INITIAL = 50, LIMIT_MAX = 200, CURSOR_MAX = 512, ASK_LIMIT_MS = 5000 };

static bool refuse_cursor(struct err *err)
{
    return err_add_field(err, "cursor", "is not one that this list gave");
}

/* The cursor is the other service's own: passed on, but nothing of it may end up outside the query's
 * value. */
static bool read_cursor(struct asked_page *page, struct err *err)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    const char *cursor = http_query(page->request->req, "cursor", err);
    size_t length;

    if (cursor == NULL)
        return !err_is_set(err);
    length = strlen(cursor);
    if (length == 0 || length > CURSOR_MAX || strspn(cursor, allowed) != length)
        return refuse_cursor(err);
    page->cursor = cursor;
    return true;
}

bool asked_page_read_query(struct asked_page *page, struct request *request, struct err *err)
{
    page->request = request;
    page->limit = LIMIT_INITIAL;
    return http_query_number(request->req, "limit", 1, LIMIT_MAX, &page->limit, err) &&
           read_cursor(page, err);
}

static http_answered_fn on_answered;

enum flow_next asked_page_ask(struct asked_page *page, struct buf *path)
{
    struct request *request = page->request;

    buf_format(path, "&limit=%" PRId64, page->limit);
    if (page->cursor != NULL)
        buf_format(path, "&cursor=%s", page->cursor);
    dapr_invoke_get(request->app->service.dapr,
                    &(struct dapr_invocation){.app_id = page->service,
                                              .path = buf_text(path),
                                              .traceparent = request->flow.traceparent,
                                              .limit_ms = ASK_LIMIT_MS},
                    on_answered, page);
    return FLOW_WAIT;
}

/* Of the refusals only one is the client's doing: the cursor. */
static bool take_answer(struct asked_page *page, const struct http_answer *answer, struct err *err)
{
    const struct json_field fields[] = {
        JSON_RAWS(struct asked_page, items, page->name, JSON_REQUIRED, LIMIT_MAX),
        JSON_TEXT(struct asked_page, next_cursor, "next_cursor", JSON_NULLABLE, 1, CURSOR_MAX),
    };
    const struct json_reading reading = {
        .fields = fields, .n_fields = 2, .unknown = JSON_IGNORE_UNKNOWN};

    if (answer->status == 400 && page->cursor != NULL)
        return refuse_cursor(err);
    if (answer->status != 200)
        return err_set(err, ERR_UNAVAILABLE, "%s answered %d", page->service, answer->status);
    if (!json_read(answer->body, answer->n_bytes, &reading, &page->request->flow.arena, page, err))
        return err_set(err, ERR_INTERNAL, "%s answered something else than %s", page->service,
                       page->name);
    return true;
}

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct asked_page *page = arg;
    struct err refusal = {0};

    if (err != NULL)
        err_set(&refusal, ERR_UNAVAILABLE, "%s is away: %s", page->service, err->text);
    else if (take_answer(page, answer, &refusal)) {
        flow_resume(&page->request->flow, NULL);
        return;
    }
    flow_resume(&page->request->flow, &refusal);
}

void asked_page_reply(const struct asked_page *page)
{
    struct json_out json;
    struct buf body;

    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_open_array(&json, page->name);
    for (size_t i = 0; i < page->items.n_items; i++)
        json_raw(&json, NULL, page->items.items[i]);
    json_close_array(&json);
    json_text(&json, "next_cursor", page->next_cursor);
    json_close_object(&json);
    request_reply_json(page->request, 200, &body);
    buf_clear(&body);
}
