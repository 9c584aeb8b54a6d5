/* services/backend/store/notification_store.h — what the app shows, in PostgreSQL.
 *
 * A change is one statement: it locks the owner's row, changes what is to be changed, draws the
 * owner's next seq and adds two outbox rows with it: update.notification for open browsers, and a
 * fact for the trail, which would miss the seq otherwise. */
#ifndef SERVICES_BACKEND_STORE_NOTIFICATION_STORE_H
#define SERVICES_BACKEND_STORE_NOTIFICATION_STORE_H

#include "common/pg/pg.h"
#include "services/backend/domain/app_notification.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement NOTIFICATION_ADD, NOTIFICATION_GET, NOTIFICATION_LIST,
    NOTIFICATION_LIST_UNREAD, NOTIFICATION_READ, NOTIFICATION_READ_ALL, NOTIFICATION_PURGE;

/** Of which change; borrowed until the call returns. */
struct notification_change {
    struct uuid owner_id;
    const char *traceparent;
    int64_t now_ms;
};

/** Add one unless it is there or the account is gone; `*has_changed` says whether it was added. */
void notification_store_add(const struct store_call *call, const struct notification_change *change,
                            const struct app_notification *notification, bool *has_changed);

struct notification_found {
    bool is_there;
    struct app_notification notification;
    int64_t owner_seq; /* the owner's newest */
    int64_t unread;
};

/** Read one (no id: none) and the owner's counts. ERR_NOT_FOUND when the account is gone. */
void notification_store_get(const struct store_call *call, const struct uuid *owner_id,
                            const struct uuid *id, struct notification_found *found);

/** Mark one as read if it is not: `notification` is it with read_at set. `*has_changed` says whether it
 *  was unread; `*unread` gets how many are left when it was. */
void notification_store_read(const struct store_call *call,
                             const struct notification_change *change,
                             const struct app_notification *notification, bool *has_changed,
                             int64_t *unread);

/** Mark all as read if the owner's newest seq still is `owner_seq`: then none was added meanwhile. */
void notification_store_read_all(const struct store_call *call,
                                 const struct notification_change *change, int64_t owner_seq,
                                 bool *has_changed);

struct notification_query {
    bool is_unread; /* those alone */
    struct app_notification_position after;
    int64_t limit;
};
struct notification_page {
    struct app_notification *notifications; /* the newest first */
    size_t n_notifications;
    bool has_more;
    int64_t unread; /* of all */
};
void notification_store_list(const struct store_call *call, const struct uuid *owner_id,
                             const struct notification_query *query,
                             struct notification_page *page);

/** Delete some of what was shown before `before`; `*n_purged` gets how many. */
void notification_store_purge(const struct store_call *call, int64_t before, int64_t *n_purged);

#endif
