/* common/events/recurrence_due.h — the data of task.recurrence-due: what comes next in a series. */
#ifndef COMMON_EVENTS_RECURRENCE_DUE_H
#define COMMON_EVENTS_RECURRENCE_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/json/json_field.h"

/** Backend, which holds the series, drops one of another version or number than the next. */
struct recurrence_due {
    struct uuid series_id;
    int64_t series_version;
    int64_t occurrence;      /* the number of the one to be made */
    int64_t due_at;          /* its instant by the rule */
    struct uuid previous_id; /* the task before it */
    bool skips_previous;     /* that one, if it is still open, is skipped */
};

extern const struct json_field recurrence_due_fields[];
extern const size_t recurrence_due_n_fields;

#endif
