/* services/audit/handlers/event_append.h — an event of any topic but dead-letters. */
#ifndef SERVICES_AUDIT_HANDLERS_EVENT_APPEND_H
#define SERVICES_AUDIT_HANDLERS_EVENT_APPEND_H

#include "common/dapr/deliver.h"

event_handler_fn event_append_start;

#endif
