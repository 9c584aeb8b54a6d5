/* services/backend/handlers/task_handlers.h — the starts of the task flows, for routes.c. */
#ifndef SERVICES_BACKEND_HANDLERS_TASK_HANDLERS_H
#define SERVICES_BACKEND_HANDLERS_TASK_HANDLERS_H

#include "common/net/http_server.h"

http_handler_fn task_create_start, task_update_start, task_complete_start, task_reopen_start,
    task_delete_start, task_restore_start, task_skip_start, task_snooze_start;
http_handler_fn task_get_start, task_list_start, task_batch_start, task_sync_start;
http_handler_fn task_history_start, history_start;
http_handler_fn series_get_start, series_occurrences_start, series_stop_start;
http_handler_fn recurrence_preview_start;

#endif
