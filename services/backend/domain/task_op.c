#include "services/backend/domain/task_op.h"

#include <assert.h>
#include <string.h>

#include "common/events/event_types.h"

enum verdict { REFUSED, SAME, CHANGES };
enum state { OPEN, COMPLETED, SKIPPED, TRASHED, N_STATES };

const char *const task_op_words[] = {"create", "update", "complete", "reopen", "delete", "restore",
                                     "skip",   "purge",  "stop",     "snooze", "remind", NULL};

/* What an operation does to a task, and to its series. */
typedef bool change_fn(const struct task_deed *deed, struct task *task, struct series *series,
                       struct err *err);
static change_fn update, complete, reopen, put_into_trash, take_out_of_trash, skip, stop, snooze,
    remind;

static const struct {
    const char *event;
    change_fn *change;         /* NULL: nothing but the version */
    bool may_be_same;          /* it may come to what is there already */
    enum verdict in[N_STATES]; /* by state */
} ops[] = {
    /*                                       OPEN     COMPLETED SKIPPED TRASHED */
    [TASK_CREATE] = {EVENT_TASK_CREATED, NULL, false, {REFUSED, REFUSED, REFUSED, REFUSED}},
    [TASK_UPDATE] = {EVENT_TASK_UPDATED, update, true, {CHANGES, CHANGES, CHANGES, REFUSED}},
    [TASK_COMPLETE] = {EVENT_TASK_COMPLETED, complete, false, {CHANGES, SAME, CHANGES, REFUSED}},
    [TASK_REOPEN] = {EVENT_TASK_REOPENED, reopen, false, {SAME, CHANGES, CHANGES, REFUSED}},
    [TASK_DELETE] = {EVENT_TASK_DELETED, put_into_trash, false, {CHANGES, CHANGES, CHANGES, SAME}},
    [TASK_RESTORE] = {EVENT_TASK_RESTORED, take_out_of_trash, false, {SAME, SAME, SAME, CHANGES}},
    [TASK_SKIP] = {EVENT_TASK_SKIPPED, skip, false, {CHANGES, REFUSED, SAME, REFUSED}},
    [TASK_PURGE] = {EVENT_TASK_PURGED, NULL, false, {REFUSED, REFUSED, REFUSED, CHANGES}},
    [TASK_STOP] = {EVENT_TASK_UPDATED, stop, true, {CHANGES, CHANGES, CHANGES, CHANGES}},
    [TASK_SNOOZE] = {EVENT_TASK_UPDATED, snooze, false, {CHANGES, REFUSED, REFUSED, REFUSED}},
    [TASK_REMIND] = {EVENT_TASK_UPDATED, remind, true, {CHANGES, CHANGES, CHANGES, CHANGES}},
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

static const char *account_zone_of(const struct task_deed *deed)
{
    return deed->account_zone == NULL ? "UTC" : deed->account_zone;
}

/* Whether a patch of `task` (NULL: a new one) may begin the rule, or begin it anew. */
static bool may_begin_rule(const struct task_patch *patch, const struct task *task)
{
    if (task_patch_has(patch, TASK_FIELD_RECURRENCE))
        return patch->task.recurrence != NULL;
    return task != NULL && task->recurrence != NULL && patch->scope == TASK_SCOPE_LATER;
}

const char *task_deed_zone(const struct task_deed *deed, const struct task *task)
{
    const struct task_patch *patch = deed->patch;
    const char *zone = task == NULL ? NULL : task->time_zone;

    if (patch != NULL && may_begin_rule(patch, task)) {
        if (task_patch_has(patch, TASK_FIELD_TIME_ZONE))
            zone = patch->task.time_zone;
    } else if (deed->op != TASK_SNOOZE || !deed->snooze->to_morning) {
        return NULL;
    }
    return zone != NULL ? zone : account_zone_of(deed);
}

static struct task_merge merge_of(const struct task_deed *deed)
{
    return (struct task_merge){
        .account_zone = deed->account_zone, .now_ms = deed->now_ms, .arena = deed->arena};
}

bool task_op_create(const struct task_deed *deed, struct uuid id, struct uuid owner_id,
                    struct task *task, struct series *series, struct err *err)
{
    const struct task_merge merge = merge_of(deed);

    *series = series_none;
    *task = task_none;
    task->id = id;
    task->owner_id = owner_id;
    task->description = "";
    task->status = TASK_OPEN;
    task->priority = TASK_PRIORITY_NORMAL;
    task->version = 1;
    task->created_at = task->updated_at = deed->now_ms;
    if (!task_patch_merge(deed->patch, &merge, task, err))
        return false;
    if (task->due_at != 0 && deed->default_reminder != NULL &&
        !task_patch_has(deed->patch, TASK_FIELD_REMINDERS)) {
        const char *offset = deed->default_reminder;
        const struct json_texts offsets = {&offset, 1};

        task_reminders_add(task, &offsets, deed->now_ms, deed->arena);
    }
    if (task->recurrence != NULL)
        series_begin(series, task, deed->zone, deed->now_ms, deed->arena);
    return true;
}

static enum state state_of(const struct task *task)
{
    if (task->deleted_at != 0)
        return TRASHED;
    return task->status == TASK_COMPLETED ? COMPLETED
           : task->status == TASK_SKIPPED ? SKIPPED
                                          : OPEN;
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool is_same_list(const struct json_texts *one, const struct json_texts *other)
{
    if (one->n_items != other->n_items)
        return false;
    for (size_t i = 0; i < one->n_items; i++)
        if (strcmp(one->items[i], other->items[i]) != 0)
            return false;
    return true;
}

static bool is_same(const struct task *one, const struct task *other)
{
    return strcmp(one->title, other->title) == 0 &&
           strcmp(one->description, other->description) == 0 && one->priority == other->priority &&
           is_same_list(&one->tags, &other->tags) && one->due_at == other->due_at &&
           is_same_text(one->time_zone, other->time_zone) &&
           is_same_text(one->recurrence, other->recurrence) && one->anchor == other->anchor &&
           one->missed == other->missed && is_same_list(&one->reminders, &other->reminders);
}

static bool refuse(enum task_op op, enum state state, struct err *err)
{
    if (state == TRASHED)
        return err_set_slug(err, ERR_CONFLICT, "task_in_trash",
                            "the task is in the trash: restore it before you %s it",
                            task_op_words[op]);
    if (op == TASK_PURGE)
        return err_set_slug(err, ERR_CONFLICT, "task_not_in_trash",
                            "the task is not in the trash: delete it before you purge it");
    return err_set_slug(err, ERR_CONFLICT, "task_not_open",
                        "the task is %s: reopen it before you %s it",
                        state == COMPLETED ? "completed" : "skipped", task_op_words[op]);
}

/* Merge the patch, and have the series follow where it is meant for it. */
static bool update(const struct task_deed *deed, struct task *task, struct series *series,
                   struct err *err)
{
    const struct task before = *task;
    const struct task_merge merge = merge_of(deed);
    const struct series_edit edit = {
        .before = &before,
        .patch = deed->patch,
        .zone = deed->zone,
        .now_ms = deed->now_ms,
        .arena = deed->arena,
    };

    if (!task_patch_merge(deed->patch, &merge, task, err))
        return false;
    if (deed->patch->scope != TASK_SCOPE_LATER)
        return true;
    if (series_is_there(series))
        return series_follow(series, &edit, task, err);
    if (task->recurrence != NULL)
        series_begin(series, task, deed->zone, deed->now_ms, deed->arena);
    return true;
}

static bool complete(const struct task_deed *deed, struct task *task, struct series *series,
                     struct err *err)
{
    (void)series, (void)err;
    task->status = TASK_COMPLETED;
    task->completed_at = deed->now_ms;
    return true;
}

static bool skip(const struct task_deed *deed, struct task *task, struct series *series,
                 struct err *err)
{
    (void)series;
    if (task->series_id.text[0] == '\0')
        return err_set_slug(err, ERR_CONFLICT, "task_not_recurring",
                            "the task is no occurrence of a series: nothing comes after it");
    task->status = TASK_SKIPPED;
    task->completed_at = deed->now_ms;
    return true;
}

static bool reopen(const struct task_deed *deed, struct task *task, struct series *series,
                   struct err *err)
{
    (void)deed, (void)series, (void)err;
    task->status = TASK_OPEN;
    task->completed_at = 0;
    return true;
}

static bool put_into_trash(const struct task_deed *deed, struct task *task, struct series *series,
                           struct err *err)
{
    (void)series, (void)err;
    task->deleted_at = deed->now_ms;
    return true;
}

static bool take_out_of_trash(const struct task_deed *deed, struct task *task,
                              struct series *series, struct err *err)
{
    (void)deed, (void)series, (void)err;
    task->deleted_at = 0;
    return true;
}

static bool stop(const struct task_deed *deed, struct task *task, struct series *series,
                 struct err *err)
{
    bool has_changed;

    return series_stop(series, task, deed->now_ms, &has_changed, err);
}

static bool snooze(const struct task_deed *deed, struct task *task, struct series *series,
                   struct err *err)
{
    const struct task_snooze *how = deed->snooze;
    int64_t until = how->until;

    (void)series;
    if (how->to_morning)
        until = task_reminders_morning(deed->zone, deed->morning, deed->now_ms);
    else if (how->for_ms != 0)
        until = deed->now_ms + how->for_ms;
    if (until <= deed->now_ms)
        return err_add_field(err, "until", "must be in the future");
    if (until >= TASK_TIME_END)
        return err_add_field(err, "until", "is outside the years %d to %d", TASK_YEAR_MIN,
                             TASK_YEAR_MAX);
    return task_reminders_snooze(task, how, until, deed->now_ms, deed->arena, err);
}

static bool remind(const struct task_deed *deed, struct task *task, struct series *series,
                   struct err *err)
{
    (void)series, (void)err;
    task_reminders_mark(task, deed->reminded, deed->arena);
    return true;
}

bool task_op_apply(const struct task_deed *deed, struct task *task, struct series *series,
                   bool *has_changed, struct err *err)
{
    const enum state state = state_of(task);
    struct task next = *task;
    struct series next_series = *series;

    assert((deed->op == TASK_UPDATE) == (deed->patch != NULL));
    *has_changed = false;
    if (ops[deed->op].in[state] == REFUSED)
        return refuse(deed->op, state, err);
    if (ops[deed->op].in[state] == SAME)
        return true;
    if (ops[deed->op].change != NULL && !ops[deed->op].change(deed, &next, &next_series, err))
        return false;
    if (ops[deed->op].may_be_same && is_same(task, &next) &&
        next_series.revision == series->revision)
        return true;
    next.version++;
    if (deed->op != TASK_REMIND) /* which is not the user's doing */
        next.updated_at = deed->now_ms;
    *task = next;
    *series = next_series;
    *has_changed = true;
    return true;
}
