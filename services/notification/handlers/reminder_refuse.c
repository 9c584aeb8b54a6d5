/* Nobody makes reminders yet. One that comes all the same is from a newer version of this service,
 * and goes to the dead letters: from there it can be replayed to a version that handles it. */
#include "services/notification/handlers/reminder_refuse.h"

void reminder_refuse_start(void *context, struct delivery *delivery)
{
    struct err err = {0};

    (void)context;
    err_set(&err, ERR_INVALID, "type: %s is not handled by this version",
            delivery_event(delivery)->type);
    delivery_finish(delivery, &err);
}
