/* services/audit/handlers/dead_letter_keep.h — whatever arrives on dead-letters. */
#ifndef SERVICES_AUDIT_HANDLERS_DEAD_LETTER_KEEP_H
#define SERVICES_AUDIT_HANDLERS_DEAD_LETTER_KEEP_H

#include "common/dapr/deliver.h"

event_handler_fn dead_letter_keep_start;

#endif
