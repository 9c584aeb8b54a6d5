#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/dapr/secrets.h"
#include "common/jwt/jwt_keys.h"
#include "services/websocket/domain/ticket.h"

enum { NOW_S = 1795600000 };

#define USER "0190c9a0-0000-7000-8000-000000000001"
#define TICKET "0190c9a0-0000-7000-8000-00000000000a"
/* the base64 of 32 bytes each */
#define KEY_ONE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_TWO "//////////////////////////////////////////8="

struct fixture {
    struct jwt_keys *keys;
    struct arena arena;
};

static struct jwt_keys *new_keys(const char *active, const char *kid, const char *key)
{
    struct secret_pair pairs[] = {{"active", active}, {kid, key}};
    struct secret secret = {.pairs = pairs, .n_pairs = 2};
    struct jwt_keys *keys = jwt_keys_new();
    struct err err;

    assert_true(jwt_keys_set(keys, &secret, &err));
    return keys;
}

static int set_up(void **state)
{
    static struct fixture f;

    f.keys = new_keys("k1", "k1", KEY_ONE);
    arena_init(&f.arena);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    jwt_keys_free(f->keys);
    arena_clear(&f->arena);
    return 0;
}

static struct jwt_claims good_claims(void)
{
    return (struct jwt_claims){.audience = JWT_AUDIENCE_WS,
                               .subject = USER,
                               .id = TICKET,
                               .seq = 12,
                               .issued_at_s = NOW_S,
                               .expires_at_s = NOW_S + 30};
}

static const char *sign(struct fixture *f, const struct jwt_keys *keys,
                        const struct jwt_claims *claims)
{
    const char *text = NULL;
    struct err err;

    assert_true(jwt_sign(keys, claims, &f->arena, &text, &err));
    return text;
}

static bool read_at(struct fixture *f, const char *text, int64_t now_ms, struct ticket *ticket,
                    struct err *err)
{
    return ticket_read(f->keys, text, now_ms, &f->arena, ticket, err);
}

static void test_a_good_ticket_names_user_id_and_seq(void **state)
{
    struct fixture *f = *state;
    struct jwt_claims claims = good_claims();
    struct ticket ticket;
    struct err err = {0};

    assert_true(read_at(f, sign(f, f->keys, &claims), NOW_S * 1000LL, &ticket, &err));
    assert_string_equal(ticket.user_id.text, USER);
    assert_string_equal(ticket.id.text, TICKET);
    assert_int_equal(ticket.seq, 12);
}

static void test_a_ticket_is_good_to_the_last_second(void **state)
{
    struct fixture *f = *state;
    struct jwt_claims claims = good_claims();
    const char *text = sign(f, f->keys, &claims);
    struct ticket ticket;
    struct err err = {0};

    assert_true(read_at(f, text, (NOW_S + 29) * 1000LL + 999, &ticket, &err));
    assert_false(read_at(f, text, (NOW_S + 30) * 1000LL, &ticket, &err));
    assert_int_equal(err.code, ERR_UNAUTHENTICATED);
}

struct bad {
    const char *what;
    void (*spoil)(struct jwt_claims *claims);
};

static void spoil_audience(struct jwt_claims *claims)
{
    claims->audience = JWT_AUDIENCE_API;
}

static void spoil_subject(struct jwt_claims *claims)
{
    claims->subject = "ada";
}

static void spoil_id(struct jwt_claims *claims)
{
    claims->id = "1";
}

static void drop_id(struct jwt_claims *claims)
{
    claims->id = NULL;
}

static void live_too_long(struct jwt_claims *claims)
{
    claims->expires_at_s = NOW_S + TICKET_LIFE_MAX_S + 1;
}

static const struct bad bads[] = {
    {"for the API", spoil_audience},
    {"a user that is no UUID", spoil_subject},
    {"an id that is no UUID", spoil_id},
    {"no id", drop_id},
    {"outlives its record of use", live_too_long},
};

static void test_each_bad_claim_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
        struct jwt_claims claims = good_claims();
        struct ticket ticket;
        struct err err = {0};

        bads[i].spoil(&claims);
        if (read_at(f, sign(f, f->keys, &claims), NOW_S * 1000LL, &ticket, &err))
            fail_msg("%s: was taken", bads[i].what);
        assert_int_equal(err.code, ERR_UNAUTHENTICATED);
    }
}

static void test_another_key_under_the_same_kid_is_refused(void **state)
{
    struct fixture *f = *state;
    struct jwt_keys *others = new_keys("k1", "k1", KEY_TWO);
    struct jwt_claims claims = good_claims();
    struct ticket ticket;
    struct err err = {0};

    assert_false(read_at(f, sign(f, others, &claims), NOW_S * 1000LL, &ticket, &err));
    assert_int_equal(err.code, ERR_UNAUTHENTICATED);
    jwt_keys_free(others);
}

static void test_an_unknown_kid_is_refused_even_with_the_right_key(void **state)
{
    struct fixture *f = *state;
    struct jwt_keys *others = new_keys("k2", "k2", KEY_ONE);
    struct jwt_claims claims = good_claims();
    struct ticket ticket;
    struct err err = {0};

    assert_false(read_at(f, sign(f, others, &claims), NOW_S * 1000LL, &ticket, &err));
    jwt_keys_free(others);
}

static void test_a_missing_ticket_is_said_to_be_missing(void **state)
{
    struct ticket ticket;
    struct err err = {0};

    assert_false(read_at(*state, NULL, NOW_S * 1000LL, &ticket, &err));
    assert_non_null(strstr(err.text, "missing"));
    assert_false(read_at(*state, "", NOW_S * 1000LL, &ticket, &err));
}

static void test_without_keys_it_is_worth_trying_again(void **state)
{
    struct fixture *f = *state;
    struct jwt_keys *none = jwt_keys_new();
    struct jwt_claims claims = good_claims();
    struct ticket ticket;
    struct err err = {0};

    assert_false(
        ticket_read(none, sign(f, f->keys, &claims), NOW_S * 1000LL, &f->arena, &ticket, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    jwt_keys_free(none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_good_ticket_names_user_id_and_seq),
        TEST(test_a_ticket_is_good_to_the_last_second),
        TEST(test_each_bad_claim_is_refused),
        TEST(test_another_key_under_the_same_kid_is_refused),
        TEST(test_an_unknown_kid_is_refused_even_with_the_right_key),
        TEST(test_a_missing_ticket_is_said_to_be_missing),
        TEST(test_without_keys_it_is_worth_trying_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
