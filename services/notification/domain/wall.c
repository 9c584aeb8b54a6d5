#include "services/notification/domain/wall.h"

enum { SECONDS_OF_DAY = 86400 };

struct local_time wall_local(const struct zone *zone, int64_t at)
{
    int64_t second = at / 1000 - (at % 1000 < 0);

    return zone != NULL ? zone_local(zone, at) : local_time_from_seconds(second);
}

int64_t wall_instant(const struct zone *zone, const struct local_time *day, int days, int minutes)
{
    struct local_time time = *day;

    time.hour = time.minute = time.second = 0;
    time = local_time_from_seconds(local_time_seconds(&time) + (int64_t)days * SECONDS_OF_DAY +
                                   (int64_t)minutes * 60);
    return zone != NULL ? zone_instant(zone, &time, NULL) : local_time_seconds(&time) * 1000;
}
