/* services/recurring-task/domain/next.h — what comes after an occurrence, and when: the rules of
 * `anchor` and `missed`. */
#ifndef SERVICES_RECURRING_TASK_DOMAIN_NEXT_H
#define SERVICES_RECURRING_TASK_DOMAIN_NEXT_H

#include <stdint.h>

#include "common/recurrence/duration.h"
#include "services/recurring-task/domain/expand.h"

/** The newest version of a series. */
struct series_rule {
    struct rule rule;
    int anchor, missed; /* enum task_anchor, enum task_missed */
    const struct zone *zone;
    struct local_time start; /* the wall clock time of occurrence `from` */
    int64_t from;
    struct duration
        lead; /* from its due date to an occurrence's first reminder; 0: none before it */
};

/* An occurrence that is made for its reminder is there so long before it, for the way to the ledger. */
enum { NEXT_MARGIN_MS = 60000 };

/** The newest occurrence. */
struct series_newest {
    int64_t number;
    int64_t scheduled_at; /* its instant by the rule */
    int64_t ended_at;     /* completed or skipped then; 0: still open */
};

enum next_kind {
    NEXT_ENDED, /* the rule gives no more */
    NEXT_MAKE,  /* now */
    NEXT_WAIT,  /* until wait_until, or for the occurrence to end when that is 0 */
};

struct next {
    enum next_kind kind;
    int64_t due_at; /* NEXT_MAKE, and how the rule gave it, counted from `start`: */
    struct expanded how;
    struct local_time start;
    bool skips_previous; /* NEXT_MAKE: the newest is still open, and this one takes its place */
    int64_t wait_until;
};

/** Decide at `now_ms`.
 *  Anchor `due`: of the rule's instants after scheduled_at,
 *    catch_up takes the first of the last 31 days or later: at once when the newest has ended, else when
 *      its instant comes, or, where a reminder rings before that, NEXT_MARGIN_MS before the reminder, but
 *      not before the instant of the newest: no more than one is ahead of its time;
 *    collapse, when the newest has ended, takes the first after ended_at (or after scheduled_at, if that
 *      is later); until then it waits for the end;
 *    skip takes the latest that is not after now (open: in the newest's place; ended: ended_at counts as
 *      now), or, when it has ended and there is none such, the first; else it waits for the first.
 *  Anchor `completion`: when it has ended, the rule begun anew on the day of ended_at at the start's
 *    time of day (an hourly one at the minute of ended_at) gives the first instant after both that and
 *    ended_at; COUNT goes by the occurrences' numbers since `from`. Until then it waits, whatever `missed` says. */
struct next next_decide(const struct series_rule *series, const struct series_newest *newest,
                        int64_t now_ms);

#endif
