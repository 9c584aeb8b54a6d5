/* services/backend/domain/action_page.h — the page behind a link in a mail: it asks first, since mail
 * scanners follow links, then does what the link says, and says what became of it. One file of HTML,
 * its style inside, without any script. */
#ifndef SERVICES_BACKEND_DOMAIN_ACTION_PAGE_H
#define SERVICES_BACKEND_DOMAIN_ACTION_PAGE_H

#include "common/base/buf.h"
#include "services/backend/domain/action_link.h"

enum action_outcome {
    ACTION_ASKS,     /* with a button */
    ACTION_DONE,     /* now */
    ACTION_NEEDLESS, /* the task is completed already */
    ACTION_CLOSED,   /* the task is not open: nothing to snooze */
    ACTION_TRASHED,
    ACTION_GONE,    /* the task or the reminder */
    ACTION_CHANGED, /* the reminder was moved or snoozed after the mail */
    ACTION_USED,
    ACTION_EXPIRED,
    ACTION_WRONG,  /* no link of ours */
    ACTION_AWAY,   /* trying again helps */
    ACTION_FAILED, /* our mistake */
};

struct action_page {
    enum action_outcome outcome;
    enum action action;     /* of ACTION_ASKS and ACTION_DONE */
    const char *task_title; /* NULL: not known */
};

int action_page_status(const struct action_page *page);
void action_page_write(const struct action_page *page, struct buf *out);

/** Write the page's Content-Security-Policy, which names its style by hash. */
void action_page_write_policy(struct buf *out);

#endif
