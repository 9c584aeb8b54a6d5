/* services/backend/domain/task_op.h — what can be done to a task, and when: the state machine. */
#ifndef SERVICES_BACKEND_DOMAIN_TASK_OP_H
#define SERVICES_BACKEND_DOMAIN_TASK_OP_H

#include <stdint.h>

#include "common/events/task.h"
#include "services/backend/domain/series.h"
#include "services/backend/domain/task_input.h"
#include "services/backend/domain/task_reminders.h"

struct zone;

enum task_op {
    TASK_CREATE,
    TASK_UPDATE,
    TASK_COMPLETE,
    TASK_REOPEN,
    TASK_DELETE, /* to the trash */
    TASK_RESTORE,
    TASK_SKIP,   /* an occurrence: the next one comes without it */
    TASK_PURGE,  /* from the trash: only its id is left */
    TASK_STOP,   /* nothing comes after it: its series ends */
    TASK_SNOOZE, /* one of its reminders comes later */
    TASK_REMIND, /* one of its reminders was sent: notification says so, not the user */
};
extern const char *const task_op_words[]; /* "create", …, NULL */

/** Return the type of the event that tells of the change: EVENT_TASK_CREATED. */
const char *task_op_event(enum task_op op);

/** Return a new id, of version 7, whose order is that of creation within a millisecond too: the
 *  microseconds take the place of 12 of the random bits (RFC 9562 §6.2, method 3). */
struct uuid task_id_new(int64_t now_us);

/** What is to be done, and what doing it needs. All is borrowed. */
struct task_deed {
    enum task_op op;
    const struct task_patch *patch;       /* of TASK_CREATE and TASK_UPDATE, checked; else NULL */
    const struct task_snooze *snooze;     /* of TASK_SNOOZE */
    const struct task_reminded *reminded; /* of TASK_REMIND */
    const char *account_zone;             /* of a recurrence without a time zone, and of mornings */
    const char *default_reminder; /* offset that a new task with a due date gets; NULL: none */
    const struct zone *zone;      /* that of task_deed_zone */
    int morning;                  /* minutes since midnight */
    int64_t now_ms;
    struct arena *arena; /* of the texts that are made */
};

/** Return the name of the time zone that `deed` needs when it is done to `task`, NULL for none. */
const char *task_deed_zone(const struct task_deed *deed, const struct task *task);

/** Return the new task of TASK_CREATE (texts are shared), version 1, in `*task`; `*series` becomes
 *  that which begins with it, or none. Fail as task_patch_merge does. */
MUST_CHECK bool task_op_create(const struct task_deed *deed, struct uuid id, struct uuid owner_id,
                               struct task *task, struct series *series, struct err *err);

/** Do `deed`, which is not TASK_CREATE, to `*task` and the series it is of (series_none: none): the
 *  next version, or nothing at all when it is as asked already (`*has_changed` says). A changed series
 *  has the next revision. Fail with ERR_CONFLICT (slug "task_in_trash", "task_not_in_trash",
 *  "task_not_open", "task_not_recurring", "not_newest_occurrence", "reminder_changed") when its state
 *  does not allow it, ERR_NOT_FOUND for a reminder that it has not, or as task_patch_merge does. */
MUST_CHECK bool task_op_apply(const struct task_deed *deed, struct task *task,
                              struct series *series, bool *has_changed, struct err *err);

#endif
