#include "services/backend/store/notification_row.h"

void notification_row_read(const struct pg_rows *rows, int row, int first, struct arena *arena,
                           struct app_notification *notification)
{
    *notification = (struct app_notification){
        .kind = (int)pg_int(rows, row, first + 1),
        .title = pg_copy_text(rows, row, first + 3, arena),
        .remind_at = pg_time(rows, row, first + 4),
        .created_at = pg_time(rows, row, first + 5),
        .read_at = pg_time(rows, row, first + 6),
    };
    uuid_read(pg_text(rows, row, first), &notification->id);
    uuid_read(pg_text(rows, row, first + 2), &notification->task_id);
}
