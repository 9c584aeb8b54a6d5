/* tests/unit/services/notification/domain/test_schedule.c — what the ledger should have of a task, from
 * what it has. */
#include "services/notification/domain/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EARLY "00000000-03e8-7000-8000-000000000001"
#define ROW "00000000-03e8-7000-8000-00000000000a"
#define ADDRESS "00000000-03e8-7000-8000-00000000000b"

enum { NOW = 1000000, AGE_MAX = 500000, KEEP = 800000 };

struct fixture {
    struct arena arena;
    struct reminder reminder;
    struct delivery_row rows[4];
    struct channel_address address;
    struct schedule_job job;
    struct schedule_change *changes;
    size_t n_changes;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);

    arena_init(&f->arena);
    f->reminder = (struct reminder){.id = {EARLY}, .generation = 1, .at = NOW + 60000};
    f->job = (struct schedule_job){
        .task = {.is_open = true, .is_new = true, .reminders = &f->reminder, .n_reminders = 1},
        .user = {.settings = {.app = true}},
        .rows = f->rows,
        .now_ms = NOW,
        .age_max_ms = AGE_MAX,
        .keep_ms = KEEP,
    };
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    arena_clear(&f->arena);
    test_free(f);
    return 0;
}

static void compare(struct fixture *f)
{
    f->changes = schedule_compare(&f->job, &f->arena, &f->n_changes);
}

static void add_row(struct fixture *f, int state, int64_t generation, int64_t remind_at)
{
    f->rows[f->job.n_rows++] = (struct delivery_row){.id = {ROW},
                                                     .reminder_id = {EARLY},
                                                     .generation = generation,
                                                     .channel = CHANNEL_APP,
                                                     .channel_id = {DELIVERY_NO_ADDRESS},
                                                     .state = state,
                                                     .remind_at = remind_at,
                                                     .next_try_at = remind_at};
}

static void test_the_instant_is_the_snooze_else_its_own_else_the_offset(void **state)
{
    struct schedule_task task = {.due_at = 7200000};
    struct reminder reminder = {.offset = "-PT1H"};

    (void)state;
    assert_int_equal(schedule_instant(&task, &reminder), 3600000);
    reminder.at = 5;
    assert_int_equal(schedule_instant(&task, &reminder), 5);
    reminder.snoozed_until = 9;
    assert_int_equal(schedule_instant(&task, &reminder), 9);
    reminder = (struct reminder){.offset = "-PT1H"};
    task.due_at = 0;
    assert_int_equal(schedule_instant(&task, &reminder), 0);
    task.due_at = 7200000;
    reminder.offset = "soon";
    assert_int_equal(schedule_instant(&task, &reminder), 0);
}

static void test_what_is_not_there_is_added(void **state)
{
    struct fixture *f = *state;

    compare(f);
    assert_int_equal(f->n_changes, 1);
    assert_int_equal(f->changes[0].was, -1);
    assert_int_equal(f->changes[0].row.state, DELIVERY_SCHEDULED);
    assert_int_equal(f->changes[0].row.next_try_at, NOW + 60000);
}

static void test_what_is_as_it_should_be_is_left(void **state)
{
    struct fixture *f = *state;

    add_row(f, DELIVERY_SCHEDULED, 1, NOW + 60000);
    compare(f);
    assert_int_equal(f->n_changes, 0);
}

static void test_what_was_sent_or_is_being_sent_stays_whatever_happens(void **state)
{
    static const int states[] = {DELIVERY_CLAIMED, DELIVERY_SENT, DELIVERY_FAILED};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct fixture *f = *state;

        f->job.n_rows = 0;
        f->job.task.is_open = true;
        add_row(f, states[i], 1, NOW + 60000);
        compare(f);
        assert_int_equal(f->n_changes, 0);
        f->job.task.is_open = false;
        compare(f);
        assert_int_equal(f->n_changes, 0);
    }
}

static void test_what_waits_for_something_gone_is_cancelled(void **state)
{
    struct fixture *f = *state;

    add_row(f, DELIVERY_SCHEDULED, 1, NOW + 60000);
    add_row(f, DELIVERY_RETRYING, 0, NOW - 5);
    f->job.task.is_open = false;
    compare(f);
    assert_int_equal(f->n_changes, 2);
    assert_int_equal(f->changes[0].was, DELIVERY_SCHEDULED);
    assert_int_equal(f->changes[1].was, DELIVERY_RETRYING);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(f->changes[i].row.state, DELIVERY_CANCELLED);
}

static void test_another_generation_takes_the_place_of_the_one_before(void **state)
{
    struct fixture *f = *state;

    add_row(f, DELIVERY_SCHEDULED, 1, NOW + 60000);
    f->reminder.generation = 2;
    f->reminder.at = NOW + 90000;
    compare(f);
    assert_int_equal(f->n_changes, 2);
    assert_int_equal(f->changes[0].was, -1);
    assert_int_equal(f->changes[0].row.generation, 2);
    assert_int_equal(f->changes[1].row.state, DELIVERY_CANCELLED);
}

static void test_what_was_cancelled_comes_back_if_it_is_still_ahead(void **state)
{
    struct fixture *f = *state;

    add_row(f, DELIVERY_CANCELLED, 1, NOW + 60000);
    compare(f);
    assert_int_equal(f->n_changes, 1);
    assert_int_equal(f->changes[0].row.state, DELIVERY_SCHEDULED);
    f->reminder.at = f->rows[0].remind_at = NOW - 1;
    compare(f);
    assert_int_equal(f->n_changes, 0);
}

static void test_what_is_late_is_sent_unless_too_old_or_just_typed(void **state)
{
    static const struct {
        int64_t generation, at, set_at;
        int state;
    } rows[] = {
        {1, NOW - 1, NOW - 1, DELIVERY_SCHEDULED},
        {1, NOW, 0, DELIVERY_SCHEDULED},
        {1, NOW - 20, NOW - 10, DELIVERY_EXPIRED}, /* typed with an instant that was past */
        {2, NOW - 10, NOW - 20, DELIVERY_SCHEDULED},
        {2, NOW - 20, NOW - 10, DELIVERY_EXPIRED}, /* moved into the past */
        {1, NOW - AGE_MAX, 0, DELIVERY_SCHEDULED},
        {1, NOW - AGE_MAX - 1, 0, DELIVERY_EXPIRED},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f->reminder.generation = rows[i].generation;
        f->reminder.at = rows[i].at;
        f->reminder.set_at = rows[i].set_at;
        compare(f);
        assert_int_equal(f->n_changes, 1);
        if (f->changes[0].row.state != rows[i].state)
            fail_msg("row %zu: state %d", i, f->changes[0].row.state);
    }
}

static void test_of_what_the_ledger_may_have_forgotten_nothing_is_made(void **state)
{
    struct fixture *f = *state;

    f->job.age_max_ms = 2 * KEEP;
    f->reminder.at = NOW - KEEP;
    compare(f);
    assert_int_equal(f->n_changes, 1);
    assert_int_equal(f->changes[0].row.state, DELIVERY_SCHEDULED);
    f->reminder.at = NOW - KEEP - 1;
    compare(f);
    assert_int_equal(f->n_changes, 0);
}

static void test_a_channel_that_came_later_hears_of_what_is_ahead_alone(void **state)
{
    struct fixture *f = *state;

    f->job.task.is_new = false;
    f->reminder.at = NOW - 1;
    compare(f);
    assert_int_equal(f->n_changes, 0);
    f->job.task.is_new = true;
    f->job.user.settings.email = true;
    add_row(f, DELIVERY_SENT, 1, NOW - 1);
    compare(f);
    assert_int_equal(f->n_changes, 0);
    f->address =
        (struct channel_address){.id = {ADDRESS}, .channel = CHANNEL_WEBHOOK, .created_at = NOW};
    f->job.user = (struct schedule_user){
        .settings = {.webhook = true}, .addresses = &f->address, .n_addresses = 1};
    f->job.n_rows = 0;
    compare(f);
    assert_int_equal(f->n_changes, 0);
    f->reminder.at = NOW + 1;
    compare(f);
    assert_int_equal(f->n_changes, 1);
    assert_string_equal(f->changes[0].row.channel_id.text, ADDRESS);
}

static void test_quiet_hours_hold_what_comes_in_them_and_what_is_late_in_them(void **state)
{
    struct fixture *f = *state;
    const int64_t hour = 3600000;

    f->job.user.settings = (struct reminder_settings){
        .app = true, .email = true, .quiet_from = "00:00", .quiet_until = "07:00"};
    compare(f);
    assert_int_equal(f->n_changes, 2);
    assert_int_equal(f->changes[0].row.channel, CHANNEL_EMAIL);
    assert_int_equal(f->changes[0].row.held_until, 7 * hour);
    assert_int_equal(f->changes[0].row.next_try_at, 7 * hour);
    assert_int_equal(f->changes[1].row.held_until, 0);
    f->job.user.settings.quiet_from = "00:10"; /* NOW is at 00:16, the reminder before */
    f->reminder.at = 9 * 60000;
    compare(f);
    assert_int_equal(f->changes[0].row.remind_at, 9 * 60000);
    assert_int_equal(f->changes[0].row.next_try_at, 7 * hour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_instant_is_the_snooze_else_its_own_else_the_offset),
        cmocka_unit_test_setup_teardown(test_what_is_not_there_is_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_as_it_should_be_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_sent_or_is_being_sent_stays_whatever_happens,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_for_something_gone_is_cancelled, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_generation_takes_the_place_of_the_one_before,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_cancelled_comes_back_if_it_is_still_ahead,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_late_is_sent_unless_too_old_or_just_typed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_what_the_ledger_may_have_forgotten_nothing_is_made,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_channel_that_came_later_hears_of_what_is_ahead_alone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_quiet_hours_hold_what_comes_in_them_and_what_is_late_in_them, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
