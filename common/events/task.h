/* common/events/task.h — a task on the wire: in events, in frames and in the public API. */
#ifndef COMMON_EVENTS_TASK_H
#define COMMON_EVENTS_TASK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/json/json_field.h"

enum {
    TASK_TITLE_MAX = 500,         /* code points */
    TASK_DESCRIPTION_MAX = 10000, /* code points */
    TASK_TAGS_MAX = 20,
    TASK_TAG_MAX = 50, /* code points */
    TASK_ZONE_MAX = 64,
};

enum task_status { TASK_OPEN, TASK_COMPLETED };
enum task_priority {
    TASK_PRIORITY_LOW,
    TASK_PRIORITY_NORMAL,
    TASK_PRIORITY_HIGH,
    TASK_PRIORITY_URGENT
};
extern const char *const task_status_words[];   /* "open", "completed", NULL */
extern const char *const task_priority_words[]; /* "low", "normal", "high", "urgent", NULL */

/** Texts are borrowed from whatever arena it was read into. */
struct task {
    struct uuid id;
    struct uuid owner_id;
    const char *title;
    const char *description; /* "" when none */
    int status;
    int priority;
    struct json_texts tags;
    int64_t due_at;        /* 0: none */
    const char *time_zone; /* IANA name; NULL: none */
    int64_t version;       /* counts from 1 */
    int64_t created_at, updated_at;
    int64_t completed_at, deleted_at; /* 0: not */
};

/** All members, in the order of the API's documentation. */
extern const struct json_field task_fields[];
extern const size_t task_n_fields;

void task_write(const struct task *task, struct buf *out); /* one JSON object */
MUST_CHECK bool task_read(const char *text, size_t n_bytes, struct arena *arena, struct task *task,
                          struct err *err);

/** The data of task.purged and update.task-purged. */
struct task_purged {
    struct uuid id;
};
extern const struct json_field task_purged_fields[];
extern const size_t task_purged_n_fields;

#endif
