/* services/audit/handlers/owner_erase.c — append the deletion of an account, destroy the owner's
 * payload key with it, then forget what his dead letters say. Each step may run again: the event is
 * only acknowledged after the last. */
#include "services/audit/handlers/owner_erase.h"

#include "services/audit/handlers/append_flow.h"
#include "services/audit/store/dead_letter_store.h"

static flow_step_fn leave_out_content, append_and_erase, erase_letters;
static chain_done_fn on_erased, on_letters_erased;

static const struct flow_plan owner_erase_plan = {
    .name = "owner_erase",
    .steps = {append_read_event, append_open_chain, leave_out_content, append_seal,
              append_and_erase, erase_letters},
    .finish = append_finish,
};

void owner_erase_start(void *context, struct delivery *delivery)
{
    append_flow_start(context, delivery, sizeof(struct append_flow), &owner_erase_plan);
}

/** Nobody could read it after this. */
static enum flow_next leave_out_content(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;

    append->content = NULL;
    return FLOW_NEXT;
}

static enum flow_next append_and_erase(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;

    chain_store_erase(append->pool, &flow->arena, &append->append, on_erased, append);
    return FLOW_WAIT;
}

static void on_erased(void *arg, const struct err *err)
{
    struct append_flow *append = arg;

    flow_resume(&append->flow, err);
}

/** In a statement of its own: one that waited for the head would not see the letters that were kept
 *  while it waited. */
static enum flow_next erase_letters(struct flow *flow)
{
    struct append_flow *append = (struct append_flow *)flow;

    dead_letter_store_erase(append->pool, &flow->arena, &append->entry.owner_id, on_letters_erased,
                            append);
    return FLOW_WAIT;
}

static void on_letters_erased(void *arg, const struct err *err)
{
    struct append_flow *append = arg;

    flow_resume(&append->flow, err);
}
