/* tests/fuzz/services/backend/fuzz_task_input.c — what a client sends about tasks: a body, the
 * parameters of a list with its cursor, entity tags, an Idempotency-Key. The first byte of the input
 * says which. What is let in keeps the rules, and comes through a second time unchanged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/recurrence/zone.h"
#include "services/backend/domain/etag.h"
#include "services/backend/domain/idempotency.h"
#include "services/backend/domain/task_op.h"
#include "services/backend/domain/task_query.h"
#include "services/backend/domain/task_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);

static void must(bool is_true)
{
    if (!is_true)
        abort();
}

static void check_line(const char *text, size_t max)
{
    must(utf8_is_valid(text, strlen(text)));
    must(utf8_count(text) >= 1 && utf8_count(text) <= max);
    must(task_text_is_one_line(text));
}

/* What was let in keeps the rules, and the same once more changes nothing. */
static void check_new(struct task_deed *deed, const struct task *task, struct series *series,
                      struct arena *arena)
{
    struct task again = *task;
    struct err err = {0};
    bool has_changed;

    check_line(task->title, TASK_TITLE_MAX);
    must(strcmp(task_text_trim(task->title, arena), task->title) == 0);
    must(task->tags.n_items <= TASK_TAGS_MAX);
    for (size_t i = 0; i < task->tags.n_items; i++)
        check_line(task->tags.items[i], TASK_TAG_MAX);
    must(task->time_zone == NULL || task->due_at != 0);
    must((task->recurrence != NULL) == series_is_there(series));
    must(task->recurrence == NULL || (task->due_at != 0 && task->time_zone != NULL));
    must(task->reminders.n_items <= TASK_REMINDERS_MAX);
    deed->op = TASK_UPDATE;
    deed->now_ms = 2000;
    must(task_op_apply(deed, &again, series, &has_changed, &err) && !has_changed);
}

/* UTC as TZif (RFC 8536) has it: two empty tables, and the footer. */
#define TZIF_HEAD                                                                                  \
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
#define TZIF_UTC "\0\0\0\0\0\0UTC\0"
static const char utc_bytes[] = TZIF_HEAD TZIF_UTC TZIF_HEAD TZIF_UTC "\nUTC0\n";

static void read_body(const char *text, size_t n_bytes, bool is_new, struct arena *arena)
{
    struct task_patch patch = {0};
    struct json_reading reading = is_new ? task_new_reading : task_patch_reading;
    struct task_deed deed = {.op = TASK_CREATE, .patch = &patch, .now_ms = 1000, .arena = arena};
    struct series series;
    struct zone *utc;
    struct task task;
    struct err err = {0};

    reading.present = &patch.present;
    if (!json_read(text, n_bytes, &reading, arena, &patch.task, &err) ||
        !task_patch_check(&patch, arena, &err)) {
        must(err.code == ERR_INVALID && err.text[0] != '\0');
        return;
    }
    if (!is_new)
        return;
    utc = zone_new(utc_bytes, sizeof utc_bytes - 1, &err);
    must(utc != NULL);
    deed.zone = utc;
    if (task_op_create(&deed, uuid_new(1), uuid_new(1), &task, &series, &err))
        check_new(&deed, &task, &series, arena);
    zone_free(utc);
}

static void read_query(const char *value, size_t which, struct arena *arena)
{
    struct task_query query, next;
    struct task last = {.id = uuid_new(1), .due_at = 1, .title = "last"};
    struct err err = {0};
    size_t n_names = 0;

    while (task_query_names[n_names] != NULL)
        n_names++;
    task_query_init(&query);
    if (!task_query_take(&query, task_query_names[which % n_names], value, arena, &err)) {
        must(err.code == ERR_INVALID && err.n_fields == 1);
        return;
    }
    next = query;
    must(task_query_take(&next, "cursor", task_query_cursor(&query, &last, arena), arena, &err));
    must(strcmp(next.after.id.text, last.id.text) == 0);
}

static void read_header(const char *value)
{
    struct idempotency key;
    struct err err = {0};
    bool is_malformed = etag_compare(value, 3, true) == ETAG_MALFORMED;

    must(is_malformed == (etag_compare(value, 3, false) == ETAG_MALFORMED));
    must(idempotency_init(&key, value, "target", "", 0, &err) || err.n_fields == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    struct arena arena;
    const char *text;

    if (n_input < 1)
        return 0;
    arena_init(&arena);
    text = arena_copy_bytes(&arena, input + 1, n_input - 1);
    if (input[0] < 64)
        read_body(text, n_input - 1, input[0] % 2 == 0, &arena);
    else if (input[0] < 80)
        read_header(text);
    else if (utf8_is_valid(text, strlen(text))) /* the server lets no other query through */
        read_query(text, input[0], &arena);
    arena_clear(&arena);
    return 0;
}
