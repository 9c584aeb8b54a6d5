/* services/backend/store/notification_row.h — the columns of what the app shows, and how they are read. */
#ifndef SERVICES_BACKEND_STORE_NOTIFICATION_ROW_H
#define SERVICES_BACKEND_STORE_NOTIFICATION_ROW_H

#include "common/pg/pg.h"
#include "services/backend/domain/app_notification.h"

#define NOTIFICATION_COLUMNS                                                                       \
    "n.id, n.kind, n.task_id, n.title, n.remind_at, n.created_at, n.read_at"
enum { NOTIFICATION_N_COLUMNS = 7 };

/** Read NOTIFICATION_COLUMNS, which begin at column `first`; texts into the arena. */
void notification_row_read(const struct pg_rows *rows, int row, int first, struct arena *arena,
                           struct app_notification *notification);

#endif
