/* tests/unit/services/audit/test_seq_walk.c — holes in the numbers of a source. */
#include "services/audit/domain/seq_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FIRST "0190a6d2-0000-7000-8000-000000000001"
#define SECOND "0190a6d2-0000-7000-8000-000000000002"

enum { NOW = 1000000, PATIENCE_MS = 60000, OLD = 0, FRESH = NOW - 1000 };

struct heard {
    struct finding last;
    int n;
};

static void note_finding(void *arg, const struct finding *finding)
{
    struct heard *heard = arg;

    heard->last = *finding;
    heard->n++;
}

static void add(struct seq_walk *walk, const char *owner_id, int64_t seq, int64_t number,
                int64_t recorded_at)
{
    struct seq_row row = {.seq = seq, .number = number, .recorded_at = recorded_at};

    assert_true(uuid_read(owner_id, &row.owner_id));
    seq_walk_add(walk, &row);
}

static void test_numbers_without_a_gap_are_no_finding(void **state)
{
    struct heard heard = {0};
    struct findings findings = {.tell = note_finding, .arg = &heard};
    struct seq_walk walk;

    (void)state;
    seq_walk_init(&walk, &findings, NOW, PATIENCE_MS);
    add(&walk, FIRST, 1, 2, OLD); /* they arrived in another order */
    add(&walk, FIRST, 2, 1, OLD);
    add(&walk, SECOND, 1, 1, OLD);
    seq_walk_next_source(&walk);
    add(&walk, SECOND, 1, 2, OLD);
    assert_int_equal(heard.n, 0);
}

static void test_an_old_hole_is_told_with_its_place(void **state)
{
    struct heard heard = {0};
    struct findings findings = {.tell = note_finding, .arg = &heard};
    struct seq_walk walk;

    (void)state;
    seq_walk_init(&walk, &findings, NOW, PATIENCE_MS);
    add(&walk, FIRST, 1, 1, OLD);
    add(&walk, FIRST, 5, 2, OLD);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.last.kind, FINDING_HOLE);
    assert_string_equal(heard.last.owner_id.text, FIRST);
    assert_int_equal(heard.last.number, 2);
    assert_non_null(strstr(heard.last.text, "seq 2 to 4"));
    assert_int_equal(walk.n_in_flight, 0);
}

static void test_the_first_number_may_be_missing_too(void **state)
{
    struct heard heard = {0};
    struct findings findings = {.tell = note_finding, .arg = &heard};
    struct seq_walk walk;

    (void)state;
    seq_walk_init(&walk, &findings, NOW, PATIENCE_MS);
    add(&walk, FIRST, 1, 1, OLD);
    add(&walk, SECOND, 2, 1, OLD);
    assert_int_equal(heard.n, 1);
    assert_non_null(strstr(heard.last.text, "seq 1 has not arrived"));
}

static void test_a_fresh_hole_is_in_flight(void **state)
{
    struct heard heard = {0};
    struct findings findings = {.tell = note_finding, .arg = &heard};
    struct seq_walk walk;

    (void)state;
    seq_walk_init(&walk, &findings, NOW, PATIENCE_MS);
    add(&walk, FIRST, 4, 1, FRESH);
    assert_int_equal(heard.n, 0);
    assert_int_equal(walk.n_in_flight, 3);
}

static void test_a_number_that_came_twice_is_told(void **state)
{
    struct heard heard = {0};
    struct findings findings = {.tell = note_finding, .arg = &heard};
    struct seq_walk walk;

    (void)state;
    seq_walk_init(&walk, &findings, NOW, PATIENCE_MS);
    add(&walk, FIRST, 1, 7, OLD);
    add(&walk, FIRST, 1, 9, OLD);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.last.number, 9);
    assert_non_null(strstr(heard.last.text, "also that of entry 7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_without_a_gap_are_no_finding),
        cmocka_unit_test(test_an_old_hole_is_told_with_its_place),
        cmocka_unit_test(test_the_first_number_may_be_missing_too),
        cmocka_unit_test(test_a_fresh_hole_is_in_flight),
        cmocka_unit_test(test_a_number_that_came_twice_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
