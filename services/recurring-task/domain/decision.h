/* services/recurring-task/domain/decision.h — what is to be done about a series now, by all that is
 * known of it. */
#ifndef SERVICES_RECURRING_TASK_DOMAIN_DECISION_H
#define SERVICES_RECURRING_TASK_DOMAIN_DECISION_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/events/recurrence_due.h"
#include "common/events/task.h"
#include "common/recurrence/zone.h"

/** What is known; texts are borrowed. */
struct series {
    struct uuid owner_id, id;
    int64_t revision; /* counts what changed */

    int64_t version;  /* of the definition */
    const char *rule; /* NULL: stopped */
    int anchor, missed;
    const char *time_zone; /* NULL: none */
    const char *start;     /* wall clock time of occurrence start_occurrence; NULL: none */
    int64_t start_occurrence;

    int64_t occurrence; /* the newest */
    struct uuid task_id;
    int64_t scheduled_at;
    int64_t ended_at; /* 0: open */
    bool is_away;     /* in the trash, or purged */
    const char
        *lead; /* the offset of its first reminder, where that is before its due date; or NULL */

    int64_t emitted_version, emitted_occurrence; /* 0: nothing was said to be due yet */
};

/** Return that offset of a task: the earliest of its reminders', which are as common/events/reminder.h
 *  says. NULL: none is before the due date. Borrow or arena. */
const char *decision_lead(const struct task *task, struct arena *arena);

struct decision {
    bool is_due;               /* the next occurrence is to be made, and this says it: */
    struct recurrence_due due; /* */
    int64_t decide_at;         /* when to decide again; 0: when an event has changed something */
};

/** Return whether a decision needs the rule at all: not when the series was stopped, when its newest
 *  occurrence is open and away, or when its next one was said to be due already. */
bool decision_needs_rule(const struct series *series);

/** Decide at `now_ms` about a series that needs its rule; `zone` is that of its name. Fail with
 *  ERR_INVALID where the definition cannot be read. */
MUST_CHECK bool decision_make(const struct series *series, const struct zone *zone, int64_t now_ms,
                              struct decision *decision, struct err *err);

#endif
