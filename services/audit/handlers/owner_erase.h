/* services/audit/handlers/owner_erase.h — user.deleted: the chain stays whole, its content goes. */
#ifndef SERVICES_AUDIT_HANDLERS_OWNER_ERASE_H
#define SERVICES_AUDIT_HANDLERS_OWNER_ERASE_H

#include "common/dapr/deliver.h"

event_handler_fn owner_erase_start;

#endif
