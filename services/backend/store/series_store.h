/* services/backend/store/series_store.h — series in PostgreSQL: read, their occurrences listed, and
 * the next one made. What changes a series otherwise is a change of its newest occurrence: task_store.h. */
#ifndef SERVICES_BACKEND_STORE_SERIES_STORE_H
#define SERVICES_BACKEND_STORE_SERIES_STORE_H

#include "common/events/task.h"
#include "common/pg/pg.h"
#include "services/backend/domain/series.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement SERIES_GET, SERIES_OCCURRENCES, SERIES_LIST, OCCURRENCE_ADD;

/** A series and the task of its newest occurrence. */
struct series_state {
    struct series series; /* series_none: the owner has none such */
    bool has_newest;      /* false: it was purged */
    struct task newest;
};
void series_store_get(const struct store_call *call, const struct uuid *owner_id,
                      const struct uuid *id, struct series_state *state);

/** One occurrence that is not purged. */
struct occurrence {
    int64_t number;
    struct uuid task_id;
    const char *title;
    int64_t due_at, scheduled_at;
    int status;
    int64_t ended_at;   /* completed or skipped; 0: open */
    int64_t deleted_at; /* in the trash since; 0: not */
};
struct occurrence_page {
    bool is_there; /* the owner has the series */
    struct occurrence *occurrences;
    size_t n_occurrences;
    bool has_more;
};
/** Read up to `limit`, the newest first, of those before number `before` (0: all). */
void series_store_occurrences(const struct store_call *call, const struct uuid *owner_id,
                              const struct uuid *id, int64_t before, int64_t limit,
                              struct occurrence_page *page);

struct series_list {
    struct series *series;
    size_t n_series;
};
/** Read those of an owner's series that are among `ids`. */
void series_store_list(const struct store_call *call, const struct uuid *owner_id,
                       const struct json_texts *ids, struct series_list *list);

/** The next occurrence, ready to be stored. All is borrowed until the call returns. */
struct occurrence_write {
    const char *event_id;        /* of the event that asks for it: kept in the inbox */
    const struct series *series; /* as it will be */
    const struct task *newest;   /* as it was read; NULL: purged */
    const struct task *task;
    const char *data;           /* of the task's events */
    const struct task *skipped; /* the one before it, whose place it takes; NULL: none */
    const char *skipped_data;
    const char *traceparent;
    int64_t now_ms;
    int64_t room; /* as many tasks an owner may have with it */
};
enum occurrence_written {
    OCCURRENCE_MOVED, /* nothing happened: series or newest task are not what they were, or the event is
                         known */
    OCCURRENCE_MADE,
    OCCURRENCE_NO_ROOM, /* nothing happened */
};
/** Store it, unless series or newest task have moved on since they were read. */
void series_store_add(const struct store_call *call, const struct occurrence_write *write,
                      enum occurrence_written *written);

#endif
