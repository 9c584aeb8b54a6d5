#include "services/backend/domain/action_link.h"

#include <string.h>

const char *const action_words[] = {"complete", "snooze_10m", "snooze_1h", "snooze_tomorrow", NULL};

static const int64_t MINUTE_MS = 60000;

static bool find_action(const char *word, enum action *action)
{
    for (int i = 0; word != NULL && action_words[i] != NULL; i++)
        if (strcmp(action_words[i], word) == 0) {
            *action = (enum action)i;
            return true;
        }
    return false;
}

static bool read_id(const char *text, struct uuid *id)
{
    return text != NULL && uuid_read(text, id);
}

bool action_link_read(const struct action_claims *claims, struct arena *arena,
                      struct action_link *link, struct err *err)
{
    const size_t n_jti = claims->jti == NULL ? 0 : strlen(claims->jti);

    *link = (struct action_link){0};
    if (!find_action(claims->action, &link->action) || !read_id(claims->subject, &link->owner_id) ||
        !read_id(claims->task_id, &link->task_id) || n_jti == 0 || n_jti > ACTION_JTI_MAX)
        return err_set(err, ERR_INVALID, "the link says no action");
    if (link->action != ACTION_COMPLETE && !read_id(claims->reminder_id, &link->reminder_id))
        return err_set(err, ERR_INVALID, "the link names no reminder");
    link->generation = claims->generation;
    link->key = arena_format(arena, ACTION_KEY_PREFIX "%s", claims->jti);
    return true;
}

enum task_op action_link_op(const struct action_link *link, struct task_snooze *snooze)
{
    *snooze =
        (struct task_snooze){.reminder_id = link->reminder_id, .generation = link->generation};
    switch (link->action) {
    case ACTION_COMPLETE:
        return TASK_COMPLETE;
    case ACTION_SNOOZE_10M:
        snooze->for_ms = 10 * MINUTE_MS;
        break;
    case ACTION_SNOOZE_1H:
        snooze->for_ms = 60 * MINUTE_MS;
        break;
    case ACTION_SNOOZE_TOMORROW:
        snooze->to_morning = true;
        break;
    }
    return TASK_SNOOZE;
}
