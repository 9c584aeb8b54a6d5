/* services/notification/store/reminder_store.h — what an owner may see of the ledger. */
#ifndef SERVICES_NOTIFICATION_STORE_REMINDER_STORE_H
#define SERVICES_NOTIFICATION_STORE_REMINDER_STORE_H

#include "common/events/notification.h"
#include "common/pg/pg.h"
#include "services/notification/domain/schedule.h"

enum { REMINDER_LIST_MAX = 200 };

struct reminder_query {
    struct uuid owner_id;
    struct uuid task_id; /* none: of every task */
    int state;           /* -1: any */
    struct uuid before;  /* id of a delivery; none: from the newest on */
    int limit;           /* 1 to REMINDER_LIST_MAX */
};

struct reminder_entry {
    struct notification notification;
    int state;
    int64_t held_until;
    const char *attempts; /* JSON array: number, began_at, ended_at, outcome, reason */
};

/** Newest first. */
struct reminder_page {
    struct reminder_entry *entries;
    size_t n_entries;
    bool has_more;
};

extern const struct pg_statement REMINDER_LIST;

void reminder_store_params(const struct reminder_query *query, struct pg_params *params);
void reminder_store_read(const struct pg_rows *rows, int limit, struct arena *arena,
                         struct reminder_page *page);

#endif
