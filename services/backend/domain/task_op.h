/* services/backend/domain/task_op.h — what can be done to a task, and when: the state machine. */
#ifndef SERVICES_BACKEND_DOMAIN_TASK_OP_H
#define SERVICES_BACKEND_DOMAIN_TASK_OP_H

#include <stdint.h>

#include "common/events/task.h"
#include "services/backend/domain/task_input.h"

enum task_op {
    TASK_CREATE,
    TASK_UPDATE,
    TASK_COMPLETE,
    TASK_REOPEN,
    TASK_DELETE, /* to the trash */
    TASK_RESTORE,
    TASK_PURGE, /* from the trash: only its id is left */
};
extern const char *const task_op_words[]; /* "create", …, NULL */

/** Return the type of the event that tells of the change: EVENT_TASK_CREATED. */
const char *task_op_event(enum task_op op);

/** Return a new id, of version 7, whose order is that of creation within a millisecond too: the
 *  microseconds take the place of 12 of the random bits (RFC 9562 §6.2, method 3). */
struct uuid task_id_new(int64_t now_us);

/** Return the new task of a checked `patch` (texts are shared), version 1, in `*task`. Fail as
 *  task_patch_merge does. */
MUST_CHECK bool task_op_create(const struct task_patch *patch, struct uuid id, struct uuid owner_id,
                               int64_t now_ms, struct task *task, struct err *err);

/** Do `op`, which is not TASK_CREATE, to `*task` at `now_ms`: the next version, or nothing at all
 *  when it is as asked already (`*has_changed` says). `patch` is that of TASK_UPDATE, checked, else
 *  NULL. Fail with ERR_CONFLICT (slug "task_in_trash", "task_not_in_trash") when its state does
 *  not allow it, or as task_patch_merge does. */
MUST_CHECK bool task_op_apply(enum task_op op, const struct task_patch *patch, int64_t now_ms,
                              struct task *task, bool *has_changed, struct err *err);

#endif
