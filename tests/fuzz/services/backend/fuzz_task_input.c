/* tests/fuzz/services/backend/fuzz_task_input.c — what a client sends about tasks: a body, the
 * parameters of a list with its cursor, entity tags, an Idempotency-Key. The first byte of the input
 * says which. What is let in keeps the rules, and comes through a second time unchanged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
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

static void read_body(const char *text, size_t n_bytes, bool is_new, struct arena *arena)
{
    struct task_patch patch = {0};
    struct json_reading reading = is_new ? task_new_reading : task_patch_reading;
    struct task task, again;
    struct err err = {0};
    bool has_changed;

    reading.present = &patch.present;
    if (!json_read(text, n_bytes, &reading, arena, &patch.task, &err) ||
        !task_patch_check(&patch, arena, &err)) {
        must(err.code == ERR_INVALID && err.text[0] != '\0');
        return;
    }
    if (!is_new || !task_op_create(&patch, uuid_new(1), uuid_new(1), 1000, &task, &err))
        return;
    check_line(task.title, TASK_TITLE_MAX);
    must(strcmp(task_text_trim(task.title, arena), task.title) == 0);
    must(task.tags.n_items <= TASK_TAGS_MAX);
    for (size_t i = 0; i < task.tags.n_items; i++)
        check_line(task.tags.items[i], TASK_TAG_MAX);
    must(task.time_zone == NULL || task.due_at != 0);
    again = task;
    must(task_op_apply(TASK_UPDATE, &patch, 2000, &again, &has_changed, &err) && !has_changed);
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
