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
    TASK_RECURRENCE_MAX = 300, /* of a rule's text */
    TASK_REMINDERS_MAX = 10,
    TASK_LOCAL_MAX = 19, /* "2026-01-31T09:00:00" */
};

enum task_status { TASK_OPEN, TASK_COMPLETED, TASK_SKIPPED };
enum task_priority {
    TASK_PRIORITY_LOW,
    TASK_PRIORITY_NORMAL,
    TASK_PRIORITY_HIGH,
    TASK_PRIORITY_URGENT
};
/* What the next occurrence is counted from, and what becomes of instants that pass meanwhile. */
enum task_anchor { TASK_ANCHOR_NONE = -1, TASK_ANCHOR_DUE, TASK_ANCHOR_COMPLETION };
enum task_missed {
    TASK_MISSED_NONE = -1,
    TASK_MISSED_CATCH_UP, /* each instant gets its occurrence, when it comes */
    TASK_MISSED_SKIP,     /* the newest instant's occurrence takes the place of the open one */
    TASK_MISSED_COLLAPSE, /* the open one stands for all that pass */
};
extern const char *const task_status_words[];   /* "open", "completed", "skipped", NULL */
extern const char *const task_priority_words[]; /* "low", "normal", "high", "urgent", NULL */
extern const char *const task_anchor_words[];   /* "due", "completion", NULL */
extern const char *const task_missed_words[];   /* "catch_up", "skip", "collapse", NULL */

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

    /* the series it is an occurrence of; of a task without one all are none */
    const char *recurrence; /* RFC 5545 rule in its normal form; NULL: nothing comes after it */
    int anchor, missed;     /* none without a recurrence */
    struct uuid series_id;
    int64_t series_version;   /* of the rule it was made or last changed by */
    int64_t occurrence;       /* from 1; unique in the series */
    const char *series_start; /* wall clock time that the rule counts from */
    int64_t series_from;      /* number of the occurrence that this is the time of */
    int64_t scheduled_at;     /* the rule's instant of it, whatever due_at became */

    struct json_texts reminders; /* each an object: common/events/reminder.h */
    bool reminder_sent;          /* of its present due date, at least one */
    int64_t version;             /* counts from 1 */
    int64_t created_at, updated_at;
    int64_t completed_at, deleted_at; /* 0: not */
};

/** Nothing at all: every member none. Where every new one begins. */
extern const struct task task_none;

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
