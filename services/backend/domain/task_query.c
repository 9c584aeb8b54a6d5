#include "services/backend/domain/task_query.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/json/json_field.h"
#include "services/backend/domain/task_text.h"

const char *const task_sort_words[] = {"created", "due", "priority", "title", NULL};
const char *const task_order_words[] = {"asc", "desc", NULL};
static const char *const bool_words[] = {"false", "true", NULL};

const char *const task_query_names[] = {
    "status", "priority", "tag",  "series_id", "due_after", "due_before", "overdue",
    "trash",  "q",        "sort", "order",     "limit",     "cursor",     NULL};

/* Newest and most urgent first, else the natural order. */
static const enum task_order usual_order[TASK_N_SORTS] = {
    [TASK_SORT_CREATED] = TASK_DESCENDING,
    [TASK_SORT_DUE] = TASK_ASCENDING,
    [TASK_SORT_PRIORITY] = TASK_DESCENDING,
    [TASK_SORT_TITLE] = TASK_ASCENDING,
};

enum { FINGERPRINT_BYTES = 16, FINGERPRINT_SIZE = 23, CURSOR_MAX = 4096 };

/* The cursor: base64url of this as JSON. */
struct cursor {
    const char *fingerprint; /* of the filters and the order that it belongs to */
    struct task_position after;
};
static const struct json_field cursor_fields[] = {
    JSON_TEXT(struct cursor, fingerprint, "f", JSON_REQUIRED, 1, FINGERPRINT_SIZE),
    JSON_UUID(struct cursor, after.id, "id", JSON_REQUIRED),
    JSON_INT(struct cursor, after.number, "n", JSON_REQUIRED, 0, INT64_C(253402300799999)),
    JSON_TEXT(struct cursor, after.title, "t", JSON_REQUIRED | JSON_NULLABLE, 0, TASK_TITLE_MAX),
};
enum { N_CURSOR_FIELDS = sizeof(cursor_fields) / sizeof(cursor_fields[0]) };

void task_query_init(struct task_query *query)
{
    *query = (struct task_query){
        .status = -1,
        .priority = -1,
        .is_overdue = -1,
        .sort = TASK_SORT_CREATED,
        .order = -1,
        .limit = TASK_QUERY_LIMIT_INITIAL,
    };
}

static bool take_word(const char *name, const char *value, const char *const *words, int *member,
                      struct err *err)
{
    char all[ERR_TEXT_MAX] = "";
    size_t length = 0;

    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], value) == 0) {
            *member = i;
            return true;
        }
        length += (size_t)snprintf(all + length, sizeof all - length, "%s%s", i == 0 ? "" : ", ",
                                   words[i]);
    }
    return err_add_field(err, name, "must be one of: %s", all);
}

static bool take_time(const char *name, const char *value, int64_t *member, struct err *err)
{
    if (clock_read(value, member) && *member != 0)
        return true;
    return err_add_field(err, name,
                         "must be an instant like 2026-11-21T09:46:00Z (RFC 3339), with a zone "
                         "(a + in it as %%2B), in the years 1970 to 9999");
}

static bool take_text(const char *name, const char *value, size_t max, struct arena *arena,
                      const char **member, struct err *err)
{
    const char *text = task_text_trim(value, arena);
    size_t length = utf8_count(text);

    if (length == 0 || length > max)
        return err_add_field(err, name, "is %zu characters long; must be 1 to %zu", length, max);
    *member = text;
    return true;
}

static bool take_limit(const char *value, int64_t *limit, struct err *err)
{
    size_t n_digits = strspn(value, "0123456789");
    long number =
        n_digits > 0 && n_digits < 10 && value[n_digits] == '\0' ? strtol(value, NULL, 10) : 0;

    if (number < 1 || number > TASK_QUERY_LIMIT_MAX)
        return err_add_field(err, "limit", "must be a whole number from 1 to %d",
                             TASK_QUERY_LIMIT_MAX);
    *limit = number;
    return true;
}

enum task_order task_query_order(const struct task_query *query)
{
    return query->order >= 0 ? (enum task_order)query->order : usual_order[query->sort];
}

/* Filters and order in 22 characters. */
static void write_fingerprint(const struct task_query *query, char fingerprint[FINGERPRINT_SIZE])
{
    const int64_t numbers[] = {query->is_trash,  query->status,          query->priority,
                               query->due_after, query->due_before,      query->is_overdue,
                               query->sort,      task_query_order(query)};
    const char *tag = query->tag_key == NULL ? "" : query->tag_key;
    const char *text = query->text == NULL ? "" : query->text;
    unsigned char hash[FINGERPRINT_BYTES];
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)numbers, sizeof numbers);
    crypto_generichash_update(&state, (const unsigned char *)tag, strlen(tag) + 1);
    crypto_generichash_update(&state, (const unsigned char *)query->series_id.text,
                              strlen(query->series_id.text) + 1);
    crypto_generichash_update(&state, (const unsigned char *)text, strlen(text) + 1);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2base64(fingerprint, FINGERPRINT_SIZE, hash, sizeof hash,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static bool read_cursor(const char *text, struct arena *arena, struct cursor *cursor)
{
    const struct json_reading reading = {.fields = cursor_fields, .n_fields = N_CURSOR_FIELDS};
    size_t length = strlen(text), n_bytes;
    unsigned char *json;
    struct err ignored = {0};

    if (length > CURSOR_MAX)
        return false;
    json = arena_new(arena, length + 1);
    if (sodium_base642bin(json, length, text, length, NULL, &n_bytes, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return false;
    return json_read((const char *)json, n_bytes, &reading, arena, cursor, &ignored);
}

static bool take_cursor(struct task_query *query, const char *text, struct arena *arena,
                        struct err *err)
{
    char fingerprint[FINGERPRINT_SIZE];
    struct cursor cursor = {0};

    if (!read_cursor(text, arena, &cursor) ||
        (query->sort == TASK_SORT_TITLE) != (cursor.after.title != NULL))
        return err_add_field(err, "cursor", "is not one that this list gave");
    write_fingerprint(query, fingerprint);
    if (strcmp(cursor.fingerprint, fingerprint) != 0)
        return err_add_field(err, "cursor",
                             "belongs to a list with other filters or another order");
    query->after = cursor.after;
    return true;
}

bool task_query_take(struct task_query *query, const char *name, const char *value,
                     struct arena *arena, struct err *err)
{
    const struct {
        const char *name;
        const char *const *words;
        int *member;
    } choices[] = {
        {"status", task_status_words, &query->status},
        {"priority", task_priority_words, &query->priority},
        {"overdue", bool_words, &query->is_overdue},
        {"trash", bool_words, &query->is_trash},
        {"sort", task_sort_words, &query->sort},
        {"order", task_order_words, &query->order},
    };

    if (value == NULL)
        return true;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if (strcmp(choices[i].name, name) == 0)
            return take_word(name, value, choices[i].words, choices[i].member, err);
    if (strcmp(name, "due_after") == 0)
        return take_time(name, value, &query->due_after, err);
    if (strcmp(name, "due_before") == 0)
        return take_time(name, value, &query->due_before, err);
    if (strcmp(name, "series_id") == 0)
        return uuid_read(value, &query->series_id) || err_add_field(err, name, "must be a UUID");
    if (strcmp(name, "limit") == 0)
        return take_limit(value, &query->limit, err);
    if (strcmp(name, "q") == 0)
        return take_text(name, value, TASK_QUERY_TEXT_MAX, arena, &query->text, err);
    if (strcmp(name, "cursor") == 0)
        return take_cursor(query, value, arena, err);
    assert(strcmp(name, "tag") == 0);
    if (!take_text(name, value, TASK_TAG_MAX, arena, &query->tag_key, err))
        return false;
    query->tag_key = task_text_fold(query->tag_key, arena);
    return true;
}

const char *task_query_cursor(const struct task_query *query, const struct task *last,
                              struct arena *arena)
{
    char fingerprint[FINGERPRINT_SIZE];
    const struct cursor cursor = {
        .fingerprint = fingerprint,
        .after = {.id = last->id,
                  .number = query->sort == TASK_SORT_DUE        ? last->due_at
                            : query->sort == TASK_SORT_PRIORITY ? last->priority
                                                                : 0,
                  .title = query->sort == TASK_SORT_TITLE ? last->title : NULL},
    };
    struct buf buf;
    size_t size;
    char *text;

    write_fingerprint(query, fingerprint);
    buf_init(&buf);
    json_write_object(&buf, cursor_fields, N_CURSOR_FIELDS, &cursor);
    size = sodium_base64_encoded_len(buf.n_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    text = arena_new(arena, size);
    sodium_bin2base64(text, size, (const unsigned char *)buf.bytes, buf.n_bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buf_clear(&buf);
    return text;
}
