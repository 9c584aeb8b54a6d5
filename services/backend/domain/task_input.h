/* services/backend/domain/task_input.h — what a client may write of a task: how it is read, what is
 * wrong with it, and how it is merged (RFC 7396: absent ≠ null) into the task there is. */
#ifndef SERVICES_BACKEND_DOMAIN_TASK_INPUT_H
#define SERVICES_BACKEND_DOMAIN_TASK_INPUT_H

#include <stdint.h>

#include "common/events/task.h"

enum { TASK_YEAR_MIN = 2000, TASK_YEAR_MAX = 2199 }; /* of due_at */

/** The fields that a client sent: those of `task` whose bit is set in `present`. */
struct task_patch {
    struct task task;
    uint64_t present;
    const char *path; /* before the names of fields in errors: "operations[3].task."; NULL: none */
};

/* Both read into a zeroed struct task; without a path. */
extern const struct json_reading task_new_reading;
extern const struct json_reading task_patch_reading;

/** Hold the fields that are present against the rules and bring them into their normal form: title
 *  and tags trimmed, tags once whatever their case, null as the default. Texts of the arena. Fail
 *  with a field entry for each broken rule. */
MUST_CHECK bool task_patch_check(struct task_patch *patch, struct arena *arena, struct err *err);

/** Put the fields that are present into `task`; texts are shared. A due date that goes takes its
 *  time zone along. Fail with a field entry when a time zone is left without a due date. */
MUST_CHECK bool task_patch_merge(const struct task_patch *patch, struct task *task,
                                 struct err *err);

#endif
