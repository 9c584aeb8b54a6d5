/* tests/unit/common/json/test_json_field.c */
#include "common/json/json_field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/uuid.h"
#include "common/json/json_out.h"

struct thing {
    const char *title;
    const char *note;
    const char *line;
    int64_t count;
    int64_t size;
    bool is_done;
    int64_t due_at;
    int color;
    struct uuid owner_id;
    struct json_texts tags;
    const char *raw;
    struct json_texts raws;
    int64_t version;
};

static const char *const colors[] = {"red", "green", NULL};
static const struct json_field fields[] = {
    JSON_TEXT(struct thing, title, "title", JSON_REQUIRED, 1, 5),
    JSON_TEXT(struct thing, note, "note", JSON_NULLABLE, 0, 10),
    JSON_TEXT(struct thing, line, "line", JSON_ONE_LINE | JSON_OMIT_NONE, 0, 10),
    JSON_INT(struct thing, count, "count", JSON_OPTIONAL, -5, 5),
    JSON_INT(struct thing, size, "size", JSON_NULLABLE, INT64_MIN, INT64_MAX),
    JSON_BOOL(struct thing, is_done, "is_done", JSON_OPTIONAL),
    JSON_TIME(struct thing, due_at, "due_at", JSON_NULLABLE),
    JSON_ENUM(struct thing, color, "color", JSON_NULLABLE, colors),
    JSON_UUID(struct thing, owner_id, "owner_id", JSON_NULLABLE),
    JSON_TEXTS(struct thing, tags, "tags", JSON_NULLABLE, 3, 1, 4),
    JSON_RAW(struct thing, raw, "raw", JSON_NULLABLE),
    JSON_RAWS(struct thing, raws, "raws", JSON_NULLABLE | JSON_OMIT_NONE, 2),
    JSON_INT(struct thing, version, "version", JSON_READ_ONLY, 0, 100),
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static const struct json_reading plain = {.fields = fields, .n_fields = N_FIELDS};

struct fixture {
    struct arena arena;
    struct thing thing;
    uint64_t present;
    struct err err;
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    arena_init(&f->arena);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;

    arena_clear(&f->arena);
    free(f);
    return 0;
}

/* Read a copy of exactly this size, so that ASan sees any read past the end. */
static bool read_as(struct fixture *f, const struct json_reading *reading, const char *text)
{
    struct json_reading noting = *reading;
    size_t n_bytes = strlen(text);
    char *copy = malloc(n_bytes > 0 ? n_bytes : 1);
    bool is_good;

    memcpy(copy, text, n_bytes);
    err_clear(&f->err);
    noting.present = &f->present;
    is_good = json_read(copy, n_bytes, &noting, &f->arena, &f->thing, &f->err);
    free(copy);
    return is_good;
}

static void assert_read(struct fixture *f, const char *text)
{
    if (!read_as(f, &plain, text))
        fail_msg("%s: %s", text, f->err.text);
}

static void test_every_kind_is_read(void **state)
{
    struct fixture *f = *state;

    assert_read(f,
                " {\"title\": \"\\u00e9\\n\", \"note\": \"a\\tb\", \"line\":\"x\", \"count\": -5,"
                "\"size\":9223372036854775807,\"is_done\":true,"
                "\"due_at\":\"2026-11-21T09:46:00.5+00:00\",\"color\":\"green\","
                "\"owner_id\":\"01234567-89AB-7DEF-8123-456789abcdef\",\"tags\":[\"a\", \"bb\"],"
                "\"raw\": { \"x\" : [ 1.10 , \" \\\" \" ] }, \"raws\":[1e2 , [ ] ]} ");
    assert_string_equal(f->thing.title, "\xC3\xA9\n");
    assert_string_equal(f->thing.note, "a\tb");
    assert_string_equal(f->thing.line, "x");
    assert_int_equal(f->thing.count, -5);
    assert_int_equal(f->thing.size, INT64_MAX);
    assert_true(f->thing.is_done);
    assert_int_equal(f->thing.due_at, INT64_C(1795254360500));
    assert_int_equal(f->thing.color, 1);
    assert_string_equal(f->thing.owner_id.text, "01234567-89ab-7def-8123-456789abcdef");
    assert_int_equal(f->thing.tags.n_items, 2);
    assert_string_equal(f->thing.tags.items[1], "bb");
    assert_string_equal(f->thing.raw, "{\"x\":[1.10,\" \\\" \"]}");
    assert_int_equal(f->thing.raws.n_items, 2);
    assert_string_equal(f->thing.raws.items[0], "1e2");
    assert_string_equal(f->thing.raws.items[1], "[]");
    assert_int_equal(f->present, (1 << (N_FIELDS - 1)) - 1);
}

static void test_absent_is_not_null(void **state)
{
    struct fixture *f = *state;

    f->thing.note = "kept";
    f->thing.due_at = 5;
    f->thing.color = 1;
    f->thing.size = 9;
    f->thing.tags.n_items = 2;
    strcpy(f->thing.owner_id.text, "id");
    assert_read(f, "{\"title\":\"t\"}");
    assert_string_equal(f->thing.note, "kept");
    assert_int_equal(f->thing.due_at, 5);
    assert_int_equal(f->present, json_field_bit(fields, N_FIELDS, "title"));
    assert_read(f, "{\"title\":\"t\",\"note\":null,\"due_at\":null,\"color\":null,\"size\":null,"
                   "\"owner_id\":null,\"tags\":null,\"raw\":null}");
    assert_null(f->thing.note);
    assert_int_equal(f->thing.due_at, 0);
    assert_int_equal(f->thing.color, -1);
    assert_int_equal(f->thing.size, 0);
    assert_string_equal(f->thing.owner_id.text, "");
    assert_int_equal(f->thing.tags.n_items, 0);
    assert_true((f->present & json_field_bit(fields, N_FIELDS, "note")) != 0);
    assert_true((f->present & json_field_bit(fields, N_FIELDS, "raw")) != 0);
    assert_true((f->present & json_field_bit(fields, N_FIELDS, "line")) == 0);
}

/* What a field refuses: its JSON value, the path and the text of the error. */
static const struct {
    const char *members; /* beside a good title */
    const char *field;
    const char *text;
} refusals[] = {
    {"\"note\":5", "note", "must be a text, not a number"},
    {"\"note\":{}", "note", "must be a text, not an object"},
    {"\"note\":[]", "note", "must be a text, not an array"},
    {"\"note\":true", "note", "must be a text, not true or false"},
    {"\"note\":\"12345678901\"", "note", "is 11 characters long; at most 10"},
    {"\"note\":\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9x\"",
     "note", "is 11 characters long; at most 10"},
    {"\"note\":\"a\\r\"", "note",
     "has the control character U+000D; of those only line feed and tab are allowed"},
    {"\"note\":\"\\u007f\"", "note",
     "has the control character U+007F; of those only line feed and tab are allowed"},
    {"\"note\":\"\\u0085\"", "note",
     "has the control character U+0085; of those only line feed and tab are allowed"},
    {"\"line\":\"a\\nb\"", "line", "has the control character U+000A; none is allowed"},
    {"\"line\":\"a\\tb\"", "line", "has the control character U+0009; none is allowed"},
    {"\"line\":null", "line", "must not be null"},
    {"\"count\":\"5\"", "count", "must be a whole number, not a text"},
    {"\"count\":null", "count", "must not be null"},
    {"\"count\":6", "count", "is 6; must be from -5 to 5"},
    {"\"count\":-6", "count", "is -6; must be from -5 to 5"},
    {"\"count\":1.5", "count", "is 1.5; must be a whole number from -5 to 5"},
    {"\"count\":1e-1", "count", "is 1e-1; must be a whole number from -5 to 5"},
    {"\"count\":1e400", "count", "is 1e400; must be a whole number from -5 to 5"},
    {"\"count\":99999999999999999999", "count",
     "is 99999999999999999999; must be a whole number from -5 to 5"},
    {"\"size\":9223372036854775808", "size",
     "is 9223372036854775808; must be a whole number from -9223372036854775808 to "
     "9223372036854775807"},
    {"\"size\":9007199254740994.0", "size",
     "is 9007199254740994.0; must be a whole number from -9223372036854775808 to "
     "9223372036854775807"},
    {"\"is_done\":1", "is_done", "must be true or false, not a number"},
    {"\"is_done\":\"true\"", "is_done", "must be true or false, not a text"},
    {"\"due_at\":1795254360", "due_at", "must be a text, not a number"},
    {"\"due_at\":\"2026-11-21\"", "due_at",
     "must be an instant like 2026-11-21T09:46:00Z (RFC 3339), with a zone, in the years 1970 to "
     "9999"},
    {"\"due_at\":\"1970-01-01T00:00:00Z\"", "due_at",
     "must be an instant like 2026-11-21T09:46:00Z (RFC 3339), with a zone, in the years 1970 to "
     "9999"},
    {"\"color\":\"blue\"", "color", "must be one of: red, green"},
    {"\"color\":\"\"", "color", "must be one of: red, green"},
    {"\"color\":\"Red\"", "color", "must be one of: red, green"},
    {"\"color\":0", "color", "must be a text, not a number"},
    {"\"owner_id\":\"7\"", "owner_id",
     "must be a UUID: 36 characters, 8-4-4-4-12 hexadecimal digits"},
    {"\"tags\":\"a\"", "tags", "must be an array, not a text"},
    {"\"tags\":[\"a\",\"b\",\"c\",\"d\"]", "tags", "has 4 items; at most 3"},
    {"\"tags\":[\"a\",\"\"]", "tags[1]", "is 0 characters long; at least 1"},
    {"\"tags\":[\"a\",\"b\",\"long!\"]", "tags[2]", "is 5 characters long; at most 4"},
    {"\"tags\":[null]", "tags[0]", "must be a text, not null"},
    {"\"raws\":[1,2,3]", "raws", "has 3 items; at most 2"},
    {"\"raws\":{}", "raws", "must be an array, not an object"},
    {"\"version\":1", "version", "is not a known field"},
    {"\"titel\":\"x\"", "titel", "is not a known field"},
    {"\"Note\":\"x\"", "Note", "is not a known field"},
    {"\"\":\"x\"", "", "is not a known field"},
    {"\"title\":\"again\"", "title", "stands twice"},
    {"\"t\\u0069tle\":\"again\"", "title", "stands twice"},
    {"\"note\":null,\"note\":\"x\"", "note", "stands twice"},
};

static void test_what_breaks_a_rule_is_named_with_its_limit(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        char text[300];

        snprintf(text, sizeof text, "{\"title\":\"t\",%s}", refusals[i].members);
        if (read_as(f, &plain, text) || f->err.code != ERR_INVALID || f->err.n_fields != 1 ||
            strcmp(f->err.fields[0].field, refusals[i].field) != 0 ||
            strcmp(f->err.fields[0].text, refusals[i].text) != 0)
            fail_msg("%s: %zu fields, \"%s\"", text, f->err.n_fields, f->err.text);
    }
}

static void test_whole_numbers_may_be_written_in_other_ways(void **state)
{
    static const struct {
        const char *written;
        int64_t value;
    } rows[] = {
        {"3.0", 3}, {"5e0", 5}, {"-0", 0}, {"-50e-1", -5}, {"0.2E1", 2},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[100];

        snprintf(text, sizeof text, "{\"title\":\"t\",\"count\":%s}", rows[i].written);
        assert_read(f, text);
        assert_int_equal(f->thing.count, rows[i].value);
    }
    assert_read(f, "{\"title\":\"t\",\"size\":9007199254740993}"); /* 2^53 + 1 */
    assert_int_equal(f->thing.size, INT64_C(9007199254740993));
    assert_read(f, "{\"title\":\"t\",\"size\":-9223372036854775808}");
    assert_int_equal(f->thing.size, INT64_MIN);
}

static void test_a_verbatim_text_may_have_any_character(void **state)
{
    static const struct json_field verbatim[] = {
        JSON_TEXT(struct thing, note, "note", JSON_VERBATIM, 0, 10),
    };
    const struct json_reading reading = {.fields = verbatim, .n_fields = 1};
    struct fixture *f = *state;

    assert_true(read_as(f, &reading, "{\"note\":\"\\r\\u0001\x7F\xC2\x85\"}"));
    assert_string_equal(f->thing.note, "\r\x01\x7F\xC2\x85");
    assert_false(read_as(f, &reading, "{\"note\":\"12345678901\"}"));
}

static void test_all_mistakes_are_told_at_once(void **state)
{
    struct fixture *f = *state;

    assert_false(read_as(f, &plain, "{\"count\":9,\"x\":1,\"tags\":[\"\",\"ok\",\"\"]}"));
    assert_int_equal(f->err.n_fields, 5);
    assert_string_equal(f->err.fields[0].field, "count");
    assert_string_equal(f->err.fields[1].field, "x");
    assert_string_equal(f->err.fields[2].field, "tags[0]");
    assert_string_equal(f->err.fields[3].field, "tags[2]");
    assert_string_equal(f->err.fields[4].field, "title");
    assert_string_equal(f->err.fields[4].text, "is required");
    assert_string_equal(f->err.text, "count: is 9; must be from -5 to 5");
}

static void test_a_path_stands_before_every_name(void **state)
{
    const struct json_reading reading = {
        .fields = fields, .n_fields = N_FIELDS, .path = "operations[3]."};
    struct fixture *f = *state;

    assert_false(read_as(f, &reading, "{\"x\":1,\"tags\":[\"\"]}"));
    assert_string_equal(f->err.fields[0].field, "operations[3].x");
    assert_string_equal(f->err.fields[1].field, "operations[3].tags[0]");
    assert_string_equal(f->err.fields[2].field, "operations[3].title");
    assert_false(read_as(f, &reading, "[]"));
    assert_string_equal(f->err.text, "operations[3]: must be an object, not an array");
}

static void test_unknown_fields_can_be_ignored(void **state)
{
    const struct json_reading reading = {
        .fields = fields, .n_fields = N_FIELDS, .unknown = JSON_IGNORE_UNKNOWN};
    struct fixture *f = *state;

    assert_true(read_as(f, &reading,
                        "{\"x\":{\"title\":1},\"title\":\"t\",\"x\":2,\"version\":1,"
                        "\"a key that is longer than any field could ever be\":[]}"));
    assert_string_equal(f->thing.title, "t");
    assert_int_equal(f->thing.version, 0);
    assert_false(read_as(f, &reading, "{\"title\":\"t\",\"title\":\"u\"}"));
}

static void test_a_very_long_unknown_key_is_cut_in_the_error(void **state)
{
    struct fixture *f = *state;
    char text[2000] = "{\"title\":\"t\",\"";

    for (int i = 0; i < 400; i++)
        strcat(text, "\xE2\x82\xAC");
    strcat(text, "\":1}");
    assert_false(read_as(f, &plain, text));
    assert_int_equal(f->err.n_fields, 1);
    assert_int_equal(strlen(f->err.fields[0].field), 45); /* whole characters within 47 bytes */
    assert_memory_equal(f->err.fields[0].field, text + 14, 45);
    assert_string_equal(f->err.fields[0].text, "is not a known field");
}

static void test_only_an_object_is_one(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } rows[] = {
        {"[]", "must be an object, not an array"},
        {"\"{}\"", "must be an object, not a text"},
        {" 12", "must be an object, not a number"},
        {"null", "must be an object, not null"},
        {"true", "must be an object, not true or false"},
        {"", "not JSON: it ends at byte 0: a value is expected"},
        {"{\"title\":\"t\"}x", "not JSON: byte 13: the value has ended, nothing may follow"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(read_as(f, &plain, rows[i].text));
        assert_int_equal(f->err.code, ERR_INVALID);
        assert_string_equal(f->err.text, rows[i].problem);
        assert_int_equal(f->present, 0);
    }
}

static char *write_thing(const struct thing *thing, struct arena *arena)
{
    struct json_out out;
    struct buf buf;
    char *text;

    buf_init(&buf);
    json_out_init(&out, &buf);
    json_open_object(&out, NULL);
    json_write_fields(&out, fields, N_FIELDS, thing);
    json_close_object(&out);
    text = arena_copy_text(arena, buf_text(&buf));
    buf_clear(&buf);
    return text;
}

static void test_what_is_none_is_written_as_null_or_left_out(void **state)
{
    struct fixture *f = *state;

    f->thing.color = -1;
    assert_string_equal(write_thing(&f->thing, &f->arena),
                        "{\"title\":null,\"note\":null,\"count\":0,\"size\":null,\"is_done\":false,"
                        "\"due_at\":null,\"color\":null,\"owner_id\":null,\"tags\":[],"
                        "\"raw\":null,\"version\":0}");
}

static void test_what_was_read_is_written_back(void **state)
{
    static const char text[] =
        "{\"title\":\"\\\"\xC3\xA9\\n\",\"note\":\"\",\"line\":\"x\",\"count\":-5,\"size\":7,"
        "\"is_done\":true,\"due_at\":\"2026-11-21T09:46:00.500Z\",\"color\":\"red\","
        "\"owner_id\":\"01234567-89ab-7def-8123-456789abcdef\",\"tags\":[\"a\",\"bb\"],"
        "\"raw\":{\"x\":1.10},\"raws\":[1,\"y\"]";
    struct fixture *f = *state;
    char whole[500];

    snprintf(whole, sizeof whole, "%s}", text);
    assert_read(f, whole);
    snprintf(whole, sizeof whole, "%s,\"version\":0}", text);
    assert_string_equal(write_thing(&f->thing, &f->arena), whole);
}

struct pairs {
    char text[200];
};

static void add_pair(void *arg, const char *key, const char *value)
{
    struct pairs *pairs = arg;

    strcat(strcat(strcat(strcat(pairs->text, key), "="), value), ";");
}

static void test_pairs_of_texts_are_all_told_or_none(void **state)
{
    static const char good[] = "{\"a\":\"1\",\"\\u0062\":\"\\u00e9\",\"\":\"\"}";
    static const char *const bad[] = {"{\"a\":\"1\",\"b\":2}", "[]", "{\"a\"}", "\"x\"",
                                      "{\"a\":\"1\",\"b\":null}"};
    struct pairs pairs = {""};
    struct err err = {0};

    (void)state;
    assert_true(json_read_pairs(good, strlen(good), add_pair, &pairs, &err));
    assert_string_equal(pairs.text, "a=1;b=\xC3\xA9;=;");
    pairs.text[0] = '\0';
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err_clear(&err);
        assert_false(json_read_pairs(bad[i], strlen(bad[i]), add_pair, &pairs, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    assert_string_equal(pairs.text, "");
    assert_true(json_read_pairs("{}", 2, add_pair, &pairs, &err));
}

static void test_an_array_is_read_as_texts_of_its_items(void **state)
{
    static const char text[] = " [ {\"a\" : 1} , 2.50, \"x y\" ] ";
    struct fixture *f = *state;
    struct json_texts list = {0};

    assert_true(json_read_array(text, strlen(text), 3, &f->arena, &list, &f->err));
    assert_int_equal(list.n_items, 3);
    assert_string_equal(list.items[0], "{\"a\":1}");
    assert_string_equal(list.items[1], "2.50");
    assert_string_equal(list.items[2], "\"x y\"");
    assert_false(json_read_array(text, strlen(text), 2, &f->arena, &list, &f->err));
    assert_string_equal(f->err.text, "has 3 items; at most 2");
    assert_false(json_read_array("{}", 2, 2, &f->arena, &list, &f->err));
    assert_string_equal(f->err.text, "must be an array, not an object");
    assert_false(json_read_array("[1", 2, 2, &f->arena, &list, &f->err));
    assert_true(json_read_array("[]", 2, 2, &f->arena, &list, &f->err));
    assert_int_equal(list.n_items, 0);
}

/* A megabyte of parts must cost neither a tree nor quadratic time. */
static void test_a_large_body_of_rubbish_is_refused_cheaply(void **state)
{
    enum { SIZE = 1 << 20 };
    struct fixture *f = *state;
    char *text = malloc(SIZE + 100);
    size_t length = 0;

    length += (size_t)sprintf(text, "{\"title\":\"t\",\"note\":[");
    while (length < SIZE)
        length += (size_t)sprintf(text + length, "0,");
    sprintf(text + length, "0]}");
    assert_false(read_as(f, &plain, text));
    assert_string_equal(f->err.fields[0].text, "must be a text, not an array");
    length = (size_t)sprintf(text, "{\"title\":\"t\"");
    while (length < SIZE)
        length += (size_t)sprintf(text + length, ",\"x\":0");
    sprintf(text + length, "}");
    assert_false(read_as(f, &plain, text));
    assert_int_equal(f->err.n_fields, ERR_FIELDS_MAX);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_kind_is_read),
        TEST(test_absent_is_not_null),
        TEST(test_what_breaks_a_rule_is_named_with_its_limit),
        TEST(test_whole_numbers_may_be_written_in_other_ways),
        TEST(test_a_verbatim_text_may_have_any_character),
        TEST(test_all_mistakes_are_told_at_once),
        TEST(test_a_path_stands_before_every_name),
        TEST(test_unknown_fields_can_be_ignored),
        TEST(test_a_very_long_unknown_key_is_cut_in_the_error),
        TEST(test_only_an_object_is_one),
        TEST(test_what_is_none_is_written_as_null_or_left_out),
        TEST(test_what_was_read_is_written_back),
        TEST(test_pairs_of_texts_are_all_told_or_none),
        TEST(test_an_array_is_read_as_texts_of_its_items),
        TEST(test_a_large_body_of_rubbish_is_refused_cheaply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
