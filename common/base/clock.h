/* common/base/clock.h — instants in ms since 1970 UTC, and their RFC 3339 form. */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdint.h>

#include "common/base/err.h"

enum { CLOCK_TEXT_MAX = 32 };

int64_t clock_now_ms(void);       /* wall clock */
int64_t clock_now_us(void);       /* the same, finer: for ids that sort by it */
int64_t clock_monotonic_ms(void); /* for measuring waits; never steps */
int64_t clock_monotonic_us(void);

/** Read RFC 3339 §5.6 ("2026-11-21T09:46:00Z", offset or Z required, fraction cut to ms, leap
 *  second 60 refused). Years 1970 to 9999; `*at` is untouched on failure. */
bool clock_read(const char *text, int64_t *at);

/** Write "2026-11-21T09:46:00.123Z" into `text`. */
void clock_write(int64_t at, char text[CLOCK_TEXT_MAX]);

#endif
