/* services/audit/handlers/history_list.h — GET /internal/history, for backend alone. */
#ifndef SERVICES_AUDIT_HANDLERS_HISTORY_LIST_H
#define SERVICES_AUDIT_HANDLERS_HISTORY_LIST_H

#include "common/net/http_server.h"

http_handler_fn history_list_start;

#endif
