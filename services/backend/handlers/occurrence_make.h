/* services/backend/handlers/occurrence_make.h — task.recurrence-due: the next occurrence is made. */
#ifndef SERVICES_BACKEND_HANDLERS_OCCURRENCE_MAKE_H
#define SERVICES_BACKEND_HANDLERS_OCCURRENCE_MAKE_H

#include "common/dapr/deliver.h"

event_handler_fn occurrence_make_start;

#endif
