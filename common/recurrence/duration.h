/* common/recurrence/duration.h — durations as RFC 5545 §3.3.6 writes them: "-PT1H", "-P1DT2H", "P2W".
 * Days and weeks are the wall clock's, hours and less are exact. */
#ifndef COMMON_RECURRENCE_DURATION_H
#define COMMON_RECURRENCE_DURATION_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/recurrence/zone.h"

struct duration {
    int64_t days;    /* of the calendar; with the sign */
    int64_t seconds; /* exact; with the sign */
};

enum { DURATION_DAYS_MAX = 366 };

/** Read one of at most DURATION_DAYS_MAX days either way. Fail with the field entry `field`. */
MUST_CHECK bool duration_read(const char *text, const char *field, struct duration *duration,
                              struct err *err);

/** Return the instant that is `duration` after `at`. `zone` NULL counts a day as 24 hours. */
int64_t duration_add(const struct duration *duration, int64_t at, const struct zone *zone);

#endif
