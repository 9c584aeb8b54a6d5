#include "services/backend/domain/series.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/recurrence/local_time.h"
#include "common/recurrence/rule.h"
#include "common/recurrence/zone.h"
#include "services/backend/domain/task_reminders.h"

const struct series series_none = {.anchor = TASK_ANCHOR_NONE, .missed = TASK_MISSED_NONE};

bool series_is_there(const struct series *series)
{
    return series->id.text[0] != '\0';
}

/* A rule that goes on from `task` has as many occurrences left as it had. */
static const char *count_left(const struct series *series, const struct task *task,
                              struct arena *arena)
{
    struct err ignored = {0};
    struct rule rule;
    struct buf text;
    const char *left;

    if (series->recurrence == NULL || strcmp(series->recurrence, task->recurrence) != 0 ||
        !rule_read(task->recurrence, "recurrence", &rule, &ignored) || rule.count == 0)
        return task->recurrence;
    rule.count -= (int)(task->occurrence - series->from);
    rule.count = rule.count < 1 ? 1 : rule.count;
    buf_init(&text);
    rule_write(&rule, &text);
    left = arena_copy_bytes(arena, text.bytes, text.n_bytes);
    buf_clear(&text);
    return left;
}

/* Begin the rule (anew) at `task`: its due date is what the clock on the wall shows there. */
static void begin_rule(struct series *series, struct task *task, const struct zone *zone,
                       struct arena *arena)
{
    const struct local_time local = zone_local(zone, task->due_at);
    char start[LOCAL_TIME_SIZE];

    assert(task->recurrence != NULL && task->due_at != 0 && task->time_zone != NULL);
    local_time_write(&local, start);
    task->series_version = ++series->version;
    task->series_start = arena_copy_text(arena, start);
    task->series_from = task->occurrence;
    task->scheduled_at = task->due_at;
    series->recurrence = task->recurrence = count_left(series, task, arena);
    series->anchor = task->anchor;
    series->missed = task->missed;
    series->time_zone = task->time_zone;
    series->start = task->series_start;
    series->from = task->series_from;
    series->stopped_at = 0;
}

void series_begin(struct series *series, struct task *task, const struct zone *zone, int64_t now_ms,
                  struct arena *arena)
{
    *series = (struct series){
        .id = uuid_new(now_ms),
        .revision = 1,
        .last_occurrence = 1,
        .newest_id = task->id,
        .title = task->title,
        .description = task->description,
        .priority = task->priority,
        .tags = task->tags,
        .offsets = task_reminders_offsets(task, arena),
        .created_at = now_ms,
    };
    task->series_id = series->id;
    task->occurrence = 1;
    begin_rule(series, task, zone, arena);
}

static bool check_newest(const struct series *series, const struct task *task, struct err *err)
{
    if (strcmp(series->newest_id.text, task->id.text) == 0)
        return true;
    return err_set_slug(err, ERR_CONFLICT, "not_newest_occurrence",
                        "only the newest occurrence changes its series: number %" PRId64
                        ", the task %s",
                        series->last_occurrence, series->newest_id.text);
}

static void end_rule(struct series *series, struct task *task, int64_t now_ms)
{
    series->stopped_at = now_ms;
    task->series_version = ++series->version;
    task->recurrence = NULL;
    task->anchor = TASK_ANCHOR_NONE;
    task->missed = TASK_MISSED_NONE;
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool has_same_rule(const struct task *one, const struct task *other)
{
    return is_same_text(one->recurrence, other->recurrence) && one->anchor == other->anchor &&
           one->missed == other->missed && one->due_at == other->due_at &&
           is_same_text(one->time_zone, other->time_zone);
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

/* Give the template the fields of the patch, as they are in the task; return whether it is another
 * then. */
static bool change_template(struct series *series, const struct task *task,
                            const struct task_patch *patch, struct arena *arena)
{
    const struct series old = *series;

    if (task_patch_has(patch, TASK_FIELD_TITLE))
        series->title = task->title;
    if (task_patch_has(patch, TASK_FIELD_DESCRIPTION))
        series->description = task->description;
    if (task_patch_has(patch, TASK_FIELD_PRIORITY))
        series->priority = task->priority;
    if (task_patch_has(patch, TASK_FIELD_TAGS))
        series->tags = task->tags;
    if (task_patch_has(patch, TASK_FIELD_REMINDERS))
        series->offsets = task_reminders_offsets(task, arena);
    return strcmp(old.title, series->title) != 0 ||
           strcmp(old.description, series->description) != 0 || old.priority != series->priority ||
           !is_same_list(&old.tags, &series->tags) || !is_same_list(&old.offsets, &series->offsets);
}

bool series_follow(struct series *series, const struct series_edit *edit, struct task *task,
                   struct err *err)
{
    bool has_changed;

    if (!check_newest(series, task, err))
        return false;
    has_changed = change_template(series, task, edit->patch, edit->arena);
    if (task->recurrence == NULL) {
        if (series->stopped_at == 0) {
            end_rule(series, task, edit->now_ms);
            has_changed = true;
        }
    } else if (series->stopped_at != 0 || !has_same_rule(edit->before, task)) {
        begin_rule(series, task, edit->zone, edit->arena);
        has_changed = true;
    }
    series->revision += has_changed;
    return true;
}

bool series_stop(struct series *series, struct task *task, int64_t now_ms, bool *has_changed,
                 struct err *err)
{
    *has_changed = false;
    if (!check_newest(series, task, err))
        return false;
    if (series->stopped_at != 0)
        return true;
    end_rule(series, task, now_ms);
    series->revision++;
    *has_changed = true;
    return true;
}

enum series_verdict series_judge(const struct series *series, const struct task *newest,
                                 const struct recurrence_due *due)
{
    if (!series_is_there(series) || series->stopped_at != 0 ||
        due->series_version != series->version)
        return SERIES_STALE;
    if (due->occurrence != series->last_occurrence + 1)
        return SERIES_NOT_NEXT;
    return newest != NULL && newest->status == TASK_OPEN && newest->deleted_at != 0 ? SERIES_TRASHED
                                                                                    : SERIES_MAKES;
}

void series_make_next(struct series *series, const struct recurrence_due *due,
                      const struct series_birth *birth, struct task *task)
{
    *task = task_none;
    task->id = birth->id;
    task->owner_id = birth->owner_id;
    task->title = series->title;
    task->description = series->description;
    task->status = TASK_OPEN;
    task->priority = series->priority;
    task->tags = series->tags;
    task->due_at = due->due_at;
    task->time_zone = series->time_zone;
    task->recurrence = series->recurrence;
    task->anchor = series->anchor;
    task->missed = series->missed;
    task->series_id = series->id;
    task->series_version = series->version;
    task->occurrence = due->occurrence;
    task->series_start = series->start;
    task->series_from = series->from;
    task->scheduled_at = due->due_at;
    task->version = 1;
    task->created_at = task->updated_at = birth->now_ms;
    /* the user set them when he began the series: an occurrence may come at the very instant it is
     * due, and is reminded of then */
    task_reminders_add(task, &series->offsets, series->created_at, birth->arena);
    task_reminders_begin(task, birth->now_ms, birth->arena);
    series->last_occurrence = due->occurrence;
    series->newest_id = birth->id;
    series->revision++;
}
