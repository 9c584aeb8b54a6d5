/* tests/unit/common/base/test_config.c */
#include "common/base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct settings {
    int limit_ms;
    const char *store;
    const char *token;
    bool is_strict;
    int level;
};

static const char *const levels[] = {"debug", "info", "warn", NULL};
static const struct config_key keys[] = {
    CONFIG_INT(struct settings, limit_ms, "T_LIMIT_MS", "2000", 50, 60000, "limit of a call, ms"),
    CONFIG_TEXT(struct settings, store, "T_STORE", "secrets", 1, 10, "component"),
    CONFIG_SECRET(struct settings, token, "T_TOKEN", NULL, 8, 20, "token"),
    CONFIG_BOOL(struct settings, is_strict, "T_STRICT", "true", "refuse more"),
    CONFIG_ENUM(struct settings, level, "T_LEVEL", "info", levels, "least level"),
};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

/* Read with the environment as it is; return what was printed, to be freed. */
static char *read_settings(struct settings *settings, bool *is_good)
{
    char *text = NULL;
    size_t size = 0;
    FILE *errors = open_memstream(&text, &size);

    *is_good = config_read(keys, N_KEYS, settings, errors);
    fclose(errors);
    return text;
}

static int unset_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KEYS; i++)
        unsetenv(keys[i].name);
    return 0;
}

static void test_defaults_fill_what_is_not_set(void **state)
{
    struct settings settings = {0};
    bool is_good;
    char *text;

    (void)state;
    setenv("T_TOKEN", "long-enough", 1);
    text = read_settings(&settings, &is_good);
    assert_string_equal(text, "");
    assert_true(is_good);
    assert_int_equal(settings.limit_ms, 2000);
    assert_string_equal(settings.store, "secrets");
    assert_string_equal(settings.token, "long-enough");
    assert_true(settings.is_strict);
    assert_int_equal(settings.level, 1);
    free(text);
}

static void test_the_environment_wins(void **state)
{
    struct settings settings = {0};
    bool is_good;
    char *text;

    (void)state;
    setenv("T_LIMIT_MS", "50", 1);
    setenv("T_STORE", "other", 1);
    setenv("T_TOKEN", "long-enough", 1);
    setenv("T_STRICT", "false", 1);
    setenv("T_LEVEL", "warn", 1);
    text = read_settings(&settings, &is_good);
    assert_true(is_good);
    assert_int_equal(settings.limit_ms, 50);
    assert_string_equal(settings.store, "other");
    assert_false(settings.is_strict);
    assert_int_equal(settings.level, 2);
    free(text);
}

static void test_all_mistakes_are_told_at_once(void **state)
{
    struct settings settings = {0};
    bool is_good;
    char *text;

    (void)state;
    setenv("T_LIMIT_MS", "49", 1);
    setenv("T_STORE", "eleven bytes", 1);
    setenv("T_STRICT", "yes", 1);
    setenv("T_LEVEL", "loud", 1);
    text = read_settings(&settings, &is_good);
    assert_false(is_good);
    assert_string_equal(text, "T_LIMIT_MS: \"49\" is outside 50..60000 (limit of a call, ms)\n"
                              "T_STORE: is 12 bytes long; must be 1..10 (component)\n"
                              "T_TOKEN: is required and not set (token)\n"
                              "T_STRICT: \"yes\" is not one of false|true (refuse more)\n"
                              "T_LEVEL: \"loud\" is not one of debug|info|warn (least level)\n");
    free(text);
}

static void test_only_whole_numbers_within_the_limits_are_numbers(void **state)
{
    static const struct {
        const char *value;
        bool is_good;
    } rows[] = {
        {"50", true},          {"60000", true}, {"0050", true},
        {"60001", false},      {"-50", false},  {"+50", false},
        {" 50", false},        {"50 ", false},  {"50ms", false},
        {"5e3", false},        {"50.0", false}, {"0x50", false},
        {"", false},           {"-", false},    {"99999999999999999999999", false},
        {"4294967346", false}, /* 50 if it were cut to 32 bits */
    };

    (void)state;
    setenv("T_TOKEN", "long-enough", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct settings settings = {0};
        bool is_good;
        char *text;

        setenv("T_LIMIT_MS", rows[i].value, 1);
        text = read_settings(&settings, &is_good);
        if (is_good != rows[i].is_good)
            fail_msg("\"%s\": %s", rows[i].value, text);
        assert_int_equal(is_good, strstr(text, "50..60000") == NULL);
        free(text);
    }
}

static void test_a_secret_is_never_shown(void **state)
{
    struct settings settings = {0};
    char *text = NULL;
    size_t size = 0;
    bool is_good;
    FILE *out;

    (void)state;
    setenv("T_TOKEN", "hunter2", 1);
    text = read_settings(&settings, &is_good);
    assert_false(is_good);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "T_TOKEN: is 7 bytes long; must be 8..20"));
    free(text);
    out = open_memstream(&text, &size);
    config_print_help(keys, N_KEYS, out);
    fclose(out);
    assert_null(strstr(text, "hunter2"));
    free(text);
}

static void test_an_odd_value_is_shown_in_part_and_harmless(void **state)
{
    struct settings settings = {0};
    char value[200] = "\033[31m\n";
    bool is_good;
    char *text;

    (void)state;
    memset(value + 6, 'x', 150);
    setenv("T_LEVEL", value, 1);
    setenv("T_TOKEN", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 1);
    text = read_settings(&settings, &is_good);
    assert_false(is_good);
    assert_non_null(strstr(text, "T_LEVEL: \"?[31m?xxx"));
    assert_non_null(strstr(text, "xxx...\" is not one of"));
    assert_non_null(strstr(text, "T_TOKEN: is not valid UTF-8"));
    free(text);
}

static void test_the_help_is_aligned_and_complete(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    config_print_help(keys, N_KEYS, out);
    fclose(out);
    assert_string_equal(text, "  T_LIMIT_MS  2000        50..60000        limit of a call, ms\n"
                              "  T_STORE     secrets     1..10 bytes      component\n"
                              "  T_TOKEN     (required)  8..20 bytes      token\n"
                              "  T_STRICT    true        false|true       refuse more\n"
                              "  T_LEVEL     info        debug|info|warn  least level\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults_fill_what_is_not_set, unset_all),
        cmocka_unit_test_setup(test_the_environment_wins, unset_all),
        cmocka_unit_test_setup(test_all_mistakes_are_told_at_once, unset_all),
        cmocka_unit_test_setup(test_only_whole_numbers_within_the_limits_are_numbers, unset_all),
        cmocka_unit_test_setup(test_a_secret_is_never_shown, unset_all),
        cmocka_unit_test_setup(test_an_odd_value_is_shown_in_part_and_harmless, unset_all),
        cmocka_unit_test_setup(test_the_help_is_aligned_and_complete, unset_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
