/* tests/unit/services/backend/domain/test_account_channels.c — which channels may be added, what is
 * sealed of them, and what the user's event tells. */
#include "services/backend/domain/account_channels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/events/reminder.h"
#include "common/json/json_out.h"

static const int64_t NOW_MS = INT64_C(1795258116334);
static const struct uuid ONE = {"01a1fdb8-e8ee-7106-b9b2-765a4df47759"};
static const struct uuid OTHER = {"01a1fdb8-e8ee-7106-b9b2-765a4df47760"};

/* RFC 8291 §5 */
#define KEYS                                                                                        \
    "{\"p256dh\":\"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpk" \
    "NtoIAiw4\",\"auth\":\"BTBZMqHH6r4Tts7J_aSIgg\",\"extra\":1}"
static const char PUSH[] = "{\"channel\":\"push\",\"endpoint\":\"https://push.example/x\","
                           "\"keys\":" KEYS "}";
static const char HOOK[] = "{\"channel\":\"webhook\",\"name\":\"Home\",\"url\":"
                           "\"https://hook.example/x\"}";

static struct channel_order read_order(const char *text, struct arena *arena)
{
    const struct json_reading reading = {.fields = channel_order_fields,
                                         .n_fields = channel_order_n_fields};
    struct channel_order order = {0};
    struct err err = {0};

    assert_true(json_read(text, strlen(text), &reading, arena, &order, &err));
    assert_true(channel_order_check(&order, arena, &err));
    return order;
}

static void test_what_is_sealed_says_where_a_message_goes(void **state)
{
    struct channel_order push, hook;
    struct arena arena;
    struct buf out;

    (void)state;
    arena_init(&arena);
    buf_init(&out);
    push = read_order(PUSH, &arena);
    channel_write_address(&push, "", &out);
    assert_string_equal(
        buf_text(&out),
        "{\"endpoint\":\"https://push.example/x\",\"p256dh\":\"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUz"
        "ORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4\",\"auth\":\"BTBZMqHH6r4Tts7J_aSIgg\"}");
    buf_reset(&out);
    hook = read_order(HOOK, &arena);
    channel_write_address(&hook, "whsec_x", &out);
    assert_string_equal(buf_text(&out),
                        "{\"url\":\"https://hook.example/x\",\"secret\":\"whsec_x\"}");
    assert_string_equal(channel_order_url_field(&push), "endpoint");
    assert_string_equal(channel_order_url_field(&hook), "url");
    buf_clear(&out);
    arena_clear(&arena);
}

static void test_a_secret_is_as_standard_webhooks_has_it(void **state)
{
    unsigned char bytes[CHANNEL_SECRET_BYTES];
    char text[CHANNEL_SECRET_SIZE];

    (void)state;
    memset(bytes, 0xFB, sizeof bytes);
    channel_write_secret(bytes, text);
    assert_string_equal(text, "whsec_+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7");
}

static struct channel make(const char *text, struct uuid id, const char *sealed,
                           struct arena *arena)
{
    const struct channel_order order = read_order(text, arena);

    return channel_make(&order, "host.example", sealed, id, NOW_MS);
}

static void test_an_address_is_known_again_by_kind_and_url(void **state)
{
    struct channel one, same, other;
    struct arena arena;

    (void)state;
    arena_init(&arena);
    one = make(HOOK, ONE, "a", &arena);
    same = make("{\"channel\":\"webhook\",\"url\":\"https://hook.example/x\"}", OTHER, "b", &arena);
    other = make("{\"channel\":\"webhook\",\"url\":\"https://hook.example/y\"}", ONE, "a", &arena);
    assert_memory_equal(one.digest, same.digest, sizeof one.digest);
    assert_memory_not_equal(one.digest, other.digest, sizeof one.digest);
    other = make("{\"channel\":\"push\",\"endpoint\":\"https://hook.example/x\",\"keys\":" KEYS "}",
                 ONE, "a", &arena);
    assert_memory_not_equal(one.digest, other.digest, sizeof one.digest);
    arena_clear(&arena);
}

static void test_a_subscription_is_replaced_in_its_place(void **state)
{
    struct account account = {.version = 1};
    struct channel first, again;
    struct arena arena;
    struct err err = {0};
    bool is_new = false;

    (void)state;
    arena_init(&arena);
    first = make(PUSH, ONE, "old", &arena);
    assert_true(account_put_channel(&account, &first, NOW_MS, &arena, &is_new, &err));
    assert_true(is_new);
    again = make(PUSH, OTHER, "new", &arena);
    again.address.created_at += 5;
    assert_true(account_put_channel(&account, &again, NOW_MS + 5, &arena, &is_new, &err));
    assert_false(is_new);
    assert_int_equal(account.n_channels, 1);
    assert_int_equal(account.version, 3);
    assert_string_equal(again.address.id.text, ONE.text);
    assert_int_equal(again.address.created_at, NOW_MS);
    assert_string_equal(account.channels[0].address.sealed, "new");
    arena_clear(&arena);
}

static void test_a_webhook_that_is_there_is_refused(void **state)
{
    struct account account = {.version = 1};
    struct channel hook;
    struct arena arena;
    struct err err = {0};
    bool is_new;

    (void)state;
    arena_init(&arena);
    hook = make(HOOK, ONE, "a", &arena);
    assert_true(account_put_channel(&account, &hook, NOW_MS, &arena, &is_new, &err));
    assert_false(account_put_channel(&account, &hook, NOW_MS, &arena, &is_new, &err));
    assert_string_equal(err.slug, "webhook_exists");
    assert_int_equal(account.version, 2);
    arena_clear(&arena);
}

static void test_the_twenty_first_is_refused(void **state)
{
    struct account account = {.version = 1};
    struct arena arena;
    struct err err = {0};
    bool is_new;

    (void)state;
    arena_init(&arena);
    for (int i = 0; i <= CHANNELS_MAX; i++) {
        char text[120];
        struct channel hook;

        snprintf(text, sizeof text, "{\"channel\":\"webhook\",\"url\":\"https://h.example/%d\"}",
                 i);
        hook = make(text, ONE, "a", &arena);
        assert_int_equal(account_put_channel(&account, &hook, NOW_MS, &arena, &is_new, &err),
                         i < CHANNELS_MAX);
    }
    assert_string_equal(err.slug, "too_many_channels");
    assert_int_equal(account.n_channels, CHANNELS_MAX);
    arena_clear(&arena);
}

static void test_one_is_dropped_and_the_others_stay(void **state)
{
    struct account account = {.version = 1};
    struct channel push, hook;
    struct arena arena;
    struct err err = {0};
    bool is_new;

    (void)state;
    arena_init(&arena);
    push = make(PUSH, ONE, "a", &arena);
    hook = make(HOOK, OTHER, "b", &arena);
    assert_true(account_put_channel(&account, &push, NOW_MS, &arena, &is_new, &err));
    assert_true(account_put_channel(&account, &hook, NOW_MS, &arena, &is_new, &err));
    assert_true(account_drop_channel(&account, &ONE, NOW_MS));
    assert_false(account_drop_channel(&account, &ONE, NOW_MS));
    assert_int_equal(account.n_channels, 1);
    assert_string_equal(account.channels[0].address.id.text, OTHER.text);
    assert_int_equal(account.version, 4);
    arena_clear(&arena);
}

static void test_the_event_has_settings_and_sealed_channels(void **state)
{
    struct account account = {
        .id = ONE, .email = "ada@example.org", .name = "Ada", .time_zone = "UTC", .version = 1};
    struct reminder_settings settings = reminder_settings_initial;
    struct channel hook;
    struct arena arena;
    struct err err = {0};
    struct buf data;
    struct user user;
    bool is_new;

    (void)state;
    arena_init(&arena);
    buf_init(&data);
    account.settings = settings;
    settings.digest_at = "08:00";
    hook = make(HOOK, OTHER, "k1.sealed", &arena);
    assert_true(account_put_channel(&account, &hook, NOW_MS, &arena, &is_new, &err));
    account_write_event(&account, 0, &data);
    assert_true(user_read(buf_text(&data), data.n_bytes, &arena, &user, &err));
    assert_null(user.reminder_settings);
    assert_true(account_set_settings(&account, &settings, NOW_MS));
    assert_false(account_set_settings(&account, &settings, NOW_MS));
    buf_reset(&data);
    account_write_event(&account, 0, &data);
    assert_true(user_read(buf_text(&data), data.n_bytes, &arena, &user, &err));
    assert_int_equal(user.version, 3);
    assert_non_null(strstr(user.reminder_settings, "\"digest_at\":\"08:00\""));
    assert_int_equal(user.channels.n_items, 1);
    assert_string_equal(user.channels.items[0],
                        "{\"id\":\"01a1fdb8-e8ee-7106-b9b2-765a4df47760\",\"channel\":\"webhook\","
                        "\"name\":\"Home\",\"sealed\":\"k1.sealed\",\"created_at\":"
                        "\"2026-11-21T10:48:36.334Z\"}");
    buf_reset(&data);
    account_write_event(&account, NOW_MS, &data);
    assert_null(strstr(buf_text(&data), "sealed"));
    assert_null(strstr(buf_text(&data), "08:00"));
    buf_clear(&data);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sealed_says_where_a_message_goes),
        cmocka_unit_test(test_a_secret_is_as_standard_webhooks_has_it),
        cmocka_unit_test(test_an_address_is_known_again_by_kind_and_url),
        cmocka_unit_test(test_a_subscription_is_replaced_in_its_place),
        cmocka_unit_test(test_a_webhook_that_is_there_is_refused),
        cmocka_unit_test(test_the_twenty_first_is_refused),
        cmocka_unit_test(test_one_is_dropped_and_the_others_stay),
        cmocka_unit_test(test_the_event_has_settings_and_sealed_channels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
