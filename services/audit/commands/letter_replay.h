/* services/audit/commands/letter_replay.h — one dead letter's original, published once more. */
#ifndef SERVICES_AUDIT_COMMANDS_LETTER_REPLAY_H
#define SERVICES_AUDIT_COMMANDS_LETTER_REPLAY_H

#include "common/base/uuid.h"
#include "services/audit/commands/cli.h"

/** Publish the original of letter `id` on its topic, unchanged; then append the replay to the owner's
 *  chain and mark the letter. ERR_INVALID when it cannot be replayed. `done` runs once, never before
 *  returning. Running twice is harmless: consumers know the event's id. */
void letter_replay_start(struct cli *cli, const struct uuid *id, dapr_done_fn *done, void *arg);

#endif
