/* tests/unit/common/events/test_examples.c — every example of api/events, read and written back. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/events/dead_letter.h"
#include "common/events/event.h"
#include "common/events/event_types.h"
#include "common/events/notification.h"
#include "common/events/notification_update.h"
#include "common/events/recurrence_due.h"
#include "common/events/reminder.h"
#include "common/events/reminder_settings.h"
#include "common/events/task.h"
#include "common/events/user.h"
#include "common/json/json_out.h"

#define DIRECTORY "api/events/examples"
enum { EXAMPLE_MAX_BYTES = 65536 };

/** Write the data again from the struct it was read into. */
typedef void rewrite_fn(const char *data, struct arena *arena, struct buf *out);
static rewrite_fn rewrite_task, rewrite_user, rewrite_id, rewrite_letter, rewrite_any;
static rewrite_fn rewrite_due, rewrite_notification, rewrite_notification_update;

static const struct {
    const char *type;
    rewrite_fn *rewrite;
} types[] = {
    {EVENT_TASK_CREATED, rewrite_task},
    {EVENT_TASK_UPDATED, rewrite_task},
    {EVENT_TASK_COMPLETED, rewrite_task},
    {EVENT_TASK_REOPENED, rewrite_task},
    {EVENT_TASK_DELETED, rewrite_task},
    {EVENT_TASK_RESTORED, rewrite_task},
    {EVENT_TASK_PURGED, rewrite_id},
    {EVENT_USER_REGISTERED, rewrite_user},
    {EVENT_USER_UPDATED, rewrite_user},
    {EVENT_USER_DELETED, rewrite_user},
    {EVENT_UPDATE_TASK, rewrite_task},
    {EVENT_UPDATE_TASK_PURGED, rewrite_id},
    {EVENT_UPDATE_USER_DELETED, rewrite_user},
    {EVENT_UPDATE_PROBE, rewrite_any},
    {EVENT_UPDATE_SIGNED_OUT, rewrite_id},
    {EVENT_DEAD_LETTER, rewrite_letter},
    {EVENT_TASK_SKIPPED, rewrite_task},
    {EVENT_TASK_RECURRENCE_DUE, rewrite_due},
    {EVENT_REMINDER_SCHEDULED, rewrite_notification},
    {EVENT_REMINDER_DUE, rewrite_notification},
    {EVENT_REMINDER_CANCELLED, rewrite_notification},
    {EVENT_NOTIFICATION_SENT, rewrite_notification},
    {EVENT_NOTIFICATION_FAILED, rewrite_notification},
    {EVENT_NOTIFICATION_SHOWN, rewrite_notification_update},
    {EVENT_NOTIFICATION_READ, rewrite_notification_update},
    {EVENT_UPDATE_NOTIFICATION, rewrite_notification_update},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

static void assert_read(bool ok, const struct err *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/** Read an object into `into` by its fields, no other members allowed, and write it again. */
static void rewrite(const char *data, const struct json_field *fields, size_t n_fields, void *into,
                    struct arena *arena, struct buf *out)
{
    const struct json_reading reading = {.fields = fields, .n_fields = n_fields};
    struct json_out json;
    struct err err = {0};

    assert_read(json_read(data, strlen(data), &reading, arena, into, &err), &err);
    json_out_init(&json, out);
    json_open_object(&json, NULL);
    json_write_fields(&json, fields, n_fields, into);
    json_close_object(&json);
}

static void assert_same_when_rewritten(const char *data, const struct json_field *fields,
                                       size_t n_fields, void *into, struct arena *arena)
{
    struct buf out;

    buf_init(&out);
    rewrite(data, fields, n_fields, into, arena, &out);
    assert_string_equal(buf_text(&out), data);
    buf_clear(&out);
}

static void rewrite_task(const char *data, struct arena *arena, struct buf *out)
{
    struct task task;
    struct reminder *reminders;
    struct err err = {0};

    assert_read(task_read(data, strlen(data), arena, &task, &err), &err);
    assert_read(reminders_read(&task.reminders, arena, &reminders, &err), &err);
    task.reminders = reminders_write(reminders, task.reminders.n_items, arena);
    task_write(&task, out);
}

static void rewrite_user(const char *data, struct arena *arena, struct buf *out)
{
    struct user user;
    struct reminder_settings settings = {0};
    struct err err = {0};

    assert_read(user_read(data, strlen(data), arena, &user, &err), &err);
    if (user.reminder_settings != NULL)
        assert_same_when_rewritten(user.reminder_settings, reminder_settings_fields,
                                   reminder_settings_n_fields, &settings, arena);
    for (size_t i = 0; i < user.channels.n_items; i++) {
        struct channel_address address = {0};

        assert_same_when_rewritten(user.channels.items[i], channel_address_fields,
                                   channel_address_n_fields, &address, arena);
    }
    user_write(&user, out);
}

static void rewrite_id(const char *data, struct arena *arena, struct buf *out)
{
    struct task_purged purged = {0};

    rewrite(data, task_purged_fields, task_purged_n_fields, &purged, arena, out);
}

static void rewrite_due(const char *data, struct arena *arena, struct buf *out)
{
    struct recurrence_due due = {0};

    rewrite(data, recurrence_due_fields, recurrence_due_n_fields, &due, arena, out);
}

static void rewrite_notification(const char *data, struct arena *arena, struct buf *out)
{
    struct notification notification = {0};

    rewrite(data, notification_fields, notification_n_fields, &notification, arena, out);
}

static void rewrite_notification_update(const char *data, struct arena *arena, struct buf *out)
{
    struct notification_update update = {0};

    rewrite(data, notification_update_fields, notification_update_n_fields, &update, arena, out);
}

static void rewrite_letter(const char *data, struct arena *arena, struct buf *out)
{
    struct dead_letter letter;
    struct err err = {0};

    assert_read(dead_letter_read(data, strlen(data), arena, &letter, &err), &err);
    dead_letter_write(&letter, out);
}

static void rewrite_any(const char *data, struct arena *arena, struct buf *out)
{
    (void)arena;
    buf_add_text(out, data);
}

static size_t find_type(const char *type)
{
    size_t i = 0;

    while (i < N_TYPES && strcmp(types[i].type, type) != 0)
        i++;
    return i;
}

/** Read a file, as a JSON array of one item, so that json_read_array minifies it. */
static const char *read_minified(const char *path, struct arena *arena)
{
    char *text = arena_new(arena, EXAMPLE_MAX_BYTES);
    FILE *file = fopen(path, "r");
    struct json_texts items;
    struct err err = {0};
    size_t n;

    assert_non_null(file);
    text[0] = '[';
    n = fread(text + 1, 1, EXAMPLE_MAX_BYTES - 3, file);
    fclose(file);
    text[n + 1] = ']';
    assert_read(json_read_array(text, n + 2, 1, arena, &items, &err), &err);
    return items.items[0];
}

static size_t check_example(const char *path, struct arena *arena)
{
    const char *example = read_minified(path, arena);
    struct event event;
    struct err err = {0};
    struct buf data, out;
    size_t type;

    print_message("%s\n", path);
    assert_read(event_read(example, strlen(example), arena, &event, &err), &err);
    type = find_type(event.type);
    assert_true(type < N_TYPES);
    buf_init(&data);
    buf_init(&out);
    types[type].rewrite(event.data, arena, &data);
    event.data = buf_text(&data);
    event_write(&event, &out);
    assert_string_equal(buf_text(&out), example);
    buf_clear(&data);
    buf_clear(&out);
    return type;
}

static void test_every_example_is_read_and_written_back_alike(void **state)
{
    bool is_seen[N_TYPES] = {false};
    DIR *directory = opendir(DIRECTORY);
    const struct dirent *entry;

    (void)state;
    if (directory == NULL)
        fail_msg(DIRECTORY " is not there: run from the root of the tree");
    while ((entry = readdir(directory)) != NULL) {
        char path[512];
        struct arena arena;

        if (entry->d_name[0] == '.')
            continue;
        arena_init(&arena);
        snprintf(path, sizeof path, DIRECTORY "/%s", entry->d_name);
        is_seen[check_example(path, &arena)] = true;
        arena_clear(&arena);
    }
    closedir(directory);
    for (size_t i = 0; i < N_TYPES; i++)
        if (!is_seen[i])
            fail_msg("no example of %s", types[i].type);
}

static void test_a_dead_letter_has_the_original_in_exactly_one_form(void **state)
{
    static const char *const bad[] = {
        "{\"consumer\":\"a\",\"topic\":\"t\",\"reason\":\"r\"}",
        "{\"consumer\":\"a\",\"topic\":\"t\",\"reason\":\"r\",\"event\":\"{}\",\"event_b64\":\"e30=\"}",
    };
    struct dead_letter letter;
    struct arena arena;
    struct err err;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err = (struct err){0};
        assert_false(dead_letter_read(bad[i], strlen(bad[i]), &arena, &letter, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_example_is_read_and_written_back_alike),
        cmocka_unit_test(test_a_dead_letter_has_the_original_in_exactly_one_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
