/* common/recurrence/local_time.h — what a clock on the wall shows: a date and a time without a zone.
 * Source: RFC 5545 §3.3.5 form 1; the calendar is the Gregorian one. */
#ifndef COMMON_RECURRENCE_LOCAL_TIME_H
#define COMMON_RECURRENCE_LOCAL_TIME_H

#include <stdbool.h>
#include <stdint.h>

enum { LOCAL_TIME_SIZE = 20, CLOCK_TIME_SIZE = 6 };

struct local_time {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
};

/** Read "2026-01-31T09:00:00" strictly; years 1970 to 2299. */
bool local_time_read(const char *text, struct local_time *time);

/** Return whether it is a date and a time of day in those years. */
bool local_time_is_valid(const struct local_time *time);
void local_time_write(const struct local_time *time, char text[LOCAL_TIME_SIZE]);

/** Read "09:30" strictly, as minutes since midnight; -1 when it is not one. */
int local_time_read_clock(const char *text);

/** Return it as seconds since 1970-01-01T00:00:00 on the same wall: for differences and order. */
int64_t local_time_seconds(const struct local_time *time);
struct local_time local_time_from_seconds(int64_t seconds);

int local_time_days_in_month(int year, int month);
int local_time_weekday(const struct local_time *time); /* 0 Monday to 6 Sunday */

#endif
