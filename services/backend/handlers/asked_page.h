/* services/backend/handlers/asked_page.h — a page of what another service keeps: asked through the
 * sidecar, and passed on as it is. */
#ifndef SERVICES_BACKEND_HANDLERS_ASKED_PAGE_H
#define SERVICES_BACKEND_HANDLERS_ASKED_PAGE_H

#include "common/json/json_field.h"
#include "services/backend/request.h"

struct asked_page {
    const char *service; /* who is asked: its app id */
    const char *name;    /* of the member with the list, there and here */
    int64_t limit;
    const char *cursor; /* NULL: the first page */
    struct json_texts items;
    const char *next_cursor; /* NULL: it is the last */
    struct request *request;
};

/** Read the query parameters `limit` and `cursor`. */
MUST_CHECK bool asked_page_read_query(struct asked_page *page, struct request *request,
                                      struct err *err);

/** Ask for `path`, which ends within its query; limit and cursor are added. The flow waits, then it has
 *  items and next_cursor, or fails with ERR_UNAVAILABLE. */
enum flow_next asked_page_ask(struct asked_page *page, struct buf *path);

void asked_page_reply(const struct asked_page *page);

#endif
