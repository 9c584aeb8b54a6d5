/* tests/unit/services/audit/test_head_line.c — exported heads, against chain.txt. */
#include "tests/unit/services/audit/vectors.h"

#include "services/audit/domain/head_line.h"

struct fixture {
    struct vector vector;
    struct head_line line;
    struct head_line_keys keys;
};

static void read_fixture(struct fixture *f)
{
    FILE *file = vectors_open();

    assert_true(vector_read(file, "head", &f->vector));
    fclose(file);
    f->line = (struct head_line){.at = strtoll(f->vector.fields[1], NULL, 10),
                                 .number = strtoll(f->vector.fields[3], NULL, 10)};
    assert_true(uuid_read(f->vector.fields[2], &f->line.owner_id));
    vector_read_hex(f->vector.fields[4], f->line.hash);
    assert_true(head_line_read_seed(f->vector.fields[5], &f->keys, NULL));
}

static void test_key_and_signature_are_those_of_the_document(void **state)
{
    struct fixture f;
    struct buf text;

    (void)state;
    read_fixture(&f);
    head_line_sign(&f.line, &f.keys);
    buf_init(&text);
    head_line_write_public_key(f.keys.public_key, &text);
    assert_string_equal(buf_text(&text), f.vector.fields[6]);
    buf_reset(&text);
    head_line_write(&f.line, &text);
    assert_non_null(strstr(buf_text(&text), f.vector.fields[7]));
    buf_clear(&text);
}

static void test_a_line_reads_back_as_it_was_written(void **state)
{
    unsigned char public_key[HEAD_LINE_PUBLIC_BYTES];
    struct head_line read;
    struct fixture f;
    struct buf text;

    (void)state;
    read_fixture(&f);
    head_line_sign(&f.line, &f.keys);
    buf_init(&text);
    head_line_write(&f.line, &text);
    assert_int_equal(buf_text(&text)[text.n_bytes - 1], '\n');
    assert_true(head_line_read(text.bytes, text.n_bytes - 1, &read, NULL));
    assert_int_equal(read.at, f.line.at);
    assert_int_equal(read.number, f.line.number);
    assert_string_equal(read.owner_id.text, f.line.owner_id.text);
    assert_memory_equal(read.hash, f.line.hash, sizeof(read.hash));
    assert_true(head_line_read_public_key(f.vector.fields[6], public_key, NULL));
    assert_true(head_line_is_signed(&read, public_key));
    buf_clear(&text);
}

static void test_no_part_can_be_changed_under_the_signature(void **state)
{
    struct head_line changed;
    struct fixture f;

    (void)state;
    read_fixture(&f);
    head_line_sign(&f.line, &f.keys);
    changed = f.line;
    changed.at++;
    assert_false(head_line_is_signed(&changed, f.keys.public_key));
    changed = f.line;
    changed.number--;
    assert_false(head_line_is_signed(&changed, f.keys.public_key));
    changed = f.line;
    changed.hash[31] ^= 1;
    assert_false(head_line_is_signed(&changed, f.keys.public_key));
    changed = f.line;
    changed.owner_id.text[35] = changed.owner_id.text[35] == '0' ? '1' : '0';
    assert_false(head_line_is_signed(&changed, f.keys.public_key));
    f.keys.public_key[0] ^= 1;
    assert_false(head_line_is_signed(&f.line, f.keys.public_key));
}

#define NO_HEX                                                                                     \
    "{\"at\":\"2026-11-21T09:46:00.000Z\",\"owner_id\":\"0190a6d2-0000-7000-8000-000000000001\","  \
    "\"number\":1,\"hash\":\"zz\",\"signature\":\"x\"}"

static void test_what_is_no_line_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "{", "[]", "{\"at\":\"2026-11-21T09:46:00.000Z\"}", "\xff", NO_HEX,
    };
    struct head_line line;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct err err = {0};

        assert_false(head_line_read(texts[i], strlen(texts[i]), &line, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void test_a_seed_of_the_wrong_size_is_refused(void **state)
{
    struct head_line_keys keys;
    struct err err = {0};

    (void)state;
    assert_false(head_line_read_seed("AQID", &keys, &err));
    assert_non_null(strstr(err.text, "32 bytes"));
    assert_false(head_line_read_seed("not base64!", &keys, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_and_signature_are_those_of_the_document),
        cmocka_unit_test(test_a_line_reads_back_as_it_was_written),
        cmocka_unit_test(test_no_part_can_be_changed_under_the_signature),
        cmocka_unit_test(test_what_is_no_line_is_refused),
        cmocka_unit_test(test_a_seed_of_the_wrong_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
