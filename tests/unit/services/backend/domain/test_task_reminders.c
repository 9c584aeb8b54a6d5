/* tests/unit/services/backend/domain/test_task_reminders.c — how reminders are matched, moved, snoozed
 * and marked, against task_reminders.txt; and mornings, against mornings.txt. */
#include "services/backend/domain/task_reminders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/recurrence/local_time.h"
#include "common/recurrence/zone.h"
#include "tests/unit/support/rows.h"

static const char ROWS_PATH[] = "tests/unit/services/backend/domain/task_reminders.txt";
static const char MORNINGS_PATH[] = "tests/unit/services/backend/domain/mornings.txt";

enum { NOW = 5000, SNOOZED_UNTIL = 9000, SENT_AT = 7000, LIST_MAX = 8 };

static struct uuid id_of(char letter)
{
    struct uuid id = {""};

    if (letter != '-')
        snprintf(id.text, sizeof id.text, "0197fd7a-0000-7000-8000-00000000000%c", letter);
    return id;
}

static int64_t instant(const char *text)
{
    int64_t at = 0;

    if (text[0] != '\0')
        assert_true(clock_read(text, &at));
    return at;
}

/* Return what stands behind an offset or instant, NULL when nothing does. */
static char *end_of_when(char *when)
{
    char *end;

    if (when[0] < '0' || when[0] > '9')
        return strchr(when, ':');
    end = strchr(when, 'Z') + 1; /* of an instant the colons do not count */
    return *end == ':' ? end : NULL;
}

/* Read "a:-PT1H:1:sent". */
static struct reminder read_one(char *text)
{
    struct reminder reminder = {.id = id_of(text[0]), .generation = 1, .channel = -1};
    char *when = text + 2, *rest = end_of_when(when);

    if (rest != NULL) {
        reminder.generation = strtoll(rest + 1, NULL, 10);
        reminder.sent_at = strstr(rest, ":sent") != NULL ? SENT_AT : 0;
        reminder.channel = reminder.sent_at != 0 ? CHANNEL_EMAIL : -1;
        reminder.snoozed_until = strstr(rest, ":snoozed") != NULL ? SNOOZED_UNTIL : 0;
        *rest = '\0';
    }
    if (when[0] >= '0' && when[0] <= '9')
        reminder.at = instant(when);
    else
        reminder.offset = when;
    return reminder;
}

static size_t read_list(const char *cell, struct arena *arena, struct reminder *list)
{
    char *text = arena_copy_text(arena, cell), *save = NULL;
    size_t n = 0;

    for (char *one = strtok_r(text, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save))
        list[n++] = read_one(one);
    return n;
}

static void write_list(const struct task *task, struct arena *arena, struct buf *buf)
{
    struct reminder *list;
    struct err err = {0};
    char at[CLOCK_TEXT_MAX];

    assert_true(reminders_read(&task->reminders, arena, &list, &err));
    for (size_t i = 0; i < task->reminders.n_items; i++) {
        const struct reminder *reminder = &list[i];
        const bool is_ours = strncmp(reminder->id.text, "0197fd7a-0000", 13) == 0;

        clock_write(reminder->at, at);
        buf_format(buf, "%s%c:%s:%lld%s%s", i > 0 ? "," : "",
                   is_ours ? reminder->id.text[UUID_TEXT_SIZE - 2] : '+',
                   reminder->offset == NULL ? at : reminder->offset,
                   (long long)reminder->generation, reminder->sent_at != 0 ? ":sent" : "",
                   reminder->snoozed_until != 0 ? ":snoozed" : "");
        assert_int_equal(reminder->channel >= 0, reminder->sent_at != 0);
    }
}

/* Do what the row says; return what took the place of the list, NULL when the list counts. */
static const char *run_row(const struct rows *rows, struct task *task, struct arena *arena)
{
    const char *how = rows->cells[0], *what = rows->cells[2];
    const struct task before = *task;
    struct err err = {0};

    if (strcmp(how, "set") == 0) {
        struct reminder sent[LIST_MAX];
        const struct reminder_list list = {sent, read_list(what, arena, sent)};

        task_reminders_set(task, &list, NOW, arena);
    } else if (strcmp(how, "move") == 0) {
        task->due_at = instant(what);
        task_reminders_follow(&before, task, NOW, arena);
        assert_int_equal(task->reminder_sent, task->due_at == before.due_at);
    } else if (strcmp(how, "zone") == 0) {
        task->time_zone = what;
        task_reminders_follow(&before, task, NOW, arena);
        assert_true(task->reminder_sent);
    } else if (strcmp(how, "snooze") == 0) {
        const struct task_snooze snooze = {
            .reminder_id = id_of(what[0]),
            .generation = what[1] == ':' ? strtoll(what + 2, NULL, 10) : 0,
        };

        if (!task_reminders_snooze(task, &snooze, SNOOZED_UNTIL, NOW, arena, &err)) {
            assert_int_equal(err.code, err.slug == NULL ? ERR_NOT_FOUND : ERR_CONFLICT);
            return err.slug == NULL ? "not_found" : err.slug;
        }
    } else {
        const struct task_reminded reminded = {.reminder_id = id_of(what[0]),
                                               .generation = strtoll(what + 2, NULL, 10),
                                               .sent_at = SENT_AT,
                                               .channel = CHANNEL_PUSH};

        task->reminder_sent = false;
        if (!task_reminders_mark(task, &reminded, arena))
            return "same";
        assert_true(task->reminder_sent);
    }
    return NULL;
}

static void test_each_change_comes_to_what_the_table_says(void **state)
{
    struct rows rows;

    (void)state;
    rows_open(&rows, ROWS_PATH);
    while (rows_next(&rows, 4)) {
        struct reminder stored[LIST_MAX];
        struct task task = task_none;
        struct arena arena;
        struct buf buf;
        const char *instead;

        arena_init(&arena);
        buf_init(&buf);
        task.due_at = instant("2027-02-01T00:00:00.000Z");
        task.time_zone = "Europe/Berlin";
        task.reminder_sent = true;
        task.reminders = reminders_write(stored, read_list(rows.cells[1], &arena, stored), &arena);
        instead = run_row(&rows, &task, &arena);
        if (instead == NULL)
            write_list(&task, &arena, &buf);
        if (strcmp(instead == NULL ? buf_text(&buf) : instead, rows.cells[3]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, instead == NULL ? buf_text(&buf) : instead);
        buf_clear(&buf);
        arena_clear(&arena);
    }
}

static void test_tomorrows_morning_is_that_of_the_table(void **state)
{
    struct zone_cache *zones = zone_cache_new(NULL);
    struct rows rows;

    (void)state;
    rows_open(&rows, MORNINGS_PATH);
    while (rows_next(&rows, 4)) {
        struct err err = {0};
        const struct zone *zone = zone_cache_get(zones, rows.cells[0], 0, &err);
        char text[CLOCK_TEXT_MAX];

        assert_non_null(zone);
        clock_write(task_reminders_morning(zone, local_time_read_clock(rows.cells[2]),
                                           instant(rows.cells[1])),
                    text);
        if (strcmp(text, rows.cells[3]) != 0)
            fail_msg("%s:%d: %s", rows.path, rows.line, text);
    }
    zone_cache_free(zones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_change_comes_to_what_the_table_says),
        cmocka_unit_test(test_tomorrows_morning_is_that_of_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
