/* services/recurring-task/handlers/preview.h — POST /internal/preview: what a rule means. */
#ifndef SERVICES_RECURRING_TASK_HANDLERS_PREVIEW_H
#define SERVICES_RECURRING_TASK_HANDLERS_PREVIEW_H

#include "common/net/http_server.h"

http_handler_fn preview_start;

#endif
