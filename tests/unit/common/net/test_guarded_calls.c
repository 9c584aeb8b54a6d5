/* tests/unit/common/net/test_guarded_calls.c — hosts of users' addresses, looked up by a name service of
 * our own: when such an address is saved (address_check_host), and when it is called (a guarded
 * http_client, whose libcurl asks the same one). */
#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/http_client.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "common/net/public_address.h"
#include "tests/unit/support/net_peer.h"

enum { LONG_MS = 120000 }; /* a limit that is not reached, however busy the machine */

/* -------- the name service, in place of the C library's */

static atomic_int n_hanging; /* lookups that wait for `may_answer` */
static atomic_bool may_answer;
static atomic_bool has_moved; /* moving.example is on this machine now */

static const struct name {
    const char *name;
    int why_not;
    const char *addresses[3];
} names[] = {
    {"public.example", 0, {"192.31.196.1", "2620:4f:8000::1"}},
    {"inside.example", 0, {"10.0.0.7"}},
    {"mixed.example", 0, {"192.31.196.1", "169.254.169.254"}},
    {"mixed6.example", 0, {"192.31.196.1", "::1"}},
    {"here.example", 0, {"127.0.0.1"}},
    {"here6.example", 0, {"::ffff:127.0.0.1", "64:ff9b::7f00:1"}},
    {"none.example", EAI_NONAME, {NULL}},
    {"empty.example", EAI_NODATA, {NULL}},
    {"later.example", EAI_AGAIN, {NULL}},
    {"hangs.example", 0, {"192.31.196.1"}},
    {"moving.example", 0, {"192.31.196.1"}},
    {"moved", 0, {"127.0.0.1"}},
};

static struct addrinfo *new_info(const char *text, const char *service)
{
    struct addrinfo *info = mem_new(sizeof *info + sizeof(struct sockaddr_in6));
    struct sockaddr_in *in4 = (struct sockaddr_in *)(void *)(info + 1);
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)(info + 1);
    in_port_t port = htons((uint16_t)(service != NULL ? strtol(service, NULL, 10) : 0));

    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)(void *)(info + 1);
    if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
        info->ai_addr->sa_family = AF_INET;
        info->ai_addrlen = sizeof *in4;
        in4->sin_port = port;
    } else {
        assert(inet_pton(AF_INET6, text, &in6->sin6_addr) == 1);
        info->ai_addr->sa_family = AF_INET6;
        info->ai_addrlen = sizeof *in6;
        in6->sin6_port = port;
    }
    info->ai_family = info->ai_addr->sa_family;
    return info;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    const char *name =
        strcmp(host, "moving.example") == 0 && atomic_load(&has_moved) ? "moved" : host;
    struct addrinfo **next = found;

    (void)hints;
    *found = NULL;
    if (strcmp(name, "hangs.example") == 0) {
        atomic_fetch_add(&n_hanging, 1);
        while (!atomic_load(&may_answer))
            usleep(1000);
        atomic_fetch_sub(&n_hanging, 1);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) != 0)
            continue;
        for (size_t k = 0; k < 3 && names[i].addresses[k] != NULL; k++) {
            *next = new_info(names[i].addresses[k], service);
            next = &(*next)->ai_next;
        }
        return names[i].why_not;
    }
    *found = new_info(name, service); /* an address */
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;

        mem_free(found);
        found = next;
    }
}

/* -------- */

struct fixture {
    struct loop *loop;
    struct address_resolver *resolver;
    struct address_policy strict, loose;
    struct http_server *server;
    int n_served;
    int n_done;
    struct err err;
    int status;
    int64_t retry_after_ms;
    const char *retry_after; /* the header that the server sends; NULL: none */
};

static void answer_later(void *context, struct http_request *req)
{
    struct fixture *f = context;

    f->n_served++;
    if (f->retry_after != NULL)
        http_add_header(req, "Retry-After", f->retry_after);
    http_reply_empty(req, 429);
}

static void redirect(void *context, struct http_request *req)
{
    struct fixture *f = context;

    f->n_served++;
    http_add_header(req, "Location", "/later");
    http_reply_empty(req, 307);
}

static const struct route routes[] = {{HTTP_POST, "/later", answer_later},
                                      {HTTP_POST, "/redirect", redirect}};

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);
    struct http_server_config config = {.name = "peer",
                                        .address = "127.0.0.1",
                                        .limits = {64, LONG_MS, LONG_MS, LONG_MS, 16384, 4194304},
                                        .routes = routes,
                                        .n_routes = 2,
                                        .context = f};

    f->loop = loop_new();
    config.loop = f->loop;
    f->server = http_server_new(&config, &f->err);
    assert_non_null(f->server);
    f->resolver = address_resolver_new(f->loop);
    assert_true(address_policy_read("443", false, &f->strict, &f->err));
    assert_true(address_policy_read("443", true, &f->loose, &f->err));
    atomic_store(&may_answer, false);
    atomic_store(&has_moved, false);
    *state = f;
    return 0;
}

/* Let the threads end that hang, so that nothing of them is left to leak. */
static void end_lookups(void)
{
    atomic_store(&may_answer, true);
    while (atomic_load(&n_hanging) > 0)
        usleep(1000);
    usleep(20000);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    address_resolver_free(f->resolver);
    http_server_free(f->server);
    net_turn(f->loop, 3);
    loop_free(f->loop);
    end_lookups();
    mem_free(f);
    return 0;
}

static bool is_done(void *arg)
{
    return ((struct fixture *)arg)->n_done > 0;
}

static void on_checked(void *arg, const struct err *err)
{
    struct fixture *f = arg;

    f->n_done++;
    f->err = err != NULL ? *err : (struct err){0};
}

static void check(struct fixture *f, const struct address_policy *policy, const char *url)
{
    const struct address_question question = {policy, url, "endpoint", LONG_MS};

    f->n_done = 0;
    address_check_host(f->resolver, &question, on_checked, f);
    assert_int_equal(f->n_done, 0);
    net_turn_until(f->loop, is_done, f);
    assert_int_equal(f->n_done, 1);
}

static void test_every_address_of_a_host_must_be_public(void **state)
{
    static const struct {
        const char *url;
        enum err_code strict, loose;
    } cases[] = {
        {"https://public.example/x", ERR_NONE, ERR_NONE},
        {"https://8.8.8.8/x", ERR_NONE, ERR_NONE},
        {"https://[2620:4f:8000::1]/x", ERR_NONE, ERR_NONE},
        {"https://inside.example/x", ERR_INVALID, ERR_INVALID},
        {"https://mixed.example/x", ERR_INVALID, ERR_INVALID},
        {"https://mixed6.example/x", ERR_INVALID, ERR_NONE},
        {"https://here.example/x", ERR_INVALID, ERR_NONE},
        {"https://here6.example/x", ERR_INVALID, ERR_NONE},
        {"https://127.0.0.1/x", ERR_INVALID, ERR_NONE},
        {"http://public.example/x", ERR_INVALID, ERR_NONE},
        {"https://none.example/x", ERR_INVALID, ERR_INVALID},
        {"https://empty.example/x", ERR_INVALID, ERR_INVALID},
        {"https://later.example/x", ERR_UNAVAILABLE, ERR_UNAVAILABLE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int k = 0; k < 2; k++) {
            enum err_code wanted = k == 0 ? cases[i].strict : cases[i].loose;

            check(f, k == 0 ? &f->strict : &f->loose, cases[i].url);
            if (f->err.code != wanted)
                fail_msg("%s: %s", cases[i].url, f->err.text);
            assert_true(wanted == ERR_NONE || strstr(f->err.text, "endpoint") != NULL);
            assert_null(strstr(f->err.text, "169."));
        }
    }
}

static void test_a_name_service_that_hangs_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    const struct address_question question = {&f->strict, "https://hangs.example/", "url", 50};

    for (int i = 0; i < 8; i++) {
        f->n_done = 0;
        address_check_host(f->resolver, &question, on_checked, f);
        net_turn_until(f->loop, is_done, f);
        assert_int_equal(f->err.code, ERR_TIMEOUT);
    }
    check(f, &f->strict, "https://public.example/");
    assert_int_equal(f->err.code, ERR_UNAVAILABLE); /* as many as may be hang */
    end_lookups();
    for (int64_t until = clock_monotonic_ms() + LONG_MS; f->err.code == ERR_UNAVAILABLE;) {
        assert_true(clock_monotonic_ms() < until);
        check(f, &f->strict,
              "https://public.example/"); /* the threads tell of their end one by one */
    }
    assert_int_equal(f->err.code, ERR_NONE);
}

static void test_ending_the_resolver_answers_what_runs(void **state)
{
    struct fixture *f = *state;
    const struct address_question hangs = {&f->strict, "https://hangs.example/", "url", LONG_MS};
    const struct address_question bad = {&f->strict, "https://10.0.0.1/", "url", LONG_MS};

    address_check_host(f->resolver, &hangs, on_checked, f);
    address_check_host(f->resolver, &bad, on_checked, f);
    address_resolver_free(f->resolver);
    f->resolver = NULL;
    assert_int_equal(f->n_done, 2);
    assert_int_equal(f->err.code, ERR_UNAVAILABLE);
}

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct fixture *f = arg;

    f->n_done++;
    f->err = err != NULL ? *err : (struct err){0};
    f->status = answer != NULL ? answer->status : 0;
    f->retry_after_ms = answer != NULL ? answer->retry_after_ms : -1;
}

/* Call http://HOST:PORT/PATH, or https, by a client that is guarded unless `policy` is NULL. */
static void call(struct fixture *f, const struct address_policy *policy, const char *origin,
                 const char *path)
{
    struct http_client *client = http_client_new(f->loop, 4);
    char url[128];
    struct http_call http = {.method = HTTP_POST, .url = url, .body = "x", .n_body_bytes = 1};

    if (policy != NULL)
        http_client_guard(client, policy);
    snprintf(url, sizeof url, "%s:%d%s", origin, http_server_port(f->server), path);
    http.limit_ms = strstr(origin, "hangs") != NULL ? 100 : LONG_MS;
    f->n_done = 0;
    http_client_send(client, &http, on_answered, f);
    net_turn_until(f->loop, is_done, f);
    http_client_free(client);
}

static void test_the_very_address_that_is_called_is_judged(void **state)
{
    static const char *const origins[] = {"https://inside.example", "https://here.example",
                                          "https://here6.example",  "https://127.0.0.1",
                                          "https://[::1]",          "https://2130706433",
                                          "https://0x7f.1",         "https://127.1",
                                          "https://localhost",      "https://[::ffff:127.0.0.1]"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        call(f, &f->strict, origins[i], "/later");
        if (f->err.code != ERR_FORBIDDEN)
            fail_msg("%s: %d %s", origins[i], (int)f->err.code, f->err.text);
        assert_string_equal(f->err.text, "its host has an address that is not public");
    }
    call(f, &f->strict, "http://here.example", "/later");
    assert_int_equal(f->err.code, ERR_INTERNAL); /* http is none of its schemes */
    assert_int_equal(f->n_served, 0);
    call(f, &f->loose, "http://here.example", "/later");
    assert_int_equal(f->err.code, ERR_NONE);
    assert_int_equal(f->n_served, 1);
    call(f, &f->loose, "http://inside.example", "/later");
    assert_int_equal(f->err.code, ERR_FORBIDDEN);
}

static void test_a_name_that_changes_after_it_was_checked_gains_nothing(void **state)
{
    struct fixture *f = *state;

    check(f, &f->strict, "https://moving.example/later");
    assert_int_equal(f->err.code, ERR_NONE);
    atomic_store(&has_moved, true);
    call(f, &f->strict, "https://moving.example", "/later");
    assert_int_equal(f->err.code, ERR_FORBIDDEN);
}

static void test_redirects_and_proxies_are_not_followed(void **state)
{
    struct fixture *f = *state;
    char proxy[64];

    call(f, &f->loose, "http://127.0.0.1", "/redirect");
    assert_int_equal(f->status, 307);
    assert_int_equal(f->n_served, 1);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", http_server_port(f->server));
    setenv("http_proxy", proxy, 1);
    setenv("https_proxy", proxy, 1);
    setenv("ALL_PROXY", proxy, 1);
    call(f, &f->strict, "https://inside.example", "/later");
    assert_int_equal(f->err.code, ERR_FORBIDDEN);
    assert_int_equal(f->n_served, 1);
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");
}

static void test_an_answer_says_when_to_come_again(void **state)
{
    static const struct {
        const char *header;
        int64_t least_ms, most_ms;
    } cases[] = {
        {NULL, 0, 0},   {"17", 17000, 17000}, {"0", 0, 0}, {"Sun, 06 Nov 1994 08:49:37 GMT", 0, 0},
        {"soon", 0, 0}, {"-5", 0, 0},         {"", 0, 0},  {"120", 120000, 120000},
    };
    struct fixture *f = *state;
    char date[64];
    time_t in_an_hour = time(NULL) + 3600;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->retry_after = cases[i].header;
        call(f, &f->loose, "http://127.0.0.1", "/later");
        assert_int_equal(f->status, 429);
        if (f->retry_after_ms < cases[i].least_ms || f->retry_after_ms > cases[i].most_ms)
            fail_msg("%s: %d", cases[i].header, (int)f->retry_after_ms);
    }
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&in_an_hour));
    f->retry_after = date;
    call(f, &f->loose, "http://127.0.0.1", "/later");
    assert_true(f->retry_after_ms > 3000000 && f->retry_after_ms <= 3600000);
}

static void test_a_call_whose_host_is_looked_up_for_ever_ends_at_its_limit(void **state)
{
    struct fixture *f = *state;

    call(f, &f->strict, "https://hangs.example", "/later");
    assert_int_equal(f->err.code, ERR_TIMEOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_address_of_a_host_must_be_public),
        TEST(test_a_name_service_that_hangs_holds_up_nobody),
        TEST(test_ending_the_resolver_answers_what_runs),
        TEST(test_the_very_address_that_is_called_is_judged),
        TEST(test_a_name_that_changes_after_it_was_checked_gains_nothing),
        TEST(test_redirects_and_proxies_are_not_followed),
        TEST(test_an_answer_says_when_to_come_again),
        TEST(test_a_call_whose_host_is_looked_up_for_ever_ends_at_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
