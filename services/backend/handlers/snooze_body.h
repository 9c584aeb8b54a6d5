/* services/backend/handlers/snooze_body.h — until when a reminder is snoozed, as a client says it. */
#ifndef SERVICES_BACKEND_HANDLERS_SNOOZE_BODY_H
#define SERVICES_BACKEND_HANDLERS_SNOOZE_BODY_H

#include "services/backend/domain/task_reminders.h"
#include "services/backend/request.h"

/** Read the reminder's id in the path and the body: {"for": "PT10M"}, {"to": "tomorrow_morning"} or
 *  {"until": instant}. ERR_NOT_FOUND when the id is no UUID: no reminder has it. */
MUST_CHECK bool snooze_body_read(struct request *request, struct task_snooze *snooze);

#endif
