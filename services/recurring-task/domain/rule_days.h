/* services/recurring-task/domain/rule_days.h — the days of a rule on the calendar, by libical.
 * A day is counted from 1970-01-01. A period is what FREQ names: a year, month, week, or day. */
#ifndef SERVICES_RECURRING_TASK_DOMAIN_RULE_DAYS_H
#define SERVICES_RECURRING_TASK_DOMAIN_RULE_DAYS_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/recurrence/rule.h"

struct rule_days;

/** Begin with the first day of the rule's last period that is not after that of the day `from`, which
 *  is not before the start. */
struct rule_days *rule_days_new(const struct rule *rule, const struct local_time *start,
                                int64_t from);
void rule_days_free(struct rule_days *days); /* NULL is fine */

/** Give the next day that fits FREQ, INTERVAL and the lists, rising; BYSETPOS, COUNT and UNTIL are the
 *  caller's. Where the rule may clamp, the days from 28 to the start's day come, of which each month's
 *  last is meant. HOURLY gives every day that fits the lists. False when there is none before 2300. */
MUST_CHECK bool rule_days_next(struct rule_days *days, int64_t *day);

/** Return whether the rule takes the day of the month from its start, so that a month may be too
 *  short for it. */
bool rule_days_may_clamp(const struct rule *rule);

/** Return the number of the period that a day is in. */
int64_t rule_days_period(const struct rule *rule, int64_t day);

#endif
