/* services/backend/domain/task_input.h — what a client may write of a task: how it is read, what is
 * wrong with it, and how it is merged (RFC 7396: absent ≠ null) into the task there is. */
#ifndef SERVICES_BACKEND_DOMAIN_TASK_INPUT_H
#define SERVICES_BACKEND_DOMAIN_TASK_INPUT_H

#include <stdint.h>

#include "common/events/task.h"
#include "services/backend/domain/task_reminders.h"

enum { TASK_YEAR_MIN = 2000, TASK_YEAR_MAX = 2199 }; /* of due_at and reminders, UTC */
#define TASK_TIME_MIN INT64_C(946684800000)
#define TASK_TIME_END INT64_C(7258118400000)

/** Which of a task's fields a patch may have: bits of `present`. */
enum task_field {
    TASK_FIELD_TITLE,
    TASK_FIELD_DESCRIPTION,
    TASK_FIELD_PRIORITY,
    TASK_FIELD_TAGS,
    TASK_FIELD_DUE_AT,
    TASK_FIELD_TIME_ZONE,
    TASK_FIELD_RECURRENCE,
    TASK_FIELD_ANCHOR,
    TASK_FIELD_MISSED,
    TASK_FIELD_REMINDERS,
};

/** What of a series an edit is meant for. */
enum task_scope { TASK_SCOPE_NONE, TASK_SCOPE_THIS, TASK_SCOPE_LATER };
extern const char *const task_scope_words[]; /* "this", "this_and_later", NULL: none is none */

/** The fields that a client sent: those of `task` whose bit is set in `present`. */
struct task_patch {
    struct task task;
    uint64_t present;
    const char *path; /* before the names of fields in errors: "operations[3].task."; NULL: none */
    enum task_scope scope;          /* as it was asked for; task_patch_check settles it */
    const char *scope_path;         /* before "scope" in errors; NULL: none */
    struct reminder_list reminders; /* filled by task_patch_check */
};

bool task_patch_has(const struct task_patch *patch, enum task_field field);

/* Both read into a zeroed struct task; without a path. */
extern const struct json_reading task_new_reading;
extern const struct json_reading task_patch_reading;

/** Hold the fields that are present against the rules and bring them into their normal form: title
 *  and tags trimmed, tags once whatever their case, the rule in its normal form, null as the default.
 *  The scope of a patch of the rule is TASK_SCOPE_LATER. Texts of the arena. Fail with a field entry
 *  for each broken rule. */
MUST_CHECK bool task_patch_check(struct task_patch *patch, struct arena *arena, struct err *err);

/** What a merge needs beside the patch. */
struct task_merge {
    const char *account_zone; /* of a recurrence without a time zone; NULL: UTC */
    int64_t now_ms;
    struct arena *arena;
};

/** Put the fields that are present into `task`; texts are shared. A due date that goes takes its
 *  time zone along, and the reminders that count from it; one that moves has them come anew. Fail
 *  with a field entry when a time zone, a recurrence or an offset is left without a due date, or an
 *  anchor without a recurrence. */
MUST_CHECK bool task_patch_merge(const struct task_patch *patch, const struct task_merge *merge,
                                 struct task *task, struct err *err);

#endif
