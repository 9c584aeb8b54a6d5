#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/router.h"

static void handle(void *context, struct http_request *req)
{
    (void)context;
    (void)req;
}

static const struct route routes[] = {
    {HTTP_GET, "/", handle},
    {HTTP_GET, "/tasks", handle},
    {HTTP_POST, "/tasks", handle},
    {HTTP_GET, "/tasks/{id}", handle},
    {HTTP_PATCH, "/tasks/{task}", handle},
    {HTTP_POST, "/tasks/batch", handle},
    {HTTP_POST, "/tasks/{id}/complete", handle},
    {HTTP_GET, "/lists/all", handle},
    {HTTP_GET, "/lists/{id}", handle},
    {HTTP_GET, "/a/{b}/c/{d}/e/{f}/g/{h}", handle},
};
enum { N_ROUTES = sizeof(routes) / sizeof(*routes) };

struct expectation {
    enum http_method method;
    const char *segments; /* between slashes */
    int route;            /* -1: none */
    unsigned methods;
    const char *param; /* name of the first; NULL: none */
};

static const struct expectation expectations[] = {
    {HTTP_GET, "", 0, HTTP_GET, NULL},
    {HTTP_GET, "tasks", 1, HTTP_GET | HTTP_POST, NULL},
    {HTTP_HEAD, "tasks", 1, HTTP_GET | HTTP_POST, NULL},
    {HTTP_POST, "tasks", 2, HTTP_GET | HTTP_POST, NULL},
    {HTTP_PUT, "tasks", -1, HTTP_GET | HTTP_POST, NULL},
    {HTTP_GET, "tasks/7", 3, HTTP_GET | HTTP_PATCH, "id"},
    {HTTP_PATCH, "tasks/7", 4, HTTP_GET | HTTP_PATCH, "task"},
    {HTTP_POST, "tasks/batch", 5, HTTP_POST, NULL},
    {HTTP_POST, "tasks/batch/complete", 6, HTTP_POST, "id"},
    {HTTP_POST, "tasks/7/complete", 6, HTTP_POST, "id"},
    {HTTP_GET, "lists/all", 7, HTTP_GET, NULL},
    {HTTP_GET, "lists/7", 8, HTTP_GET, "id"},
    {HTTP_GET, "a/1/c/2/e/3/g/4", 9, HTTP_GET, "b"},
    {HTTP_GET, "a/1/c/2/e/3/g", -1, 0, NULL},
    {HTTP_GET, "tasks/", -1, 0, NULL},
    {HTTP_GET, "TASKS", -1, 0, NULL},
    {HTTP_GET, "task", -1, 0, NULL},
    {HTTP_GET, "taskss", -1, 0, NULL},
    {HTTP_GET, "tasks/7/complete/now", -1, 0, NULL},
};

static size_t split(char *path, const char **segments)
{
    size_t n = 0;

    for (char *end; path; path = end) {
        end = strchr(path, '/');
        if (end)
            *end++ = '\0';
        segments[n++] = path;
    }
    return n;
}

static void test_each_path_finds_its_row_its_methods_and_its_parameters(void **state)
{
    struct router *router = router_new(routes, N_ROUTES);

    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(*expectations); i++) {
        const struct expectation *e = &expectations[i];
        const char *segments[ROUTER_SEGMENTS_MAX];
        struct router_match match;
        char path[64];

        strcpy(path, e->segments);
        router_find(router, e->method, segments, split(path, segments), &match);
        if ((match.route ? (int)(match.route - routes) : -1) != e->route)
            fail_msg("/%s found another row", e->segments);
        assert_int_equal(match.methods, e->methods);
        if (match.route && e->param)
            assert_int_equal(router_param_index(match.route, e->param), 0);
        if (!e->param)
            assert_int_equal(match.n_params, 0);
    }
    router_free(router);
}

static void test_parameters_are_found_by_name_in_order(void **state)
{
    const char *segments[] = {"a", "1", "c", "2", "e", "3", "g", "4"};
    struct router *router = router_new(routes, N_ROUTES);
    struct router_match match;

    (void)state;
    router_find(router, HTTP_GET, segments, 8, &match);
    assert_int_equal(match.n_params, 4);
    assert_string_equal(segments[match.params[router_param_index(match.route, "b")]], "1");
    assert_string_equal(segments[match.params[router_param_index(match.route, "h")]], "4");
    assert_int_equal(router_param_index(match.route, "a"), -1);
    assert_int_equal(router_param_index(match.route, ""), -1);
    router_free(router);
}

static void test_a_router_without_rows_finds_nothing(void **state)
{
    const char *segments[] = {""};
    struct router *router = router_new(NULL, 0);
    struct router_match match;

    (void)state;
    router_find(router, HTTP_GET, segments, 1, &match);
    assert_null(match.route);
    assert_int_equal(match.methods, 0);
    router_find(router, HTTP_GET, segments, 0, &match);
    assert_null(match.route);
    router_free(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_path_finds_its_row_its_methods_and_its_parameters),
        cmocka_unit_test(test_parameters_are_found_by_name_in_order),
        cmocka_unit_test(test_a_router_without_rows_finds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
