/* GET /reminders — what becomes of reminders, with every attempt: asked of notification through the
 * sidecar. */
#include <string.h>

#include "common/base/mem.h"
#include "common/net/http_query.h"
#include "services/backend/handlers/asked_page.h"
#include "services/backend/handlers/reach_handlers.h"

/* of the ledger */
static const char *const state_words[] = {"scheduled", "claimed",   "retrying", "sent",
                                          "failed",    "cancelled", "expired",  NULL};

struct reminder_listing {
    struct request request; /* first member */
    const char *state;      /* NULL: any */
    struct uuid task_id;    /* none: of all */
    struct asked_page page;
};
static flow_step_fn read_query, ask_notification;
static flow_finish_fn reply_and_free;
static const struct flow_plan reminder_list_plan = {
    .name = "reminder_list",
    .steps = {request_authenticate, read_query, ask_notification},
    .finish = reply_and_free,
};

void reminder_list_start(void *context, struct http_request *req)
{
    struct reminder_listing *l = MEM_NEW(struct reminder_listing);

    l->page = (struct asked_page){.service = "notification", .name = "reminders"};
    request_start(&l->request, context, req, SCOPE_TASKS_READ, &reminder_list_plan);
}

static bool read_state(struct reminder_listing *l, struct err *err)
{
    const char *state = http_query(l->request.req, "state", err);

    if (state == NULL)
        return !err_is_set(err);
    for (size_t i = 0; state_words[i] != NULL; i++)
        if (strcmp(state_words[i], state) == 0) {
            l->state = state_words[i];
            return true;
        }
    return err_add_field(err, "state",
                         "must be one of: scheduled, claimed, retrying, sent, failed, cancelled, "
                         "expired");
}

static enum flow_next read_query(struct flow *flow)
{
    static const char *const names[] = {"state", "task_id", "limit", "cursor", NULL};
    struct reminder_listing *l = (struct reminder_listing *)flow;
    struct err *err = &flow->err;

    if (!http_check_query(l->request.req, names, err) || !read_state(l, err) ||
        !http_query_uuid(l->request.req, "task_id", false, &l->task_id, err) ||
        !asked_page_read_query(&l->page, &l->request, err))
        return flow_fail(flow);
    return FLOW_NEXT;
}

static enum flow_next ask_notification(struct flow *flow)
{
    struct reminder_listing *l = (struct reminder_listing *)flow;
    enum flow_next next;
    struct buf path;

    buf_init(&path);
    buf_format(&path, "/internal/reminders?owner=%s", l->request.who.user_id.text);
    if (l->state != NULL)
        buf_format(&path, "&state=%s", l->state);
    if (l->task_id.text[0] != '\0')
        buf_format(&path, "&task_id=%s", l->task_id.text);
    next = asked_page_ask(&l->page, &path);
    buf_clear(&path);
    return next;
}

static void reply_and_free(struct flow *flow)
{
    struct reminder_listing *l = (struct reminder_listing *)flow;

    if (!err_is_set(&flow->err))
        asked_page_reply(&l->page);
    request_end(&l->request);
}
