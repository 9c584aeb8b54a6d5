/* services/audit/handlers/event_append.c — append one event to its owner's chain, once. */
#include "services/audit/handlers/event_append.h"

#include "services/audit/handlers/append_flow.h"

static const struct flow_plan event_append_plan = {
    .name = "event_append",
    .steps = {append_read_event, append_open_chain, append_seal, append_entry},
    .finish = append_finish,
};

void event_append_start(void *context, struct delivery *delivery)
{
    append_flow_start(context, delivery, sizeof(struct append_flow), &event_append_plan);
}
