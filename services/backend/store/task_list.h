/* services/backend/store/task_list.h — many tasks of an owner: a page of a list, and what changed
 * since a seq. */
#ifndef SERVICES_BACKEND_STORE_TASK_LIST_H
#define SERVICES_BACKEND_STORE_TASK_LIST_H

#include "common/events/task.h"
#include "common/pg/pg.h"
#include "services/backend/domain/app_notification.h"
#include "services/backend/domain/task_query.h"
#include "services/backend/store/store_call.h"

enum { TASK_N_LISTS = 2 * TASK_N_SORTS };
extern const struct pg_statement TASK_LISTS[TASK_N_LISTS];    /* by sort and order */
extern const struct pg_statement TASK_SEARCHES[TASK_N_LISTS]; /* the same with a text search */
extern const struct pg_statement TASK_CHANGES;

struct task_page {
    struct task *tasks;
    size_t n_tasks;
    bool has_more;
};

/** Read up to `query->limit` tasks; overdue is by `now_ms`. */
void task_list_read(const struct store_call *call, const struct uuid *owner_id,
                    const struct task_query *query, int64_t now_ms, struct task_page *page);

enum task_news_kind { NEWS_TASK, NEWS_TASK_PURGED, NEWS_NOTIFICATION, NEWS_ALL_READ };

/** The newest state of a task or of what the app shows; that a task was purged: then of `task` only the
 *  id is there; or that all notifications up to here were read. */
struct task_news {
    int64_t seq;
    enum task_news_kind kind;
    struct task task;
    struct app_notification notification;
};

/** What changed, all of one instant. */
struct task_changes {
    int64_t owner_seq;         /* the owner's newest; every change up to it is visible */
    int64_t sync_floor;        /* purges up to it are forgotten */
    int64_t unread;            /* notifications */
    struct task_news *changes; /* by seq */
    size_t n_changes;
    bool has_more;
};

/** Read up to `limit` changes after `since`; purges only after a `since` above 0. ERR_NOT_FOUND
 *  when the account is gone. */
void task_list_changes(const struct store_call *call, const struct uuid *owner_id, int64_t since,
                       int limit, struct task_changes *changes);

#endif
