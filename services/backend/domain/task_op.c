#include "services/backend/domain/task_op.h"

#include <assert.h>
#include <string.h>

#include "common/events/event_types.h"

enum verdict { REFUSED, SAME, CHANGES };
enum state { OPEN, COMPLETED, TRASHED };

const char *const task_op_words[] = {"create", "update",  "complete", "reopen",
                                     "delete", "restore", "purge",    NULL};

static const struct {
    const char *event;
    enum verdict in[3]; /* by state */
} ops[] = {
    /*                                        OPEN     COMPLETED TRASHED */
    [TASK_CREATE] = {EVENT_TASK_CREATED, {REFUSED, REFUSED, REFUSED}},
    [TASK_UPDATE] = {EVENT_TASK_UPDATED, {CHANGES, CHANGES, REFUSED}},
    [TASK_COMPLETE] = {EVENT_TASK_COMPLETED, {CHANGES, SAME, REFUSED}},
    [TASK_REOPEN] = {EVENT_TASK_REOPENED, {SAME, CHANGES, REFUSED}},
    [TASK_DELETE] = {EVENT_TASK_DELETED, {CHANGES, CHANGES, SAME}},
    [TASK_RESTORE] = {EVENT_TASK_RESTORED, {SAME, SAME, CHANGES}},
    [TASK_PURGE] = {EVENT_TASK_PURGED, {REFUSED, REFUSED, CHANGES}},
};

const char *task_op_event(enum task_op op)
{
    return ops[op].event;
}

struct uuid task_id_new(int64_t now_us)
{
    static const char digits[] = "0123456789abcdef";
    struct uuid id = uuid_new(now_us / 1000);
    const int64_t fraction = now_us % 1000 * 4096 / 1000;

    for (int i = 0; i < 3; i++) /* behind the version's digit */
        id.text[15 + i] = digits[fraction >> (8 - 4 * i) & 15];
    return id;
}

bool task_op_create(const struct task_patch *patch, struct uuid id, struct uuid owner_id,
                    int64_t now_ms, struct task *task, struct err *err)
{
    *task = (struct task){
        .id = id,
        .owner_id = owner_id,
        .description = "",
        .status = TASK_OPEN,
        .priority = TASK_PRIORITY_NORMAL,
        .version = 1,
        .created_at = now_ms,
        .updated_at = now_ms,
        .anchor = TASK_ANCHOR_NONE,
        .missed = TASK_MISSED_NONE,
    };
    return task_patch_merge(patch, task, err);
}

static enum state state_of(const struct task *task)
{
    if (task->deleted_at != 0)
        return TRASHED;
    return task->status == TASK_COMPLETED ? COMPLETED : OPEN;
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool is_same(const struct task *one, const struct task *other)
{
    if (one->tags.n_items != other->tags.n_items)
        return false;
    for (size_t i = 0; i < one->tags.n_items; i++)
        if (strcmp(one->tags.items[i], other->tags.items[i]) != 0)
            return false;
    return strcmp(one->title, other->title) == 0 &&
           strcmp(one->description, other->description) == 0 && one->priority == other->priority &&
           one->due_at == other->due_at && is_same_text(one->time_zone, other->time_zone);
}

static bool refuse(enum task_op op, enum state state, struct err *err)
{
    if (state == TRASHED)
        return err_set_slug(err, ERR_CONFLICT, "task_in_trash",
                            "the task is in the trash: restore it before you %s it",
                            task_op_words[op]);
    return err_set_slug(err, ERR_CONFLICT, "task_not_in_trash",
                        "the task is not in the trash: delete it before you %s it",
                        task_op_words[op]);
}

/* Change what `op` is about. */
static void change(enum task_op op, int64_t now_ms, struct task *task)
{
    switch (op) {
    case TASK_COMPLETE:
        task->status = TASK_COMPLETED;
        task->completed_at = now_ms;
        break;
    case TASK_REOPEN:
        task->status = TASK_OPEN;
        task->completed_at = 0;
        break;
    case TASK_DELETE:
        task->deleted_at = now_ms;
        break;
    case TASK_RESTORE:
        task->deleted_at = 0;
        break;
    case TASK_CREATE:
    case TASK_UPDATE:
    case TASK_PURGE:
        break;
    }
}

bool task_op_apply(enum task_op op, const struct task_patch *patch, int64_t now_ms,
                   struct task *task, bool *has_changed, struct err *err)
{
    enum state state = state_of(task);
    struct task next = *task;

    assert((op == TASK_UPDATE) == (patch != NULL));
    *has_changed = false;
    if (ops[op].in[state] == REFUSED)
        return refuse(op, state, err);
    if (ops[op].in[state] == SAME)
        return true;
    if (op == TASK_UPDATE) {
        if (!task_patch_merge(patch, &next, err))
            return false;
        if (is_same(task, &next))
            return true;
    }
    change(op, now_ms, &next);
    next.version++;
    next.updated_at = now_ms;
    *task = next;
    *has_changed = true;
    return true;
}
