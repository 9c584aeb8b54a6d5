#include "services/backend/domain/task_input.h"

#include <stdio.h>
#include <string.h>

#include "services/backend/domain/task_text.h"

/* 2000-01-01 and 2200-01-01, 00:00 UTC */
#define DUE_AT_MIN INT64_C(946684800000)
#define DUE_AT_END INT64_C(7258118400000)

enum { FIELD_TITLE, FIELD_DESCRIPTION, FIELD_PRIORITY, FIELD_TAGS, FIELD_DUE_AT, FIELD_TIME_ZONE };

#define INPUT_FIELDS(title_flag)                                                                   \
    {                                                                                              \
        [FIELD_TITLE] = JSON_TEXT(struct task, title, "title", (title_flag) | JSON_ONE_LINE, 1,    \
                                  TASK_TITLE_MAX),                                                 \
        [FIELD_DESCRIPTION] = JSON_TEXT(struct task, description, "description", JSON_NULLABLE, 0, \
                                        TASK_DESCRIPTION_MAX),                                     \
        [FIELD_PRIORITY] =                                                                         \
            JSON_ENUM(struct task, priority, "priority", JSON_NULLABLE, task_priority_words),      \
        [FIELD_TAGS] = JSON_TEXTS(struct task, tags, "tags", JSON_NULLABLE | JSON_ONE_LINE,        \
                                  TASK_TAGS_MAX, 1, TASK_TAG_MAX),                                 \
        [FIELD_DUE_AT] = JSON_TIME(struct task, due_at, "due_at", JSON_NULLABLE),                  \
        [FIELD_TIME_ZONE] = JSON_TEXT(struct task, time_zone, "time_zone",                         \
                                      JSON_NULLABLE | JSON_ONE_LINE, 1, TASK_ZONE_MAX),            \
    }

static const struct json_field new_fields[] = INPUT_FIELDS(JSON_REQUIRED);
static const struct json_field patch_fields[] = INPUT_FIELDS(JSON_OPTIONAL);
enum { N_FIELDS = sizeof(new_fields) / sizeof(new_fields[0]) };

const struct json_reading task_new_reading = {.fields = new_fields, .n_fields = N_FIELDS};
const struct json_reading task_patch_reading = {.fields = patch_fields, .n_fields = N_FIELDS};

static bool has(const struct task_patch *patch, int field)
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
        return add_field(err, patch, FIELD_TITLE, "has a line end; it is one line");
    task->title = task_text_trim(task->title, arena);
    if (task->title[0] == '\0')
        return add_field(err, patch, FIELD_TITLE,
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

bool task_patch_check(struct task_patch *patch, struct arena *arena, struct err *err)
{
    struct task *task = &patch->task;
    bool ok = true;

    if (has(patch, FIELD_TITLE))
        ok &= check_title(patch, arena, err);
    if (task->description == NULL)
        task->description = "";
    if (!has(patch, FIELD_PRIORITY) || task->priority < 0)
        task->priority = TASK_PRIORITY_NORMAL;
    ok &= check_tags(patch, arena, err);
    if (task->due_at != 0 && (task->due_at < DUE_AT_MIN || task->due_at >= DUE_AT_END))
        ok &= add_field(err, patch, FIELD_DUE_AT, "is outside the years %d to %d", TASK_YEAR_MIN,
                        TASK_YEAR_MAX);
    return ok;
}

bool task_patch_merge(const struct task_patch *patch, struct task *task, struct err *err)
{
    const struct task *from = &patch->task;

    if (has(patch, FIELD_TITLE))
        task->title = from->title;
    if (has(patch, FIELD_DESCRIPTION))
        task->description = from->description;
    if (has(patch, FIELD_PRIORITY))
        task->priority = from->priority;
    if (has(patch, FIELD_TAGS))
        task->tags = from->tags;
    if (has(patch, FIELD_DUE_AT))
        task->due_at = from->due_at;
    if (has(patch, FIELD_TIME_ZONE))
        task->time_zone = from->time_zone;
    else if (task->due_at == 0)
        task->time_zone = NULL;
    if (task->time_zone != NULL && task->due_at == 0)
        return add_field(err, patch, FIELD_TIME_ZONE, "needs a due_at");
    return true;
}
