#include "services/notification/domain/quiet.h"

#include <stddef.h>

#include "services/notification/domain/wall.h"

/* Where the clocks are set back over the end, it has come at the first time; so an end that is not
 * after `at` means that the hours are over. */
int64_t quiet_end(const struct reminder_settings *settings, const struct zone *zone, int64_t at)
{
    struct local_time local = wall_local(zone, at);
    int minute = local.hour * 60 + local.minute, from, until;
    bool is_tomorrow = false;
    int64_t end;

    if (settings->quiet_from == NULL || settings->quiet_until == NULL)
        return 0;
    from = local_time_read_clock(settings->quiet_from);
    until = local_time_read_clock(settings->quiet_until);
    if (from < 0 || until < 0 || from == until)
        return 0;
    if (from < until) {
        if (minute < from || minute >= until)
            return 0;
    } else {
        if (minute < from && minute >= until)
            return 0;
        is_tomorrow = minute >= from;
    }
    end = wall_instant(zone, &local, is_tomorrow ? 1 : 0, until);
    return end > at ? end : 0;
}
