#include "services/notification/domain/quiet.h"

#include <stddef.h>

#include "services/notification/domain/wall.h"

/** Return how many days after `minute`'s the quiet hours end that it is in, -1 when it is in none. */
static int days_to_end(int minute, int from, int until)
{
    if (from < 0 || until < 0 || from == until)
        return -1;
    if (from < until)
        return minute >= from && minute < until ? 0 : -1;
    if (minute >= from)
        return 1;
    return minute < until ? 0 : -1;
}

/* Where the clocks are set back over the end, it has come at the first time; so an end that is not
 * after `at` means that the hours are over. */
int64_t quiet_end(const struct reminder_settings *settings, const struct zone *zone, int64_t at)
{
    struct local_time local = wall_local(zone, at);
    int until, days;
    int64_t end;

    if (settings->quiet_from == NULL || settings->quiet_until == NULL)
        return 0;
    until = local_time_read_clock(settings->quiet_until);
    days = days_to_end(local.hour * 60 + local.minute, local_time_read_clock(settings->quiet_from),
                       until);
    if (days < 0)
        return 0;
    end = wall_instant(zone, &local, days, until);
    return end > at ? end : 0;
}
