/* services/recurring-task/domain/words.h — a rule in words: "every last Friday of the month at 09:00,
 * Europe/Berlin". */
#ifndef SERVICES_RECURRING_TASK_DOMAIN_WORDS_H
#define SERVICES_RECURRING_TASK_DOMAIN_WORDS_H

#include "common/base/buf.h"
#include "services/recurring-task/domain/expand.h"

/** Append what the rule says, in English; `zone_name` NULL leaves it out. */
void words_of_rule(const struct rule *rule, const struct local_time *start, const char *zone_name,
                   struct buf *out);

/** Append why an instant is not at the wall clock time of the rule: "02:30 does not exist on
 *  2026-03-29 in Europe/Berlin, where the clocks go forward; 03:30 instead". Return false when it is. */
bool words_of_move(const struct expanded *expanded, const struct local_time *start,
                   const char *zone_name, const struct zone *zone, struct buf *out);

#endif
