/* services/recurring-task/domain/expand.h — the instants of a rule, by libical, on the wall clock of a
 * zone.
 *
 * libical expands without a zone (RFC 5545 §3.3.10); ours are: the clocks' gap and overlap
 * (common/recurrence/zone.h), instants strictly rising, and the end of a month: a rule that names no
 * day of the month takes it from its start, and where the month is too short its last day. */
#ifndef SERVICES_RECURRING_TASK_DOMAIN_EXPAND_H
#define SERVICES_RECURRING_TASK_DOMAIN_EXPAND_H

#include <stdint.h>

#include "common/recurrence/rule.h"
#include "common/recurrence/zone.h"

struct expansion;

struct expanded {
    int64_t at;
    struct local_time local; /* what the rule says; where it is moved, not what the clock shows */
    int number; /* from 1: the start; 0 where a jump has lost count (never with COUNT) */
    enum zone_fit fit;
    bool is_clamped; /* the month has no such day */
};

/** The start is always the first, whether the rule would give it or not. */
struct expansion *expansion_new(const struct rule *rule, const struct local_time *start,
                                const struct zone *zone);
/** Give the next instant; false when the rule has ended, or gives none before the year 2300. */
bool expansion_next(struct expansion *expansion, struct expanded *next);
/** Give the first instant after `at`, wherever the expansion stands, and go on from there. Only with
 *  COUNT is everything before it walked through: at most RULE_COUNT_MAX instants. */
bool expansion_after(struct expansion *expansion, int64_t at, struct expanded *next);
void expansion_free(struct expansion *expansion); /* NULL is fine */

#endif
