/* common/recurrence/rule.h — the recurrence rules we take: a subset of RFC 5545 §3.3.10.
 *
 * `daily`, `weekly`, `monthly`, `yearly`, or FREQ=HOURLY and longer with INTERVAL, COUNT, UNTIL, BYDAY
 * (with ordinals), BYMONTHDAY (negative too), BYMONTH, BYSETPOS, WKST. */
#ifndef COMMON_RECURRENCE_RULE_H
#define COMMON_RECURRENCE_RULE_H

#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/recurrence/local_time.h"

enum {
    RULE_TEXT_MAX = 300,
    RULE_INTERVAL_MAX = 1000,
    RULE_COUNT_MAX = 10000,
    RULE_PARTS_MAX = 32, /* of each BY list */
};
enum rule_freq { RULE_HOURLY, RULE_DAILY, RULE_WEEKLY, RULE_MONTHLY, RULE_YEARLY };

struct rule_day {
    int ordinal; /* 0: each; -1: the last */
    int weekday; /* 0 Monday to 6 Sunday */
};

struct rule {
    enum rule_freq freq;
    int interval;      /* from 1 */
    int count;         /* 0: no end by number */
    bool has_until;    /* inclusive */
    bool until_is_utc; /* then `until` is UTC, else wall clock; a date alone is its last second */
    struct local_time until;
    int week_start; /* 0 Monday */
    struct rule_day days[RULE_PARTS_MAX];
    int n_days;
    int month_days[RULE_PARTS_MAX], n_month_days;
    int months[12], n_months;
    int positions[RULE_PARTS_MAX], n_positions;
};

/** Read a rule or a shorthand, in any case; "RRULE:" may stand before it. Fail with the field entry
 *  `field`, naming the part, its value and the limit: unknown or repeated parts, parts that RFC 5545
 *  forbids together, what the subset leaves out. */
MUST_CHECK bool rule_read(const char *text, const char *field, struct rule *rule, struct err *err);

/** Append the normal form: FREQ first, parts in the RFC's order, no defaults, lists sorted. Reading it
 *  gives the same rule. */
void rule_write(const struct rule *rule, struct buf *out);

#endif
