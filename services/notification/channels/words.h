/* services/notification/channels/words.h — a message in words, for mails and for what a push shows. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_WORDS_H
#define SERVICES_NOTIFICATION_CHANNELS_WORDS_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/recurrence/zone.h"
#include "services/notification/channels/channel.h"

/** Return the message's zone, NULL (UTC) when it names none that is known. `zones` may be NULL. */
const struct zone *words_zone(struct zone_cache *zones, const struct outgoing *outgoing);

/** Append "Friday, 20 November 2026, 15:00". */
void words_write_time(const struct zone *zone, int64_t at, struct buf *out);
/** Return whether a task is past due by a minute or more: at the minute itself it is due. */
bool words_is_overdue(int64_t due_at, int64_t now_ms);
/** Append the zone's name, "Europe/Berlin" or "UTC". */
void words_write_zone(const struct zone *zone, const struct outgoing *outgoing, struct buf *out);
/** Append "5 minutes", "1 day": rounded down, at least a minute. */
void words_write_span(int64_t ms, struct buf *out);
/** Append at most `n_max` characters of a text, "…" at the end when there are more, with what would
 *  break a line made spaces. */
void words_write_line(const char *text, size_t n_max, struct buf *out);

/** Append one line about when the task is due and how late the message is. */
void words_write_summary(const struct outgoing *outgoing, const struct zone *zone, int64_t now_ms,
                         struct buf *out);

#endif
