#include "services/notification/domain/digest.h"

#include <stdio.h>
#include <string.h>

#include "common/events/reminder_settings.h"

#include "services/notification/domain/wall.h"

const char *digest_time(const struct reminder_settings *settings)
{
    return settings->email ? settings->digest_at : NULL;
}

int64_t digest_next(const char *digest_at, const struct zone *zone, int64_t after)
{
    int minutes = digest_at != NULL ? local_time_read_clock(digest_at) : -1;
    struct local_time day = wall_local(zone, after);

    if (minutes < 0)
        return 0;
    /* a change of the clocks may put a day's time on either side of `after` */
    for (int days = 0; days <= 1; days++) {
        int64_t at = wall_instant(zone, &day, days, minutes);

        if (at > after)
            return at;
    }
    return wall_instant(zone, &day, 2, minutes);
}

struct digest_day digest_newest(const char *digest_at, const struct zone *zone, int64_t now)
{
    int minutes = digest_at != NULL ? local_time_read_clock(digest_at) : -1;
    struct local_time today = wall_local(zone, now), day;
    struct digest_day digest = {.at = now};
    char text[LOCAL_TIME_SIZE];
    int days = 0;

    if (minutes >= 0) {
        digest.at = wall_instant(zone, &today, 0, minutes);
        if (digest.at > now) {
            days = -1;
            digest.at = wall_instant(zone, &today, days, minutes);
        }
    }
    today.hour = today.minute = today.second = 0;
    day = local_time_from_seconds(local_time_seconds(&today) + (int64_t)days * 86400);
    local_time_write(&day, text);
    memcpy(digest.on, text, DIGEST_DAY_SIZE - 1); /* the date of it */
    digest.until = wall_instant(zone, &today, days + 1, 0);
    return digest;
}

void digest_write_title(int64_t n_due, int64_t n_overdue, char title[DIGEST_TITLE_SIZE])
{
    int n;

    if (n_due == 0) {
        snprintf(title, DIGEST_TITLE_SIZE, "%lld %s overdue", (long long)n_overdue,
                 n_overdue == 1 ? "task is" : "tasks are");
        return;
    }
    n = snprintf(title, DIGEST_TITLE_SIZE, "%lld %s due today", (long long)n_due,
                 n_due == 1 ? "task is" : "tasks are");
    if (n_overdue > 0)
        snprintf(title + n, DIGEST_TITLE_SIZE - (size_t)n, ", %lld %s overdue",
                 (long long)n_overdue, n_overdue == 1 ? "is" : "are");
}
