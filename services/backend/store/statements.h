/* services/backend/store/statements.h — every statement the backend's pool prepares, listed once. */
#ifndef SERVICES_BACKEND_STORE_STATEMENTS_H
#define SERVICES_BACKEND_STORE_STATEMENTS_H

#include "common/pg/pg.h"

extern const struct pg_statement *const backend_statements[]; /* NULL-terminated */

#endif
