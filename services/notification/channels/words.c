#include "services/notification/channels/words.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/utf8.h"

enum { MINUTE_MS = 60000 };

static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

const struct zone *words_zone(struct zone_cache *zones, const struct outgoing *outgoing)
{
    struct err err = {0};

    if (zones == NULL || outgoing->time_zone == NULL)
        return NULL;
    return zone_cache_get(zones, outgoing->time_zone, clock_now_ms(), &err);
}

void words_write_time(const struct zone *zone, int64_t at, struct buf *out)
{
    struct local_time time =
        zone != NULL ? zone_local(zone, at) : local_time_from_seconds(at / 1000);

    buf_format(out, "%s, %d %s %d, %02d:%02d", weekdays[local_time_weekday(&time)], time.day,
               months[time.month - 1], time.year, time.hour, time.minute);
}

bool words_is_overdue(int64_t due_at, int64_t now_ms)
{
    return due_at + MINUTE_MS <= now_ms;
}

void words_write_zone(const struct zone *zone, const struct outgoing *outgoing, struct buf *out)
{
    buf_add_text(out, zone != NULL ? outgoing->time_zone : "UTC");
}

void words_write_span(int64_t ms, struct buf *out)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{24 * 60 * MINUTE_MS, "day"}, {60 * MINUTE_MS, "hour"}, {MINUTE_MS, "minute"}};
    size_t i = 0;

    while (i < 2 && ms < units[i].ms)
        i++;
    int64_t n = ms < MINUTE_MS ? 1 : ms / units[i].ms;

    buf_format(out, "%lld %s%s", (long long)n, units[i].name, n == 1 ? "" : "s");
}

void words_write_line(const char *text, size_t n_max, struct buf *out)
{
    size_t n_left = strlen(text), n_written = 0;

    while (n_left > 0) {
        size_t length = utf8_length_at(text, n_left);

        if (n_written == n_max) {
            buf_add_text(out, "…");
            return;
        }
        if (length == 0)
            return;
        if ((unsigned char)text[0] < ' ' || text[0] == 0x7F)
            buf_add_char(out, ' ');
        else
            buf_add(out, text, length);
        text += length;
        n_left -= length;
        n_written++;
    }
}

void words_write_summary(const struct outgoing *outgoing, const struct zone *zone, int64_t now_ms,
                         struct buf *out)
{
    if (outgoing->due_at != 0) {
        buf_add_text(out, words_is_overdue(outgoing->due_at, now_ms) ? "Was due " : "Due ");
        words_write_time(zone, outgoing->due_at, out);
        buf_add_text(out, " (");
        words_write_zone(zone, outgoing, out);
        buf_add_text(out, ")");
    }
    if (outgoing->late_ms > 0) {
        buf_add_text(out, out->n_bytes > 0 ? "; this reminder is " : "This reminder is ");
        words_write_span(outgoing->late_ms, out);
        buf_add_text(out, " late");
    }
}
