/* services/backend/handlers/task_apply.h — one job on one task carried out: read the task, hold it
 * against If-Match and the state machine, store the change; again when someone else was first. The
 * routes of a single task use it, and the batch. */
#ifndef SERVICES_BACKEND_HANDLERS_TASK_APPLY_H
#define SERVICES_BACKEND_HANDLERS_TASK_APPLY_H

#include "services/backend/domain/idempotency.h"
#include "services/backend/domain/task_op.h"
#include "services/backend/store/store_call.h"
#include "services/backend/store/task_store.h"

struct app;

/** What is asked. What it points to is borrowed until the end. */
struct task_job {
    enum task_op op;
    struct uuid owner_id;
    struct uuid id;                       /* not of TASK_CREATE */
    const struct task_patch *patch;       /* of TASK_CREATE and TASK_UPDATE, checked; else NULL */
    const struct task_snooze *snooze;     /* of TASK_SNOOZE, checked */
    const struct task_reminded *reminded; /* of TASK_REMIND */
    const char *time_zone;        /* the account's; NULL (not of TASK_CREATE): as it is loaded */
    const char *default_reminder; /* of TASK_CREATE; NULL: none */
    const char *if_match;         /* entity tags, well-formed; NULL: any version will do */
    struct idempotency key;       /* its `key` may be NULL */
    const char *traceparent;
};

/** What the client is told when it went well. */
struct task_reply {
    int status;
    struct uuid id;
    int64_t version;
    const char *body; /* the task as JSON, in the arena; NULL: there is none */
    bool is_replayed; /* kept from the first time that this request came */
};

/** A job under way; embedded in a request, and may be used again after the end. */
struct task_apply {
    struct app *app;     /* borrowed, as is the arena */
    struct arena *arena; /* of all it reads and makes */
    struct task_job job;
    struct task_reply reply; /* valid in `done` when its err is NULL */
    store_done_fn *done;
    void *arg;

    /* inside */
    struct task_loaded loaded;
    struct task task;
    struct series series;
    bool has_series_changed;
    struct task_outcome outcome;
    struct idempotency_reply kept;
    int64_t now_ms;
    int n_tries;
};

/** Begin, the members above filled in. Fail at once with a field entry when a new task breaks a
 *  rule; `done` does not run then. Else it runs once, never before this has returned; its err is for
 *  the client: ERR_NOT_FOUND, ERR_STALE, ERR_CONFLICT, ERR_KEY_REUSED, ERR_INVALID,
 *  ERR_UNAUTHENTICATED when the account was deleted, ERR_UNAVAILABLE (slug "task_busy") when others
 *  were first all the time. */
MUST_CHECK bool task_apply_start(struct task_apply *apply, struct err *err);

#endif
