#include "common/recurrence/posix_tz.h"

#include <string.h>

#include "common/recurrence/local_time.h"

enum { SECONDS_A_DAY = 86400, HOURS_MAX = 167, OFFSET_HOURS_MAX = 24, CHANGES_MAX = 6 };

static bool take(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool skip_name(const char **text)
{
    const char *at = *text;

    if (take(text, '<')) {
        while (is_letter(**text) || (**text >= '0' && **text <= '9') || **text == '+' ||
               **text == '-')
            (*text)++;
        return *text - at >= 4 && take(text, '>');
    }
    while (is_letter(**text))
        (*text)++;
    return *text - at >= 3;
}

static bool read_number(const char **text, int max, int *value)
{
    const char *at = *text;

    *value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        *value = *value * 10 + (**text - '0');
        if (*value > max)
            return false;
    }
    return *text > at;
}

/** Read [+-]hh[:mm[:ss]] as seconds. */
static bool read_time(const char **text, int hours_max, int *seconds)
{
    int sign = take(text, '-') ? -1 : 1, hours, minutes = 0, rest = 0;

    if (sign > 0)
        (void)take(text, '+');
    if (!read_number(text, hours_max, &hours))
        return false;
    if (take(text, ':')) {
        if (!read_number(text, 59, &minutes))
            return false;
        if (take(text, ':') && !read_number(text, 59, &rest))
            return false;
    }
    *seconds = sign * (hours * 3600 + minutes * 60 + rest);
    return true;
}

static bool read_weekday(const char **text, struct posix_tz_change *change)
{
    change->kind = POSIX_TZ_WEEKDAY;
    return read_number(text, 12, &change->month) && change->month >= 1 && take(text, '.') &&
           read_number(text, 5, &change->week) && change->week >= 1 && take(text, '.') &&
           read_number(text, 6, &change->weekday);
}

static bool read_day(const char **text, struct posix_tz_change *change)
{
    if (take(text, 'M'))
        return read_weekday(text, change);
    change->kind = take(text, 'J') ? POSIX_TZ_JULIAN : POSIX_TZ_ZERO_BASED;
    return read_number(text, 365, &change->day) &&
           (change->kind == POSIX_TZ_ZERO_BASED || change->day >= 1);
}

static bool read_change(const char **text, struct posix_tz_change *change)
{
    *change = (struct posix_tz_change){.seconds = 2 * 3600};
    if (!take(text, ',') || !read_day(text, change))
        return false;
    return !take(text, '/') || read_time(text, HOURS_MAX, &change->seconds);
}

bool posix_tz_read(const char *text, struct posix_tz *tz)
{
    int west;

    *tz = (struct posix_tz){0};
    if (!skip_name(&text) || !read_time(&text, OFFSET_HOURS_MAX, &west))
        return false;
    tz->standard_offset = -west; /* POSIX counts to the west */
    if (*text == '\0')
        return true;
    tz->has_saving = true;
    tz->saving_offset = tz->standard_offset + 3600;
    if (!skip_name(&text))
        return false;
    if (*text != ',') {
        if (!read_time(&text, OFFSET_HOURS_MAX, &west))
            return false;
        tz->saving_offset = -west;
    }
    return read_change(&text, &tz->start) && read_change(&text, &tz->end) && *text == '\0';
}

/** Return the wall clock second of a change in `year`. */
static int64_t change_seconds(const struct posix_tz_change *change, int year)
{
    struct local_time day = {.year = year, .month = 1, .day = 1};
    int64_t seconds;

    switch (change->kind) {
    case POSIX_TZ_JULIAN:
        /* from March on, day n of the year is never the one after 29 February */
        seconds = local_time_seconds(&day) + (int64_t)(change->day - 1) * SECONDS_A_DAY;
        if (change->day >= 60 && local_time_days_in_month(year, 2) == 29)
            seconds += SECONDS_A_DAY;
        break;
    case POSIX_TZ_ZERO_BASED:
        seconds = local_time_seconds(&day) + (int64_t)change->day * SECONDS_A_DAY;
        break;
    default: {
        int first;

        day.month = change->month;
        first = (change->weekday + 6 - local_time_weekday(&day) + 7) % 7 + 1;
        day.day = first + (change->week - 1) * 7;
        if (day.day > local_time_days_in_month(year, change->month))
            day.day -= 7;
        seconds = local_time_seconds(&day);
    }
    }
    return seconds + change->seconds;
}

/** The changes of three years decide: with hours up to a week off, the last one before an instant
 *  may belong to the year before or after. Where two fall together (saving time all year long) the
 *  start of the saving time wins. */
struct offset_span posix_tz_span(const struct posix_tz *tz, int64_t at)
{
    struct offset_span span = {INT64_MIN, INT64_MAX, tz->standard_offset};
    struct local_time utc;

    if (!tz->has_saving)
        return span;
    utc = local_time_from_seconds(at);
    for (int i = 0; i < CHANGES_MAX; i++) {
        int year = utc.year - 1 + i / 2;
        bool is_start =
            i % 2 == 1; /* the end first: at the same instant the start comes after it */
        int64_t change = is_start ? change_seconds(&tz->start, year) - tz->standard_offset
                                  : change_seconds(&tz->end, year) - tz->saving_offset;

        if (change <= at && change >= span.from) {
            span.from = change;
            span.offset = is_start ? tz->saving_offset : tz->standard_offset;
        }
        if (change > at && change < span.until)
            span.until = change;
    }
    return span;
}
