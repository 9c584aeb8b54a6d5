#include "services/backend/store/principal_row.h"

#include <stdio.h>

#include "common/events/reminder_settings.h"
#include "services/backend/domain/time_zone.h"

void principal_row_read(const struct pg_rows *rows, int row, int first, struct principal *who)
{
    const bool is_initial = pg_bool(rows, row, first + 1);
    const char *zone = time_zone_find(pg_text(rows, row, first));

    who->time_zone = zone == NULL ? "UTC" : zone;
    snprintf(who->default_reminder, sizeof who->default_reminder, "%s",
             is_initial ? reminder_settings_initial.default_reminder
                        : pg_text(rows, row, first + 2));
}
