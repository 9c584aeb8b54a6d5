/* A sentence is: what comes ("every last Friday of the month"), the time of day, the zone; then, each
 * after a semicolon, what narrows it. */
#include "services/recurring-task/domain/words.h"

#include <stdlib.h>

#include "services/recurring-task/domain/rule_days.h"

static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const ordinals[] = {"",      "first",    "second",  "third",  "fourth",
                                       "fifth", "sixth",    "seventh", "eighth", "ninth",
                                       "tenth", "eleventh", "twelfth"};
static const char *const units[] = {"hour", "day", "week", "month", "year"};
enum { ORDINAL_WORDS = 12, WORKING_DAYS = 5, SHORTEST_MONTH = 28, LEAP_YEAR = 2000 };

/** Say what joins item `i` of `n` to the one before: "a, b and c". */
static void add_joint(struct buf *out, int i, int n, const char *last)
{
    if (i > 0)
        buf_add_text(out, i == n - 1 ? last : ", ");
}

/** Say "1st", "22nd", "13th". */
static void add_number(struct buf *out, int number)
{
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    int last = number % 10;

    buf_format(out, "%d%s", number, last > 3 || number / 10 % 10 == 1 ? "th" : ends[last]);
}

/** Say "first", "last", "second to last", "53rd". */
static void add_ordinal(struct buf *out, int ordinal)
{
    int number = abs(ordinal);

    if (ordinal == -1) {
        buf_add_text(out, "last");
        return;
    }
    if (number <= ORDINAL_WORDS)
        buf_add_text(out, ordinals[number]);
    else
        add_number(out, number);
    if (ordinal < 0)
        buf_add_text(out, " to last");
}

static void add_months(struct buf *out, const struct rule *rule, const char *last)
{
    for (int i = 0; i < rule->n_months; i++) {
        add_joint(out, i, rule->n_months, last);
        buf_add_text(out, months[rule->months[i] - 1]);
    }
}

static void add_month_day(struct buf *out, int day)
{
    buf_add_text(out, "the ");
    if (day > 0) {
        add_number(out, day);
    } else {
        add_ordinal(out, day);
        buf_add_text(out, " day");
    }
}

/** Return how many days from `first` on follow one another, as the list has them. */
static int run_length(const struct rule *rule, int first)
{
    int n = 1;

    while (first + n < rule->n_month_days &&
           rule->month_days[first + n] == rule->month_days[first] + n)
        n++;
    return n;
}

/** Say "the 1st, the 15th and the last day", "the 2nd to the 8th". */
static void add_month_days(struct buf *out, const struct rule *rule)
{
    for (int i = 0; i < rule->n_month_days;) {
        int n = run_length(rule, i);

        /* two that follow one another are no "to" yet */
        n = n < 3 ? 1 : n;
        if (i > 0)
            buf_add_text(out, i + n == rule->n_month_days ? " and " : ", ");
        add_month_day(out, rule->month_days[i]);
        if (n > 1) {
            buf_add_text(out, " to ");
            add_month_day(out, rule->month_days[i + n - 1]);
        }
        i += n;
    }
}

static int count_ordinals(const struct rule *rule)
{
    int n = 0;

    for (int i = 0; i < rule->n_days; i++)
        n += rule->days[i].ordinal != 0;
    return n;
}

/** Return the one word for weekdays that have one; NULL where they have none. */
static const char *name_of_days(const struct rule *rule)
{
    if (rule->n_days == 0 || count_ordinals(rule) > 0)
        return NULL;
    if (rule->n_days == 1)
        return weekdays[rule->days[0].weekday];
    if (rule->n_days == WORKING_DAYS && rule->days[WORKING_DAYS - 1].weekday == WORKING_DAYS - 1)
        return "weekday";
    if (rule->n_days == 2 && rule->days[0].weekday == WORKING_DAYS)
        return "weekend day";
    return rule->n_days == 7 ? "day" : NULL;
}

/** Say the weekdays, each with `before_plain` or `before_counted` in front. */
static void add_days(struct buf *out, const struct rule *rule, const char *before_plain,
                     const char *before_counted, const char *last)
{
    for (int i = 0; i < rule->n_days; i++) {
        const struct rule_day *day = &rule->days[i];

        add_joint(out, i, rule->n_days, last);
        buf_add_text(out, day->ordinal == 0 ? before_plain : before_counted);
        if (day->ordinal != 0) {
            add_ordinal(out, day->ordinal);
            buf_add_char(out, ' ');
        }
        buf_add_text(out, weekdays[day->weekday]);
    }
}

/** Say "every month" or "every 2 months". */
static void add_every(struct buf *out, const char *unit, int interval)
{
    if (interval == 1)
        buf_format(out, "every %s", unit);
    else
        buf_format(out, "every %d %ss", interval, unit);
}

/** Say where days are counted: " of March", " of the month", " of the year". */
static void add_whole(struct buf *out, const struct rule *rule)
{
    buf_add_text(out, " of ");
    if (rule->n_months > 0)
        add_months(out, rule, " and ");
    else
        buf_add_text(out, rule->freq == RULE_YEARLY ? "the year" : "the month");
}

static void add_in_months(struct buf *out, const struct rule *rule)
{
    if (rule->n_months > 0) {
        buf_add_text(out, " in ");
        add_months(out, rule, " and ");
    }
}

/* ---------------------------------------------------------------- what comes */
/** Return whether BYSETPOS chooses from weekdays that have one name, so that it counts those:
 *  "the last weekday of the month". */
static bool counts_name(const struct rule *rule)
{
    return rule->n_positions > 0 && rule->freq >= RULE_MONTHLY && rule->n_month_days == 0 &&
           name_of_days(rule) != NULL && (rule->freq == RULE_MONTHLY || rule->n_months <= 1);
}

static void say_counted_name(struct buf *out, const struct rule *rule)
{
    for (int i = 0; i < rule->n_positions; i++) {
        add_joint(out, i, rule->n_positions, " and ");
        if (rule->interval > 1)
            buf_add_text(out, "the ");
        add_ordinal(out, rule->positions[i]);
    }
    buf_format(out, " %s", name_of_days(rule));
    add_whole(out, rule);
}

/** Say of what the weekdays are: " in March", " of the year". Months that INTERVAL may miss are said
 *  later. */
static void say_scope(struct buf *out, const struct rule *rule, bool is_counted, bool is_mixed)
{
    bool names_months = rule->n_months > 0 && (rule->interval == 1 || rule->freq == RULE_YEARLY);
    bool is_whole = rule->freq == RULE_YEARLY || (rule->interval == 1 && !is_mixed);

    if (is_counted && (names_months || is_whole))
        add_whole(out, rule);
    else if (names_months)
        add_in_months(out, rule);
}

/** Say which weekdays of months and years: "every Monday in March", "every 2 years on the first
 *  Monday of the year". */
static void say_weekdays(struct buf *out, const struct rule *rule)
{
    int n_counted = count_ordinals(rule);
    bool is_mixed = n_counted > 0 && n_counted < rule->n_days;
    bool is_plain = rule->interval == 1 && !is_mixed;

    if (is_plain) {
        buf_add_text(out, "every ");
    } else {
        add_every(out, units[rule->freq], rule->interval);
        buf_add_text(out, " on ");
    }
    if (counts_name(rule)) {
        say_counted_name(out, rule);
        return;
    }
    if (name_of_days(rule) != NULL)
        buf_format(out, "%s%s", is_plain ? "" : "each ", name_of_days(rule));
    else
        add_days(out, rule, is_plain ? "" : "each ", is_plain ? "" : "the ", " and ");
    say_scope(out, rule, n_counted > 0, is_mixed);
}

/** Say "every January and March", "every 2 years in January and March", "every month". */
static void say_months(struct buf *out, const struct rule *rule)
{
    if (rule->n_months > 0 && rule->interval == 1) {
        buf_add_text(out, "every ");
        add_months(out, rule, " and ");
    } else if (rule->freq == RULE_YEARLY && rule->n_months == 0 && rule->interval > 1) {
        add_every(out, "year", rule->interval);
        buf_add_text(out, " in each month");
    } else if (rule->n_months == 0 && rule->interval == 1) {
        add_every(out, "month", 1);
    } else {
        add_every(out, units[rule->freq], rule->interval);
        if (rule->freq == RULE_YEARLY)
            add_in_months(out, rule);
    }
}

/** Say which days of months: "every month on the 1st and the 15th", "every year on 29 February". */
static void say_month_days(struct buf *out, const struct rule *rule, const struct local_time *start)
{
    bool is_date = rule->freq == RULE_YEARLY && rule->n_months <= 1 && rule->n_month_days <= 1 &&
                   (rule->n_month_days == 0 || (rule->month_days[0] > 0 && rule->n_months == 1));

    if (is_date) {
        int day = rule->n_month_days > 0 ? rule->month_days[0] : start->day;

        add_every(out, "year", rule->interval);
        buf_format(out, " on %d %s", day,
                   months[(rule->n_months > 0 ? rule->months[0] : start->month) - 1]);
        return;
    }
    say_months(out, rule);
    buf_add_text(out, " on ");
    if (rule->n_month_days > 0) {
        add_month_days(out, rule);
    } else {
        buf_add_text(out, "the ");
        add_number(out, start->day);
    }
}

static void say_week(struct buf *out, const struct rule *rule, const struct local_time *start)
{
    struct rule days = *rule;

    if (days.n_days == 0)
        days.days[days.n_days++] = (struct rule_day){0, local_time_weekday(start)};
    if (rule->interval == 1) {
        buf_add_text(out, "every ");
        if (name_of_days(&days) != NULL)
            buf_add_text(out, name_of_days(&days));
        else
            add_days(out, &days, "", "", " and ");
    } else {
        add_every(out, "week", rule->interval);
        buf_add_text(out, " on ");
        add_days(out, &days, "", "", " and ");
    }
    add_in_months(out, rule);
}

static void say_hours(struct buf *out, const struct rule *rule, const struct local_time *start)
{
    add_every(out, "hour", rule->interval);
    if (rule->interval > 1)
        buf_format(out, ", counted from %02d:%02d on %d %s %d", start->hour, start->minute,
                   start->day, months[start->month - 1], start->year);
    else if (start->minute == 0)
        buf_add_text(out, " on the hour");
    else
        buf_format(out, " at %d minute%s past", start->minute, start->minute == 1 ? "" : "s");
}

/** Return whether INTERVAL counts hours or days whatever the lists say, so that these only
 *  hold some of them back. */
static bool lists_hold_back(const struct rule *rule)
{
    return rule->freq == RULE_HOURLY || (rule->freq == RULE_DAILY && rule->interval > 1);
}

static void say_days(struct buf *out, const struct rule *rule)
{
    add_every(out, "day", rule->interval);
    if (!lists_hold_back(rule))
        add_in_months(out, rule);
}

/** Return the rule as it is said: a day by day rule with lists is one of the months' days. */
static struct rule rule_to_say(const struct rule *rule)
{
    struct rule said = *rule;

    if (rule->freq == RULE_DAILY && rule->interval == 1 && rule->n_days + rule->n_month_days > 0)
        said.freq = RULE_MONTHLY;
    return said;
}

/* ---------------------------------------------------------------- what narrows it */
/** Return whether one of the rule's months can be too short for a day, in some year. */
static bool is_missed(const struct rule *rule, int day)
{
    for (int month = 1; month <= 12; month++) {
        int length = month == 2 ? SHORTEST_MONTH : local_time_days_in_month(LEAP_YEAR, month);
        bool is_named = rule->n_months == 0;

        for (int i = 0; i < rule->n_months; i++)
            is_named = is_named || rule->months[i] == month;
        if (is_named && abs(day) > length)
            return true;
    }
    return false;
}

static bool misses_month_days(const struct rule *rule)
{
    for (int i = 0; i < rule->n_month_days; i++)
        if (is_missed(rule, rule->month_days[i]))
            return true;
    return false;
}

static bool is_leap_day(const struct rule *rule, const struct local_time *start)
{
    return rule->freq == RULE_YEARLY && start->month == 2 && start->day == 29 &&
           (rule->n_months == 0 || (rule->n_months == 1 && rule->months[0] == 2));
}

static void narrow_month_end(struct buf *out, const struct rule *rule,
                             const struct local_time *start)
{
    bool has_months = rule->freq == RULE_MONTHLY || rule->n_months > 0;

    if (!rule_days_may_clamp(rule)) {
        if (rule->freq >= RULE_MONTHLY && misses_month_days(rule))
            buf_add_text(out, "; left out where the month is too short");
    } else if (is_leap_day(rule, start)) {
        buf_add_text(out, "; on 28 February where there is no 29th");
    } else if (has_months && is_missed(rule, start->day)) {
        buf_add_text(out, "; on the last day where the month is shorter");
    }
}

static void narrow_weekdays(struct buf *out, const struct rule *rule)
{
    buf_add_text(out, "; only where that is ");
    add_days(out, rule, "a ", "the ", " or ");
    if (count_ordinals(rule) > 0)
        buf_add_text(out, rule->freq == RULE_YEARLY && rule->n_months == 0 ? " of the year"
                                                                           : " of the month");
}

static void narrow_lists(struct buf *out, const struct rule *rule)
{
    bool holds_back = lists_hold_back(rule);

    if (rule->n_days > 0 && (holds_back || rule->n_month_days > 0))
        narrow_weekdays(out, rule);
    if (rule->n_month_days > 0 && holds_back) {
        buf_add_text(out, "; only on ");
        add_month_days(out, rule);
    }
    if (rule->n_months > 0 && (holds_back || (rule->freq == RULE_MONTHLY && rule->interval > 1))) {
        buf_add_text(out, "; only in ");
        add_months(out, rule, " and ");
    }
}

static void narrow_positions(struct buf *out, const struct rule *rule)
{
    if (rule->n_positions == 0 || counts_name(rule))
        return;
    buf_add_text(out, "; of these only the ");
    for (int i = 0; i < rule->n_positions; i++) {
        add_joint(out, i, rule->n_positions, " and the ");
        add_ordinal(out, rule->positions[i]);
    }
    buf_format(out, " in each %s", units[rule->freq]);
}

static void narrow_end(struct buf *out, const struct rule *rule)
{
    const struct local_time *until = &rule->until;
    bool is_day = !rule->until_is_utc && until->hour == 23 && until->minute == 59;

    if (rule->count == 1)
        buf_add_text(out, "; once");
    if (rule->count > 1)
        buf_format(out, "; %d times", rule->count);
    if (!rule->has_until)
        return;
    buf_add_text(out, "; until ");
    if (!is_day)
        buf_format(out, "%02d:%02d%s on ", until->hour, until->minute,
                   rule->until_is_utc ? " UTC" : "");
    buf_format(out, "%d %s %d", until->day, months[until->month - 1], until->year);
}

static void add_clock(struct buf *out, const struct local_time *time)
{
    buf_format(out, "%02d:%02d", time->hour, time->minute);
    if (time->second != 0)
        buf_format(out, ":%02d", time->second);
}

void words_of_rule(const struct rule *rule, const struct local_time *start, const char *zone_name,
                   struct buf *out)
{
    struct rule said = rule_to_say(rule);

    if (said.freq == RULE_HOURLY)
        say_hours(out, &said, start);
    else if (said.freq == RULE_DAILY)
        say_days(out, &said);
    else if (said.freq == RULE_WEEKLY)
        say_week(out, &said, start);
    else if (said.n_days > 0 && said.n_month_days == 0)
        say_weekdays(out, &said);
    else
        say_month_days(out, &said, start);
    if (said.freq != RULE_HOURLY) {
        buf_add_text(out, " at ");
        add_clock(out, start);
    }
    if (zone_name != NULL)
        buf_format(out, ", %s", zone_name);
    narrow_month_end(out, &said, start);
    narrow_lists(out, &said);
    /* of one hour or day there is no second: first and last are it */
    said.freq = rule->freq;
    narrow_positions(out, &said);
    if (rule->freq == RULE_WEEKLY && rule->interval > 1 && rule->week_start != 0)
        buf_format(out, "; weeks begin on %s", weekdays[rule->week_start]);
    narrow_end(out, rule);
}

bool words_of_move(const struct expanded *expanded, const struct local_time *start,
                   const char *zone_name, const struct zone *zone, struct buf *out)
{
    const struct local_time *local = &expanded->local;
    struct local_time shown = zone_local(zone, expanded->at);

    if (expanded->is_clamped) {
        buf_format(out, "%s %d has no ", months[local->month - 1], local->year);
        add_number(out, start->day);
        buf_add_text(out, "; its last day, the ");
        add_number(out, local->day);
        buf_add_text(out, ", instead");
    }
    if (expanded->fit == ZONE_GAP) {
        buf_add_text(out, expanded->is_clamped ? "; " : "");
        add_clock(out, local);
        buf_format(out, " does not exist on %04d-%02d-%02d in %s, where the clocks go forward; ",
                   local->year, local->month, local->day, zone_name);
        add_clock(out, &shown);
        if (shown.day != local->day)
            buf_format(out, " on %04d-%02d-%02d", shown.year, shown.month, shown.day);
        buf_add_text(out, " instead");
    }
    return expanded->is_clamped || expanded->fit == ZONE_GAP;
}
