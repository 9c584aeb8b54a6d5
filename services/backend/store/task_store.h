/* services/backend/store/task_store.h — tasks in PostgreSQL: one task read, and every change of one.
 *
 * A change is one statement: it locks the owner's row, changes the task (and its series) if it still
 * has the version that was read, draws the owner's next seq, and adds two outbox rows and the kept reply. When the
 * task has moved on, nothing at all happens. */
#ifndef SERVICES_BACKEND_STORE_TASK_STORE_H
#define SERVICES_BACKEND_STORE_TASK_STORE_H

#include "common/events/task.h"
#include "common/pg/pg.h"
#include "services/backend/domain/idempotency.h"
#include "services/backend/domain/series.h"
#include "services/backend/domain/task_op.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement TASK_GET, TASK_LOAD, TASK_EXISTS;
extern const struct pg_statement TASK_ADD, TASK_ADD_SERIES, TASK_SAVE, TASK_SAVE_SERIES,
    TASK_PURGE_ONE;

/** Read an owner's task into `*task`. ERR_NOT_FOUND when he has none such. */
void task_store_get(const struct store_call *call, const struct uuid *owner_id,
                    const struct uuid *id, struct task *task);

struct task_loaded {
    struct idempotency_reply reply;
    bool is_there;
    struct task task;
    struct series series;     /* that it is of, if any */
    const char *account_zone; /* NULL: the account is gone, and nothing is there */
};

/** What is to be read. Borrowed until the call returns. */
struct task_wanted {
    struct uuid owner_id, id;
    const struct idempotency *key; /* its `key` may be NULL */
};

/** Read an owner's task, if it is there, with its series, the reply that was kept for the key, and the
 *  account's time zone. */
void task_store_load(const struct store_call *call, const struct task_wanted *wanted,
                     struct task_loaded *loaded);

/** Set `*is_there` to whether an owner has the task or its tombstone. */
void task_store_exists(const struct store_call *call, const struct uuid *owner_id,
                       const struct uuid *id, bool *is_there);

/** A change that is ready to be stored. All is borrowed until the call returns. */
struct task_write {
    enum task_op op;
    const struct task *task;     /* as it will be; its version is one more than the stored one */
    const struct series *series; /* as it will be, its revision likewise; NULL: it stays as it is */
    const char *data;            /* of the events, and the reply's body unless `status` is 204 */
    const char *traceparent;
    int64_t now_ms;
    const struct idempotency *key; /* its `key` may be NULL */
    int status;                    /* of the reply */
    int tasks_max;                 /* TASK_CREATE: what an owner may have */
};

enum task_written {
    TASK_WRITTEN,
    TASK_MOVED,    /* nothing happened: it has another version, or the key came in meanwhile */
    TASK_KNOWN,    /* TASK_CREATE: nothing happened, `reply` is what was kept for the key */
    TASK_TOO_MANY, /* TASK_CREATE: nothing happened, the owner has tasks_max */
    TASK_NO_OWNER, /* TASK_CREATE: nothing happened, the account is gone */
};

struct task_outcome {
    enum task_written written;
    struct idempotency_reply reply;
};

/** Store a change. */
void task_store_write(const struct store_call *call, const struct task_write *write,
                      struct task_outcome *outcome);

#endif
