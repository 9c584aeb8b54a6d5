/* Days come from libical, and all else is done here to the days it gives:
 *
 *   days (rule_days.h) → the month's end → BYSETPOS → hours → instants of the zone
 *
 * The days of one period are taken together, so the days always start with a period; that is also how
 * expansion_after jumps: a later period that INTERVAL meets serves as well as the first one. */
#include "services/recurring-task/domain/expand.h"

#include "common/base/mem.h"
#include "services/recurring-task/domain/rule_days.h"

enum {
    SECONDS_A_DAY = 86400,
    SECONDS_AN_HOUR = 3600,
    MS_A_SECOND = 1000,
    DAYS_A_YEAR = 366,
    HOURS_A_DAY = 24,
    LAST_YEAR = 2299,
    /* a wall clock is at most a day and a bit off another one */
    JUMP_BACK_DAYS = 2,
};

/* The calendar comes again after 28 years, but for a century without a leap day. So many periods on end
 * have seen all the years, months and weeks that INTERVAL meets: what they have not, none has. */
static const int futile_max[] = {[RULE_HOURLY] = 1,
                                 [RULE_DAILY] = 1,
                                 [RULE_WEEKLY] = 3000,
                                 [RULE_MONTHLY] = 700,
                                 [RULE_YEARLY] = 60};

struct expansion {
    struct rule rule;
    const struct zone *zone; /* borrowed */
    struct local_time start;
    int64_t start_seconds; /* on the wall */

    struct rule_days *days; /* NULL before the first is wanted, and after the last */
    bool is_over;
    int64_t day; /* the next one of them */
    bool has_day;
    int64_t group[DAYS_A_YEAR]; /* the days of one period */
    int n_group, at_group;      /* how many, and the next one to give */
    int hour;                   /* HOURLY: the next one to look at of that day */
    int n_futile;               /* periods on end of which BYSETPOS left nothing */

    int64_t last_at;
    int number;
    bool has_count_lost;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static void forget_days(struct expansion *e)
{
    rule_days_free(e->days);
    e->days = NULL;
    e->has_day = false;
    e->n_group = e->at_group = e->hour = e->n_futile = 0;
}

static void start_days(struct expansion *e, int64_t from)
{
    forget_days(e);
    e->days = rule_days_new(&e->rule, &e->start, from);
    e->has_day = rule_days_next(e->days, &e->day);
}

static bool is_in_month_of(int64_t a, int64_t b)
{
    struct local_time first = local_time_from_seconds(a * SECONDS_A_DAY),
                      second = local_time_from_seconds(b * SECONDS_A_DAY);

    return first.year == second.year && first.month == second.month;
}

/** Of each month's days 28 to the start's, keep the last that there is. */
static void clamp_group(struct expansion *e)
{
    int n = 0;

    for (int i = 0; i < e->n_group; i++)
        if (i + 1 == e->n_group || !is_in_month_of(e->group[i], e->group[i + 1]))
            e->group[n++] = e->group[i];
    e->n_group = n;
}

static bool has_position(const struct rule *rule, int position)
{
    for (int i = 0; i < rule->n_positions; i++)
        if (rule->positions[i] == position)
            return true;
    return false;
}

static void choose_positions(struct expansion *e)
{
    int n = 0;

    for (int i = 0; i < e->n_group; i++)
        if (has_position(&e->rule, i + 1) || has_position(&e->rule, i - e->n_group))
            e->group[n++] = e->group[i];
    e->n_group = n;
}

static bool next_group(struct expansion *e)
{
    const struct rule *rule = &e->rule;
    int64_t key;

    if (!e->has_day)
        return false;
    key = rule_days_period(rule, e->day);
    e->n_group = e->at_group = e->hour = 0;
    while (e->has_day && e->n_group < DAYS_A_YEAR && rule_days_period(rule, e->day) == key) {
        e->group[e->n_group++] = e->day;
        e->has_day = rule_days_next(e->days, &e->day);
    }
    if (rule_days_may_clamp(rule))
        clamp_group(e);
    if (rule->n_positions == 0)
        return true;
    choose_positions(e);
    e->n_futile = e->n_group > 0 ? 0 : e->n_futile + 1;
    return e->n_futile < futile_max[rule->freq];
}

/** Give the next second on the wall that the rule names: of a day the start's time of day, or the
 *  hours that are multiples of INTERVAL away from the start's. */
static bool next_seconds(struct expansion *e, int64_t *seconds)
{
    int64_t start_day = floor_div(e->start_seconds, SECONDS_A_DAY);
    int64_t start_hour = floor_div(e->start_seconds, SECONDS_AN_HOUR);

    for (;;) {
        while (e->at_group == e->n_group)
            if (!next_group(e))
                return false;
        if (e->rule.freq != RULE_HOURLY) {
            int64_t days_since = e->group[e->at_group++] - start_day;

            *seconds = e->start_seconds + days_since * SECONDS_A_DAY;
            return true;
        }
        while (e->hour < HOURS_A_DAY) {
            int64_t hours_since = e->group[e->at_group] * HOURS_A_DAY + e->hour++ - start_hour;

            if (hours_since % e->rule.interval == 0) {
                *seconds = e->start_seconds + hours_since * SECONDS_AN_HOUR;
                return true;
            }
        }
        e->hour = 0;
        e->at_group++;
    }
}

/* ---------------------------------------------------------------- instants */
static void start_over(struct expansion *e)
{
    forget_days(e);
    e->is_over = false;
    e->number = 0;
    e->has_count_lost = false;
}

static bool end(struct expansion *e)
{
    forget_days(e);
    e->is_over = true;
    return false;
}

struct expansion *expansion_new(const struct rule *rule, const struct local_time *start,
                                const struct zone *zone)
{
    struct expansion *e = MEM_NEW(struct expansion);

    e->rule = *rule;
    e->zone = zone;
    e->start = *start;
    e->start_seconds = local_time_seconds(start);
    start_over(e);
    return e;
}

void expansion_free(struct expansion *expansion)
{
    if (expansion == NULL)
        return;
    forget_days(expansion);
    mem_free(expansion);
}

static bool is_after_until(const struct expansion *e, int64_t seconds, int64_t at)
{
    int64_t until = local_time_seconds(&e->rule.until);

    if (!e->rule.has_until)
        return false;
    return e->rule.until_is_utc ? at > until * MS_A_SECOND : seconds > until;
}

static void fill(const struct expansion *e, int64_t seconds, struct expanded *next)
{
    next->local = local_time_from_seconds(seconds);
    next->at = zone_instant(e->zone, &next->local, &next->fit);
    next->is_clamped = rule_days_may_clamp(&e->rule) && next->local.day < e->start.day;
    next->number = 0;
}

static bool give_start(struct expansion *e, struct expanded *next)
{
    fill(e, e->start_seconds, next);
    next->number = e->number = 1;
    e->last_at = next->at;
    return true;
}

/** Give the first after last_at. Two wall clock times can be one instant (02:30 and 03:30 where the
 *  clocks go forward): it comes once. */
static bool next_rising(struct expansion *e, struct expanded *next)
{
    int64_t seconds;

    if (e->is_over || (e->rule.count > 0 && e->number >= e->rule.count))
        return false;
    if (e->days == NULL)
        start_days(e, floor_div(e->start_seconds, SECONDS_A_DAY));
    while (next_seconds(e, &seconds)) {
        if (seconds <= e->start_seconds)
            continue;
        fill(e, seconds, next);
        if (is_after_until(e, seconds, next->at))
            break;
        if (next->at <= e->last_at)
            continue;
        e->last_at = next->at;
        if (!e->has_count_lost)
            next->number = ++e->number;
        return true;
    }
    return end(e);
}

bool expansion_next(struct expansion *expansion, struct expanded *next)
{
    return expansion->number == 0 && !expansion->has_count_lost ? give_start(expansion, next)
                                                                : next_rising(expansion, next);
}

bool expansion_after(struct expansion *expansion, int64_t at, struct expanded *next)
{
    struct expansion *e = expansion;
    struct local_time local = zone_local(e->zone, at);
    int64_t day = floor_div(local_time_seconds(&local), SECONDS_A_DAY) - JUMP_BACK_DAYS;
    bool ok;

    start_over(e);
    ok = give_start(e, next);
    if (next->at > at)
        return ok;
    if (e->rule.count > 0) {
        while (ok && next->at <= at)
            ok = next_rising(e, next);
        return ok;
    }
    if (local.year > LAST_YEAR)
        return end(e);
    if (day > floor_div(e->start_seconds, SECONDS_A_DAY))
        start_days(e, day);
    e->last_at = at;
    e->has_count_lost = true;
    return next_rising(e, next);
}
