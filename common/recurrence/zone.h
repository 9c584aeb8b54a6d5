/* common/recurrence/zone.h — IANA time zones: from an instant to the wall clock and back, by the TZif
 * files of the system's zoneinfo. Source: RFC 8536 (with the footer for the years after the table);
 * for times that a change of the clocks skips or repeats RFC 5545 §3.3.5. */
#ifndef COMMON_RECURRENCE_ZONE_H
#define COMMON_RECURRENCE_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/recurrence/local_time.h"

struct zone;
struct zone_cache;

/** Read the bytes of a TZif file, version 2 or later. ERR_INVALID says what is wrong. */
struct zone *zone_new(const void *bytes, size_t n_bytes, struct err *err);
void zone_free(struct zone *zone); /* NULL is fine */

struct local_time zone_local(const struct zone *zone, int64_t at);

/** Why an instant is not quite what the wall clock said. */
enum zone_fit {
    ZONE_EXACT,
    ZONE_GAP, /* the clocks skip it: the offset before the gap counts, so it is later by the gap */
    ZONE_REPEATED /* it comes twice: this is the first */
};

/** Return the instant of a wall clock time, ms; `*fit` may be NULL. */
int64_t zone_instant(const struct zone *zone, const struct local_time *time, enum zone_fit *fit);

/** Zones by name, read from `directory` (NULL: /usr/share/zoneinfo) when first asked for and again
 *  when the file has changed (looked at once a minute at most). */
struct zone_cache *zone_cache_new(const char *directory);
void zone_cache_free(struct zone_cache *cache); /* NULL is fine */

/** Return a zone, valid until the loop's next turn. NULL with ERR_INVALID for a name that is none,
 *  ERR_INTERNAL when the machine has no zoneinfo. */
const struct zone *zone_cache_get(struct zone_cache *cache, const char *name, int64_t now_ms,
                                  struct err *err);

#endif
