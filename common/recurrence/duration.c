#include "common/recurrence/duration.h"

#include <stddef.h>
#include <string.h>

enum { DIGITS_MAX = 9, DURATION_TEXT_MAX = 40, SECONDS_A_DAY = 86400, MS_A_SECOND = 1000 };

/* in the order in which they may come */
static const struct unit {
    char letter;
    bool is_time; /* stands behind the T */
    int seconds;
} units[] = {
    {'W', false, 7 * SECONDS_A_DAY},
    {'D', false, SECONDS_A_DAY},
    {'H', true, 3600},
    {'M', true, 60},
    {'S', true, 1},
};
enum { N_UNITS = sizeof units / sizeof units[0] };

/** Read "<digits><letter>" of a unit from `*next` on; return the unit, NULL when there is none. */
static const struct unit *read_amount(const char **text, bool is_time, size_t *next,
                                      int64_t *amount)
{
    const char *at = *text;

    *amount = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (at - *text >= DIGITS_MAX)
            return NULL;
        *amount = *amount * 10 + (*at - '0');
    }
    if (at == *text)
        return NULL;
    for (size_t i = *next; i < N_UNITS; i++) {
        if (units[i].letter == *at && units[i].is_time == is_time) {
            *text = at + 1;
            *next = i + 1;
            return &units[i];
        }
    }
    return NULL;
}

/** Read what stands behind the P; weeks stand alone. */
static bool read_amounts(const char *text, int64_t *days, int64_t *seconds)
{
    bool is_time = false, has_weeks = false;
    size_t next = 0, n = 0;
    int64_t amount;

    *days = *seconds = 0;
    while (*text != '\0') {
        const struct unit *unit;

        if (*text == 'T' && !is_time) {
            is_time = true;
            text++;
        }
        unit = read_amount(&text, is_time, &next, &amount);
        if (unit == NULL || has_weeks)
            return false;
        n++;
        has_weeks = unit->letter == 'W';
        if (is_time)
            *seconds += amount * unit->seconds;
        else
            *days += amount * (unit->seconds / SECONDS_A_DAY);
    }
    return n > 0;
}

bool duration_read(const char *text, const char *field, struct duration *duration, struct err *err)
{
    int64_t days, seconds, sign = 1;
    const char *at = text;

    if (*at == '+' || *at == '-')
        sign = *at++ == '-' ? -1 : 1;
    if (*at != 'P' || strlen(at) > DURATION_TEXT_MAX || !read_amounts(at + 1, &days, &seconds))
        return err_add_field(err, field,
                             "is not a duration such as -PT30M, -P1DT2H or P1W (RFC 5545 §3.3.6)");
    if (days * SECONDS_A_DAY + seconds > (int64_t)DURATION_DAYS_MAX * SECONDS_A_DAY)
        return err_add_field(err, field, "is longer than %d days", DURATION_DAYS_MAX);
    *duration = (struct duration){.days = sign * days, .seconds = sign * seconds};
    return true;
}

int64_t duration_add(const struct duration *duration, int64_t at, const struct zone *zone)
{
    int64_t exact = duration->seconds * MS_A_SECOND, rest;
    struct local_time local;

    /* without days there is no way over the wall clock: it would lose which of two equal times */
    if (duration->days == 0)
        return at + exact;
    if (zone == NULL)
        return at + duration->days * SECONDS_A_DAY * MS_A_SECOND + exact;
    rest = (at % MS_A_SECOND + MS_A_SECOND) % MS_A_SECOND;
    local = zone_local(zone, at);
    local = local_time_from_seconds(local_time_seconds(&local) + duration->days * SECONDS_A_DAY);
    return zone_instant(zone, &local, NULL) + rest + exact;
}
