/* services/backend/store/principal_row.h — what of his account goes along with who asks. */
#ifndef SERVICES_BACKEND_STORE_PRINCIPAL_ROW_H
#define SERVICES_BACKEND_STORE_PRINCIPAL_ROW_H

#include "common/pg/pg.h"
#include "services/backend/domain/principal.h"

#define PRINCIPAL_COLUMNS                                                                          \
    "a.time_zone, a.reminder_settings IS NULL, a.reminder_settings->>'default_reminder'"

/** Read PRINCIPAL_COLUMNS of account a, which begin at column `first`. */
void principal_row_read(const struct pg_rows *rows, int row, int first, struct principal *who);

#endif
