/* tests/fuzz/fuzz_json_read.c — any bytes into json_read and its relatives.
 *
 * Beyond not crashing: what is read can be written and is then read as the same again, and what our
 * scanner accepts cJSON accepts too. */
#include <assert.h>
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "common/base/uuid.h"
#include "common/json/json_field.h"
#include "common/json/json_out.h"

struct thing {
    const char *text;
    int64_t number;
    bool flag;
    int64_t at;
    int word;
    struct uuid id;
    struct json_texts texts;
    const char *raw;
    struct json_texts raws;
};

static const char *const words[] = {"one", "two", NULL};
static const struct json_field fields[] = {
    JSON_TEXT(struct thing, text, "t", JSON_NULLABLE, 0, 20),
    JSON_INT(struct thing, number, "n", JSON_OPTIONAL, INT64_MIN, INT64_MAX),
    JSON_BOOL(struct thing, flag, "b", JSON_OPTIONAL),
    JSON_TIME(struct thing, at, "at", JSON_NULLABLE),
    JSON_ENUM(struct thing, word, "w", JSON_NULLABLE, words),
    JSON_UUID(struct thing, id, "id", JSON_NULLABLE),
    JSON_TEXTS(struct thing, texts, "ts", JSON_NULLABLE, 4, 0, 10),
    JSON_RAW(struct thing, raw, "r", JSON_NULLABLE),
    JSON_RAWS(struct thing, raws, "rs", JSON_NULLABLE, 4),
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static bool read_thing(const char *text, size_t n_bytes, enum json_unknown unknown,
                       struct arena *arena, struct thing *thing)
{
    uint64_t present;
    const struct json_reading reading = {.fields = fields,
                                         .n_fields = N_FIELDS,
                                         .unknown = unknown,
                                         .path = "a[1].",
                                         .present = &present};
    struct err err = {0};

    memset(thing, 0, sizeof *thing);
    thing->word = -1;
    if (json_read(text, n_bytes, &reading, arena, thing, &err))
        return true;
    assert(err.code == ERR_INVALID && err.text[0] != '\0');
    assert(utf8_is_valid(err.text, strlen(err.text)));
    for (size_t i = 0; i < err.n_fields; i++)
        assert(utf8_is_valid(err.fields[i].field, strlen(err.fields[i].field)));
    return false;
}

static void write_thing(const struct thing *thing, struct buf *buf)
{
    struct json_out out;

    json_out_init(&out, buf);
    json_open_object(&out, NULL);
    json_write_fields(&out, fields, N_FIELDS, thing);
    json_close_object(&out);
}

static void check_round_trip(const struct thing *thing, struct arena *arena)
{
    struct buf first, second;
    struct thing again;

    buf_init(&first);
    buf_init(&second);
    write_thing(thing, &first);
    if (!read_thing(first.bytes, first.n_bytes, JSON_REFUSE_UNKNOWN, arena, &again))
        abort();
    write_thing(&again, &second);
    assert(strcmp(buf_text(&first), buf_text(&second)) == 0);
    buf_clear(&first);
    buf_clear(&second);
}

static void check_with_cjson(const char *text, size_t n_bytes, struct arena *arena)
{
    struct json_texts list;
    char *array = malloc(n_bytes + 2);
    struct err err = {0};

    array[0] = '[';
    if (n_bytes > 0)
        memcpy(array + 1, text, n_bytes);
    array[n_bytes + 1] = ']';
    if (json_read_array(array, n_bytes + 2, 1000, arena, &list, &err)) {
        cJSON *parsed = cJSON_ParseWithLength(array, n_bytes + 2);

        assert(parsed != NULL && (size_t)cJSON_GetArraySize(parsed) == list.n_items);
        cJSON_Delete(parsed);
    }
    free(array);
}

static void ignore_pair(void *arg, const char *key, const char *value)
{
    *(size_t *)arg += strlen(key) + strlen(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct arena arena;
    struct thing thing;
    size_t total = 0;

    arena_init(&arena);
    if (read_thing(text, size, JSON_IGNORE_UNKNOWN, &arena, &thing))
        check_round_trip(&thing, &arena);
    if (read_thing(text, size, JSON_REFUSE_UNKNOWN, &arena, &thing))
        check_round_trip(&thing, &arena);
    check_with_cjson(text, size, &arena);
    if (!json_read_pairs(text, size, ignore_pair, &total, &(struct err){0}))
        assert(total == 0);
    arena_clear(&arena);
    return 0;
}
