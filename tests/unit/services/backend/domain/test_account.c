/* tests/unit/services/backend/domain/test_account.c — what may be sent, what changes, what is
 * shown of an account. */
#include "services/backend/domain/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/json/json_out.h"

static const int64_t NOW_MS = INT64_C(1795258116334);
static const int64_t DAY_MS = 86400000;

static struct account ada(void)
{
    return (struct account){
        .id = {"01a1fdb8-e8ee-7106-b9b2-765a4df47759"},
        .email = "ada@example.org",
        .name = "Ada",
        .time_zone = "UTC",
        .version = 3,
        .created_at = NOW_MS,
        .updated_at = NOW_MS,
        .password_hash = "$argon2id$secret",
        .credentials = 9,
    };
}

static bool read_registration(const char *text, struct err *err)
{
    const struct json_reading reading = {.fields = registration_fields,
                                         .n_fields = registration_n_fields};
    struct registration registration = {0};
    struct arena arena;

    arena_init(&arena);
    *err = (struct err){0};
    bool ok = json_read(text, strlen(text), &reading, &arena, &registration, err);

    arena_clear(&arena);
    return ok;
}

static void test_password_limits_are_in_characters(void **state)
{
    struct err err;

    (void)state;
    assert_true(read_registration("{\"email\":\"a\",\"password\":\"0123456789\"}", &err));
    assert_true(read_registration("{\"email\":\"a\",\"password\":\"äöüäöüäöüä\"}", &err));
    assert_false(read_registration("{\"email\":\"a\",\"password\":\"äöüäöüäöü\"}", &err));
    assert_string_equal(err.fields[0].field, "password");
    assert_string_equal(err.fields[0].text, "is 9 characters long; at least 10");
}

static void test_a_patch_without_effect_changes_nothing(void **state)
{
    const struct account_patch patches[] = {{NULL, NULL}, {"Ada", NULL}, {"Ada", "UTC"}};
    struct account account = ada();

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_false(account_apply(&account, &patches[i], NOW_MS + 1));
    assert_int_equal(account.version, 3);
    assert_int_equal(account.updated_at, NOW_MS);
}

static void test_a_patch_raises_the_version(void **state)
{
    const struct account_patch patch = {NULL, "Europe/Berlin"};
    struct account account = ada();

    (void)state;
    assert_true(account_apply(&account, &patch, NOW_MS + 1));
    assert_string_equal(account.name, "Ada");
    assert_string_equal(account.time_zone, "Europe/Berlin");
    assert_int_equal(account.version, 4);
    assert_int_equal(account.updated_at, NOW_MS + 1);
}

static void test_nothing_secret_is_shown(void **state)
{
    const struct account account = ada();
    struct json_out json;
    struct buf body;

    (void)state;
    buf_init(&body);
    json_out_init(&json, &body);
    json_open_object(&json, NULL);
    json_write_fields(&json, account_fields, account_n_fields, &account);
    json_close_object(&json);
    account_write_event(&account, 0, &body);
    assert_null(strstr(buf_text(&body), "argon2id"));
    assert_null(strstr(buf_text(&body), "credentials"));
    assert_non_null(strstr(buf_text(&body), "ada@example.org"));
    buf_clear(&body);
}

static void test_the_event_of_a_deletion_names_nobody(void **state)
{
    const struct account account = ada();
    struct buf data;

    (void)state;
    buf_init(&data);
    account_write_event(&account, NOW_MS, &data);
    assert_null(strstr(buf_text(&data), "ada@example.org"));
    assert_null(strstr(buf_text(&data), "Ada"));
    assert_non_null(strstr(buf_text(&data), "\"version\":3"));
    assert_non_null(strstr(buf_text(&data), account.id.text));
    buf_clear(&data);
}

static void test_a_token_expires_within_a_year(void **state)
{
    struct api_token_order order = {.name = "x"};
    struct err err = {0};

    (void)state;
    assert_true(api_token_order_check(&order, NOW_MS, &err));
    assert_int_equal(order.expires_at, NOW_MS + 90 * DAY_MS);
    order.expires_at = NOW_MS + 366 * DAY_MS;
    assert_true(api_token_order_check(&order, NOW_MS, &err));
    order.expires_at++;
    assert_false(api_token_order_check(&order, NOW_MS, &err));
    assert_string_equal(err.fields[0].field, "expires_at");
    order.expires_at = NOW_MS;
    err = (struct err){0};
    assert_false(api_token_order_check(&order, NOW_MS, &err));
    assert_string_equal(err.fields[0].text, "is not in the future");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password_limits_are_in_characters),
        cmocka_unit_test(test_a_patch_without_effect_changes_nothing),
        cmocka_unit_test(test_a_patch_raises_the_version),
        cmocka_unit_test(test_nothing_secret_is_shown),
        cmocka_unit_test(test_the_event_of_a_deletion_names_nobody),
        cmocka_unit_test(test_a_token_expires_within_a_year),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
