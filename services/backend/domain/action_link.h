/* services/backend/domain/action_link.h — the links in mails: one action on one task, once. What they
 * say, and what the page behind them does. */
#ifndef SERVICES_BACKEND_DOMAIN_ACTION_LINK_H
#define SERVICES_BACKEND_DOMAIN_ACTION_LINK_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "services/backend/domain/task_op.h"

/* What a used link leaves behind is a kept reply with this before its jti; it stays longer than a link
 * is valid (notification signs them for 7 days). */
#define ACTION_KEY_PREFIX "action:"
enum { ACTION_KEPT_DAYS = 8, ACTION_JTI_MAX = 100 };

enum action { ACTION_COMPLETE, ACTION_SNOOZE_10M, ACTION_SNOOZE_1H, ACTION_SNOOZE_TOMORROW };
extern const char *const action_words[]; /* "complete", "snooze_10m", …, NULL */

/** What a token says. Borrowed. */
struct action_claims {
    const char *subject, *jti, *action, *task_id, *reminder_id;
    int64_t generation; /* of the reminder; 0: not said, by a mail from before it was */
};

struct action_link {
    enum action action;
    struct uuid owner_id, task_id;
    struct uuid reminder_id; /* none of ACTION_COMPLETE */
    int64_t generation;      /* that the mail was about; 0: not known */
    const char *key;         /* ACTION_KEY_PREFIX and the jti */
};

/** Read what a verified token says. Fail with ERR_INVALID when it says no action that we know. */
MUST_CHECK bool action_link_read(const struct action_claims *claims, struct arena *arena,
                                 struct action_link *link, struct err *err);

/** Return what is to be done; of a snooze fill `*snooze`. */
enum task_op action_link_op(const struct action_link *link, struct task_snooze *snooze);

#endif
