/* common/recurrence/posix_tz.h — the rule in a TZif file's footer, for the years after its table.
 * Source: POSIX.1-2017 §8.3 "TZ", with the hours of RFC 8536 §3.3.1. Used by zone.c alone. */
#ifndef COMMON_RECURRENCE_POSIX_TZ_H
#define COMMON_RECURRENCE_POSIX_TZ_H

#include <stdbool.h>
#include <stdint.h>

enum posix_tz_day { POSIX_TZ_JULIAN, POSIX_TZ_ZERO_BASED, POSIX_TZ_WEEKDAY };

/** When the clocks change, each year. */
struct posix_tz_change {
    enum posix_tz_day kind;
    int day;         /* Jn 1..365 without 29 February, or n 0..365 with it */
    int month, week; /* Mm.w.d: week 5 is the last */
    int weekday;     /* 0 Sunday */
    int seconds; /* after midnight of that day, of the time before the change; -167..167 hours */
};

struct posix_tz {
    int standard_offset, saving_offset; /* seconds east of Greenwich */
    bool has_saving;
    struct posix_tz_change start, end; /* of the saving time */
};

/** A stretch of time with one offset: [from, until) in seconds since 1970 UTC. */
struct offset_span {
    int64_t from, until;
    int offset;
};

bool posix_tz_read(const char *text, struct posix_tz *tz);

/** Return the span that `at`, seconds since 1970 UTC, is in. */
struct offset_span posix_tz_span(const struct posix_tz *tz, int64_t at);

#endif
