/* What libical 3.0 does is taken only where it holds: with WEEKLY it ignores BYSETPOS, and gives the
 * wrong weeks for an INTERVAL when the start is none of the BYDAYs; YEARLY;BYMONTHDAY is that day of
 * the start's month alone to it; and it walks day by day for half a second before it gives up a DAILY
 * or MONTHLY rule that never matches. So three kinds of rule are asked of it: YEARLY with lists of
 * months and days, which it leaps through year by year (it serves MONTHLY, and DAILY and HOURLY with
 * lists, too), plain WEEKLY for the first day of each week, and plain DAILY. The days that follow from
 * these are held against the rule's INTERVAL and lists. */
#include "services/recurring-task/domain/rule_days.h"

#include <libical/ical.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    SECONDS_A_DAY = 86400,
    SECONDS_AN_HOUR = 3600,
    HOURS_A_DAY = 24,
    HOURS_A_WEEK = 168,
    MONTHS = 12,
    WEEKDAYS = 7,
    LAST_YEAR = 2299,
    LEAP_YEAR = 2000,
    SHORTEST_MONTH = 28,
    LONGEST_MONTH = 31,
    /* from here on plain DAILY gives fewer days than the lists do */
    LONG_INTERVAL = 28,
};

struct rule_days {
    struct rule rule;
    struct local_time start;
    int64_t start_key;        /* the start's period */
    icalrecur_iterator *days; /* NULL: it has no more */
    int64_t day;              /* the last one of it, */
    int n_left;               /* and how many that follow it are still to be looked at */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static struct local_time date_of(int64_t day)
{
    return local_time_from_seconds(day * SECONDS_A_DAY);
}

static int64_t day_of(const struct local_time *date)
{
    return floor_div(local_time_seconds(date), SECONDS_A_DAY);
}

bool rule_days_may_clamp(const struct rule *rule)
{
    return rule->freq >= RULE_MONTHLY && rule->n_month_days == 0 && rule->n_days == 0;
}

int64_t rule_days_period(const struct rule *rule, int64_t day)
{
    struct local_time date = date_of(day);

    switch (rule->freq) {
    case RULE_YEARLY:
        return date.year;
    case RULE_MONTHLY:
        return (int64_t)date.year * MONTHS + date.month - 1;
    case RULE_WEEKLY:
        return floor_div(day + 3 - rule->week_start, WEEKDAYS); /* day 0 was a Thursday */
    default:
        return day;
    }
}

static int64_t period_first_day(const struct rule *rule, int64_t key)
{
    struct local_time date = {.year = (int)key, .month = 1, .day = 1};

    if (rule->freq == RULE_WEEKLY)
        return key * WEEKDAYS - 3 + rule->week_start;
    if (rule->freq != RULE_YEARLY && rule->freq != RULE_MONTHLY)
        return key;
    if (rule->freq == RULE_MONTHLY) {
        date.year = (int)floor_div(key, MONTHS);
        date.month = (int)(key - (int64_t)date.year * MONTHS) + 1;
    }
    return day_of(&date);
}

/* ---------------------------------------------------------------- which days fit the lists */
static bool has_number(const int *numbers, int n_numbers, int number)
{
    for (int i = 0; i < n_numbers; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static int day_of_year(const struct local_time *date)
{
    int day = date->day;

    for (int month = 1; month < date->month; month++)
        day += local_time_days_in_month(date->year, month);
    return day;
}

/** Return whether the date is one of the weekdays; they are counted in the year, or where the rule
 *  names months or is MONTHLY in the month (RFC 5545 §3.3.10). */
static bool fits_weekday(const struct rule *rule, const struct local_time *date)
{
    bool in_year = rule->freq == RULE_YEARLY && rule->n_months == 0;
    int length = local_time_days_in_month(date->year, date->month);
    int day = date->day, weekday = local_time_weekday(date);

    if (in_year) {
        length = local_time_days_in_month(date->year, 2) == 29 ? 366 : 365;
        day = day_of_year(date);
    }
    for (int i = 0; i < rule->n_days; i++) {
        int ordinal = rule->days[i].ordinal;

        if (rule->days[i].weekday == weekday &&
            (ordinal == 0 || ordinal == (day - 1) / WEEKDAYS + 1 ||
             -ordinal == (length - day) / WEEKDAYS + 1))
            return true;
    }
    return rule->n_days == 0;
}

static bool fits_lists(const struct rule *rule, int64_t day)
{
    struct local_time date = date_of(day);
    int from_end = date.day - local_time_days_in_month(date.year, date.month) - 1;

    return (rule->n_months == 0 || has_number(rule->months, rule->n_months, date.month)) &&
           (rule->n_month_days == 0 || has_number(rule->month_days, rule->n_month_days, date.day) ||
            has_number(rule->month_days, rule->n_month_days, from_end)) &&
           fits_weekday(rule, &date);
}

/* ---------------------------------------------------------------- rules that never match
 * These checks decide nothing that expanding would not; they save expanding to the year 2300. */

/** Return whether the steps of INTERVAL ever meet a weekday of the list: 168 of them are all there are. */
static bool meets_weekday(const struct rule_days *days)
{
    const struct rule *rule = &days->rule;
    int64_t hours = floor_div(local_time_seconds(&days->start), SECONDS_AN_HOUR);
    int step = rule->freq == RULE_HOURLY ? rule->interval : rule->interval * HOURS_A_DAY;

    if (rule->n_days == 0 || rule->freq > RULE_DAILY)
        return true;
    for (int i = 0; i < HOURS_A_WEEK; i++) {
        struct local_time time =
            local_time_from_seconds((hours + (int64_t)i * step) * SECONDS_AN_HOUR);

        if (fits_weekday(rule, &time))
            return true;
    }
    return false;
}

/** Return whether a month has one of the days, in some year. */
static bool has_month_day(const struct rule *rule, int month)
{
    int length = local_time_days_in_month(LEAP_YEAR, month);

    for (int i = 0; i < rule->n_month_days; i++)
        if (rule->month_days[i] <= length && rule->month_days[i] >= -length)
            return true;
    return rule->n_month_days == 0;
}

/** Return whether the month is one of the rule's, and MONTHLY's INTERVAL comes to it. */
static bool meets_month(const struct rule_days *days, int month)
{
    const struct rule *rule = &days->rule;
    bool is_met = rule->freq != RULE_MONTHLY;

    for (int i = 0; i < MONTHS && !is_met; i++)
        is_met = (days->start.month - 1 + i * rule->interval) % MONTHS + 1 == month;
    return is_met && (rule->n_months == 0 || has_number(rule->months, rule->n_months, month)) &&
           has_month_day(rule, month);
}

static bool meets_some_month(const struct rule_days *days)
{
    for (int month = 1; month <= MONTHS; month++)
        if (meets_month(days, month))
            return true;
    return false;
}

/** Return whether the n-th or n-th to last of a weekday can fall on a day of the list, in a month of
 *  some length. */
static bool can_fall_on(const struct rule *rule, int ordinal)
{
    for (int length = SHORTEST_MONTH; length <= LONGEST_MONTH; length++) {
        int first = ordinal > 0 ? (ordinal - 1) * WEEKDAYS + 1 : length + ordinal * WEEKDAYS + 1;

        for (int i = 0; i < rule->n_month_days; i++) {
            int day = rule->month_days[i];

            day = day > 0 ? day : length + 1 + day;
            if (day >= first && day < first + WEEKDAYS)
                return true;
        }
    }
    return false;
}

static bool meets_ordinal(const struct rule *rule)
{
    bool in_year = rule->freq == RULE_YEARLY && rule->n_months == 0;

    if (in_year || rule->n_days == 0 || rule->n_month_days == 0)
        return true;
    for (int i = 0; i < rule->n_days; i++)
        if (rule->days[i].ordinal == 0 || can_fall_on(rule, rule->days[i].ordinal))
            return true;
    return false;
}

/** Return no less than how many days a period's set can have. */
static int set_size_max(const struct rule *rule)
{
    int n_months = rule->freq == RULE_MONTHLY ? 1 : rule->n_months > 0 ? rule->n_months : MONTHS;
    int n = 0;

    if (rule->freq < RULE_WEEKLY)
        return 1;
    if (rule->freq == RULE_WEEKLY)
        return rule->n_days;
    if (rule->n_month_days > 0)
        return n_months * rule->n_month_days;
    if (rule->n_days == 0)
        return rule->n_months > 0 ? n_months : 1;
    for (int i = 0; i < rule->n_days; i++)
        n += rule->days[i].ordinal != 0 ? n_months : n_months * 5;
    return n;
}

static bool meets_position(const struct rule *rule)
{
    int size = set_size_max(rule);

    for (int i = 0; i < rule->n_positions; i++)
        if (rule->positions[i] <= size && rule->positions[i] >= -size)
            return true;
    return rule->n_positions == 0;
}

/* ---------------------------------------------------------------- libical */
static void put_weekdays(struct icalrecurrencetype *ical, const struct rule *rule)
{
    for (int i = 0; i < rule->n_days; i++) {
        int ordinal = rule->days[i].ordinal;
        int weekday = (rule->days[i].weekday + 1) % WEEKDAYS + 1; /* 1 is Sunday */

        ical->by_day[i] = (short)(ordinal < 0 ? -(-ordinal * 8 + weekday) : ordinal * 8 + weekday);
    }
    ical->by_day[rule->n_days] = ICAL_RECURRENCE_ARRAY_MAX;
}

static void put_numbers(short *into, const int *numbers, int n_numbers)
{
    for (int i = 0; i < n_numbers; i++)
        into[i] = (short)numbers[i];
}

/** Return whether all days are such as the second Monday of a month: these are fewer than any others. */
static bool counts_in_months(const struct rule *rule)
{
    for (int i = 0; i < rule->n_days; i++)
        if (rule->days[i].ordinal == 0)
            return false;
    return rule->n_days > 0 && (rule->freq == RULE_MONTHLY || rule->n_months > 0);
}

/** Name the days of the month: the rule's, or those of which the month's end takes one, or where
 *  there are only months all. Return how many. */
static int put_month_days(struct icalrecurrencetype *ical, const struct rule_days *days)
{
    const struct rule *rule = &days->rule;
    int n = 0, from = 1, to = LONGEST_MONTH;

    if (counts_in_months(rule))
        return 0;
    if (rule->n_month_days > 0 && rule->n_month_days < ICAL_BY_MONTHDAY_SIZE) {
        put_numbers(ical->by_month_day, rule->month_days, rule->n_month_days);
        return rule->n_month_days;
    }
    if (rule_days_may_clamp(rule)) {
        from = days->start.day < SHORTEST_MONTH ? days->start.day : SHORTEST_MONTH;
        to = days->start.day;
    } else if (rule->n_days > 0) {
        return 0;
    }
    for (int day = from; day <= to; day++)
        ical->by_month_day[n++] = (short)day;
    return n;
}

/** Ask for the days of a year: by months and their days, or by weekdays. */
static void put_year(struct icalrecurrencetype *ical, const struct rule_days *days)
{
    const struct rule *rule = &days->rule;
    int n_month_days = put_month_days(ical, days), n = 0;

    ical->freq = ICAL_YEARLY_RECURRENCE;
    if (rule->freq == RULE_YEARLY)
        ical->interval = (short)rule->interval;
    if (n_month_days == 0)
        put_weekdays(ical, rule);
    if (rule->freq == RULE_YEARLY && rule_days_may_clamp(rule) && rule->n_months == 0)
        ical->by_month[n++] = (short)days->start.month;
    else if (rule->freq == RULE_MONTHLY || rule->n_months > 0 || n_month_days > 0)
        for (int month = 1; month <= MONTHS; month++)
            if (meets_month(days, month))
                ical->by_month[n++] = (short)month;
}

static void put_weeks(struct icalrecurrencetype *ical, const struct rule *rule)
{
    ical->freq = ICAL_WEEKLY_RECURRENCE;
    ical->interval = (short)rule->interval;
}

static void put_plain_days(struct icalrecurrencetype *ical, const struct rule *rule)
{
    ical->freq = ICAL_DAILY_RECURRENCE;
    ical->interval = (short)(rule->freq == RULE_DAILY ? rule->interval : 1);
}

static struct icaltimetype ical_date(int64_t day)
{
    struct local_time date = date_of(day);
    struct icaltimetype time = icaltime_null_time();

    time.year = date.year;
    time.month = date.month;
    time.day = date.day;
    return time;
}

static bool has_lists(const struct rule *rule)
{
    return rule->n_months + rule->n_month_days + rule->n_days > 0;
}

/** Return the last day that need be looked at: the end of a year and its last week, so that no period
 *  is cut short for BYSETPOS. */
static int64_t last_day(const struct rule *rule)
{
    struct local_time last = {.year = LAST_YEAR, .month = 12, .day = 31};

    if (rule->has_until && rule->until.year < LAST_YEAR - 1) {
        last.year = rule->until.year + 1;
        last.month = 1;
    }
    return day_of(&last);
}

static icalrecur_iterator *start_ical(const struct rule_days *days, int64_t from)
{
    const struct rule *rule = &days->rule;
    int64_t key = rule_days_period(rule, from);
    struct icalrecurrencetype ical;

    if (rule->freq != RULE_HOURLY)
        key -= (key - days->start_key) % rule->interval;
    icalrecurrencetype_clear(&ical);
    if (rule->freq == RULE_WEEKLY)
        put_weeks(&ical, rule);
    else if (rule->freq >= RULE_MONTHLY ||
             (has_lists(rule) && (rule->freq == RULE_HOURLY || rule->interval < LONG_INTERVAL)))
        put_year(&ical, days);
    else
        put_plain_days(&ical, rule);
    ical.until = ical_date(last_day(rule));
    return icalrecur_iterator_new(ical, ical_date(period_first_day(rule, key)));
}

struct rule_days *rule_days_new(const struct rule *rule, const struct local_time *start,
                                int64_t from)
{
    struct rule_days *days = MEM_NEW(struct rule_days);

    days->rule = *rule;
    days->start = *start;
    days->start_key = rule_days_period(rule, day_of(start));
    if (rule->freq == RULE_WEEKLY && rule->n_days == 0)
        days->rule.days[days->rule.n_days++] = (struct rule_day){0, local_time_weekday(start)};
    if (meets_weekday(days) && meets_some_month(days) && meets_ordinal(rule) &&
        meets_position(&days->rule))
        days->days = start_ical(days, from);
    return days;
}

void rule_days_free(struct rule_days *days)
{
    if (days == NULL)
        return;
    if (days->days != NULL)
        icalrecur_iterator_free(days->days);
    mem_free(days);
}

/** Look at the next day: one that follows from the last one of libical, or a new one of it. */
static bool step(struct rule_days *days)
{
    struct icaltimetype time;
    struct local_time date;

    if (days->n_left > 0) {
        days->n_left--;
        days->day++;
        return true;
    }
    if (days->days == NULL)
        return false;
    time = icalrecur_iterator_next(days->days);
    date = (struct local_time){.year = time.year, .month = time.month, .day = time.day};
    if (icaltime_is_null_time(time) || date.year > LAST_YEAR)
        return false;
    days->day = day_of(&date);
    days->n_left = days->rule.freq == RULE_WEEKLY ? WEEKDAYS - 1 : 0;
    return true;
}

bool rule_days_next(struct rule_days *days, int64_t *day)
{
    const struct rule *rule = &days->rule;

    while (step(days)) {
        *day = days->day;
        if ((rule->freq == RULE_HOURLY ||
             (rule_days_period(rule, *day) - days->start_key) % rule->interval == 0) &&
            fits_lists(rule, *day))
            return true;
    }
    return false;
}
