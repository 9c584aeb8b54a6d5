#include "services/backend/domain/task_input.h"

#include <stdio.h>
#include <string.h>

#include "common/recurrence/rule.h"
#include "services/backend/domain/task_text.h"

const char *const task_scope_words[] = {"this", "this_and_later", NULL};

/* in the order of enum task_field */
#define INPUT_FIELDS(title_flag)                                                                   \
    {                                                                                              \
        JSON_TEXT(struct task, title, "title", (title_flag) | JSON_ONE_LINE, 1, TASK_TITLE_MAX),   \
            JSON_TEXT(struct task, description, "description", JSON_NULLABLE, 0,                   \
                      TASK_DESCRIPTION_MAX),                                                       \
            JSON_ENUM(struct task, priority, "priority", JSON_NULLABLE, task_priority_words),      \
            JSON_TEXTS(struct task, tags, "tags", JSON_NULLABLE | JSON_ONE_LINE, TASK_TAGS_MAX, 1, \
                       TASK_TAG_MAX),                                                              \
            JSON_TIME(struct task, due_at, "due_at", JSON_NULLABLE),                               \
            JSON_TEXT(struct task, time_zone, "time_zone", JSON_NULLABLE | JSON_ONE_LINE, 1,       \
                      TASK_ZONE_MAX),                                                              \
            JSON_TEXT(struct task, recurrence, "recurrence", JSON_NULLABLE | JSON_ONE_LINE, 1,     \
                      TASK_RECURRENCE_MAX),                                                        \
            JSON_ENUM(struct task, anchor, "anchor", JSON_NULLABLE, task_anchor_words),            \
            JSON_ENUM(struct task, missed, "missed", JSON_NULLABLE, task_missed_words),            \
            JSON_RAWS(struct task, reminders, "reminders", JSON_NULLABLE, TASK_REMINDERS_MAX),     \
    }

static const struct json_field new_fields[] = INPUT_FIELDS(JSON_REQUIRED);
static const struct json_field patch_fields[] = INPUT_FIELDS(JSON_OPTIONAL);
enum { N_FIELDS = sizeof(new_fields) / sizeof(new_fields[0]) };

const struct json_reading task_new_reading = {.fields = new_fields, .n_fields = N_FIELDS};
const struct json_reading task_patch_reading = {.fields = patch_fields, .n_fields = N_FIELDS};

_Static_assert(TASK_FIELD_REMINDERS + 1 == N_FIELDS, "each field has its name");

bool task_patch_has(const struct task_patch *patch, enum task_field field)
{
    return (patch->present >> field & 1) != 0;
}

/* Say what is wrong with a field, its path before its name. */
#define add_field(err, patch, field, ...)                                                          \
    add_field_at((err), (patch), new_fields[field].name, __VA_ARGS__)

static bool PRINTF_LIKE(4, 5) add_field_at(struct err *err, const struct task_patch *patch,
                                           const char *name, const char *format, ...)
{
    char full[ERR_FIELD_MAX];
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(full, sizeof full, "%s%s", patch->path == NULL ? "" : patch->path, name);
    return err_add_field(err, full, "%s", text);
}

static bool check_title(struct task_patch *patch, struct arena *arena, struct err *err)
{
    struct task *task = &patch->task;

    if (!task_text_is_one_line(task->title))
        return add_field(err, patch, TASK_FIELD_TITLE, "has a line end; it is one line");
    task->title = task_text_trim(task->title, arena);
    if (task->title[0] == '\0')
        return add_field(err, patch, TASK_FIELD_TITLE,
                         "has nothing but white space; at least 1 character");
    return true;
}

static bool has_tag(const struct json_texts *tags, const char *fold, struct arena *arena)
{
    for (size_t i = 0; i < tags->n_items; i++)
        if (strcmp(task_text_fold(tags->items[i], arena), fold) == 0)
            return true;
    return false;
}

static bool check_tags(struct task_patch *patch, struct arena *arena, struct err *err)
{
    struct task *task = &patch->task;
    struct json_texts kept = {ARENA_NEW_ARRAY(arena, task->tags.n_items, const char *), 0};
    bool ok = true;

    for (size_t i = 0; i < task->tags.n_items; i++) {
        char *tag = task_text_trim(task->tags.items[i], arena);
        char name[ERR_FIELD_MAX];

        snprintf(name, sizeof name, "tags[%zu]", i);
        if (!task_text_is_one_line(tag))
            ok = add_field_at(err, patch, name, "has a line end; it is one line");
        else if (tag[0] == '\0')
            ok =
                add_field_at(err, patch, name, "has nothing but white space; at least 1 character");
        else if (!has_tag(&kept, task_text_fold(tag, arena), arena))
            kept.items[kept.n_items++] = tag;
    }
    task->tags = kept;
    return ok;
}

/* Bring the rule into its normal form. */
static bool check_recurrence(struct task_patch *patch, struct arena *arena, struct err *err)
{
    struct task *task = &patch->task;
    const char *name = arena_format(arena, "%srecurrence", patch->path == NULL ? "" : patch->path);
    struct rule rule;
    struct buf text;

    if (!rule_read(task->recurrence, name, &rule, err))
        return false;
    buf_init(&text);
    rule_write(&rule, &text);
    task->recurrence = arena_copy_text(arena, buf_text(&text));
    buf_clear(&text);
    return true;
}

/* A patch of the rule is one of all that comes after. */
static bool settle_scope(struct task_patch *patch, struct arena *arena, struct err *err)
{
    const bool is_of_rule = task_patch_has(patch, TASK_FIELD_RECURRENCE) ||
                            task_patch_has(patch, TASK_FIELD_ANCHOR) ||
                            task_patch_has(patch, TASK_FIELD_MISSED);

    if (!is_of_rule)
        return true;
    if (patch->scope == TASK_SCOPE_THIS)
        return err_add_field(
            err, arena_format(arena, "%sscope", patch->scope_path == NULL ? "" : patch->scope_path),
            "is this, but recurrence, anchor and missed are of this_and_later");
    patch->scope = TASK_SCOPE_LATER;
    return true;
}

bool task_patch_check(struct task_patch *patch, struct arena *arena, struct err *err)
{
    struct task *task = &patch->task;
    bool ok = true;

    if (task_patch_has(patch, TASK_FIELD_TITLE))
        ok &= check_title(patch, arena, err);
    if (task->description == NULL)
        task->description = "";
    if (!task_patch_has(patch, TASK_FIELD_PRIORITY) || task->priority < 0)
        task->priority = TASK_PRIORITY_NORMAL;
    ok &= check_tags(patch, arena, err);
    if (task->due_at != 0 && (task->due_at < TASK_TIME_MIN || task->due_at >= TASK_TIME_END))
        ok &= add_field(err, patch, TASK_FIELD_DUE_AT, "is outside the years %d to %d",
                        TASK_YEAR_MIN, TASK_YEAR_MAX);
    if (task->recurrence != NULL)
        ok &= check_recurrence(patch, arena, err);
    ok &= settle_scope(patch, arena, err);
    return task_reminders_read(&task->reminders, patch->path, arena, &patch->reminders, err) && ok;
}

/* Without a rule there is nothing to count from or to miss. */
static bool drop_rule(const struct task_patch *patch, struct task *task, struct err *err)
{
    task->anchor = TASK_ANCHOR_NONE;
    task->missed = TASK_MISSED_NONE;
    if (task_patch_has(patch, TASK_FIELD_ANCHOR) && patch->task.anchor >= 0)
        return add_field(err, patch, TASK_FIELD_ANCHOR, "needs a recurrence");
    if (task_patch_has(patch, TASK_FIELD_MISSED) && patch->task.missed >= 0)
        return add_field(err, patch, TASK_FIELD_MISSED, "needs a recurrence");
    return true;
}

/* The rule, and what goes by it. */
static bool merge_rule(const struct task_patch *patch, const struct task_merge *merge,
                       struct task *task, struct err *err)
{
    const struct task *from = &patch->task;

    if (task_patch_has(patch, TASK_FIELD_RECURRENCE))
        task->recurrence = from->recurrence;
    if (task->recurrence == NULL)
        return drop_rule(patch, task, err);
    if (task_patch_has(patch, TASK_FIELD_ANCHOR))
        task->anchor = from->anchor;
    if (task_patch_has(patch, TASK_FIELD_MISSED))
        task->missed = from->missed;
    if (task->anchor < 0)
        task->anchor = TASK_ANCHOR_DUE;
    if (task->missed < 0)
        task->missed = TASK_MISSED_COLLAPSE;
    if (task->time_zone == NULL)
        task->time_zone = merge->account_zone == NULL ? "UTC" : merge->account_zone;
    if (task->due_at != 0)
        return true;
    if (task_patch_has(patch, TASK_FIELD_RECURRENCE))
        return add_field(err, patch, TASK_FIELD_RECURRENCE, "needs a due_at");
    return add_field(err, patch, TASK_FIELD_DUE_AT, "must not be null while there is a recurrence");
}

/* The reminders that were sent, among those there are, which move with the due date. */
static bool merge_reminders(const struct task_patch *patch, const struct task_merge *merge,
                            const struct task *before, struct task *task, struct err *err)
{
    const struct reminder_list *list = &patch->reminders;

    if (task_patch_has(patch, TASK_FIELD_REMINDERS) && task->due_at == 0)
        for (size_t i = 0; i < list->n_reminders; i++)
            if (list->reminders[i].offset != NULL)
                return add_field(err, patch, TASK_FIELD_REMINDERS,
                                 "has the offset %s, which needs a due_at",
                                 list->reminders[i].offset);
    task_reminders_follow(before, task, merge->now_ms, merge->arena);
    if (task_patch_has(patch, TASK_FIELD_REMINDERS))
        task_reminders_set(task, list, merge->now_ms, merge->arena);
    return true;
}

bool task_patch_merge(const struct task_patch *patch, const struct task_merge *merge,
                      struct task *task, struct err *err)
{
    const struct task *from = &patch->task;
    const struct task before = *task;

    if (task_patch_has(patch, TASK_FIELD_TITLE))
        task->title = from->title;
    if (task_patch_has(patch, TASK_FIELD_DESCRIPTION))
        task->description = from->description;
    if (task_patch_has(patch, TASK_FIELD_PRIORITY))
        task->priority = from->priority;
    if (task_patch_has(patch, TASK_FIELD_TAGS))
        task->tags = from->tags;
    if (task_patch_has(patch, TASK_FIELD_DUE_AT))
        task->due_at = from->due_at;
    if (task_patch_has(patch, TASK_FIELD_TIME_ZONE))
        task->time_zone = from->time_zone;
    else if (task->due_at == 0)
        task->time_zone = NULL;
    if (task->time_zone != NULL && task->due_at == 0)
        return add_field(err, patch, TASK_FIELD_TIME_ZONE, "needs a due_at");
    return merge_rule(patch, merge, task, err) && merge_reminders(patch, merge, &before, task, err);
}
