/* tests/unit/common/service/test_service_command.c — what the words of a command line lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/service/service.h"

struct config {
    struct service_config service;
};

static const struct config_key keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "0", "0", "3599"),
};

static void handle(void *context, struct delivery *delivery)
{
    (void)context;
    (void)delivery;
}

static const struct event_handler handlers[] = {
    {"task-events", "todo.task.created.v1", handle},
    {"user-events", NULL, handle},
};

static int run_verify(int argc, char **argv)
{
    printf("verify got %d: %s %s\n", argc, argv[0], argc > 1 ? argv[1] : "-");
    return 7;
}

static const struct service_command commands[] = {{"verify", "look at all of it", run_verify}};

static const struct service_spec spec = {
    .name = "tried",
    .summary = "a service for this test",
    .keys = keys,
    .n_keys = sizeof keys / sizeof keys[0],
    .handlers = handlers,
    .n_handlers = sizeof handlers / sizeof handlers[0],
    .commands = commands,
    .n_commands = 1,
};

/** What was printed to stdout and stderr, and the exit status. */
struct outcome {
    char out[16384], err[4096];
    int status;
};

static int redirect(FILE *stream, FILE *to)
{
    int kept = dup(fileno(stream));

    fflush(stream);
    dup2(fileno(to), fileno(stream));
    return kept;
}

static void restore(FILE *stream, int kept, FILE *from, char *text, size_t size)
{
    size_t n;

    fflush(stream);
    dup2(kept, fileno(stream));
    close(kept);
    rewind(from);
    n = fread(text, 1, size - 1, from);
    text[n] = '\0';
    fclose(from);
}

static struct outcome run(int argc, const char *const *argv)
{
    struct outcome outcome = {0};
    struct service app = {0};
    struct config config = {0};
    char *words[8] = {0};
    FILE *out = tmpfile(), *err = tmpfile();
    int kept_out, kept_err;

    for (int i = 0; i < argc; i++)
        words[i] = strdup(argv[i]);
    kept_out = redirect(stdout, out);
    kept_err = redirect(stderr, err);
    outcome.status = service_main(&spec, &app, &config, argc, words);
    restore(stdout, kept_out, out, outcome.out, sizeof outcome.out);
    restore(stderr, kept_err, err, outcome.err, sizeof outcome.err);
    for (int i = 0; i < argc; i++)
        free(words[i]);
    return outcome;
}

#define RUN(...)                                                                                   \
    run(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static void test_the_version_is_one_line_with_the_name(void **state)
{
    struct outcome outcome = RUN("tried", "--version");

    (void)state;
    assert_int_equal(outcome.status, 0);
    assert_ptr_equal(strstr(outcome.out, "tried "), outcome.out);
    assert_ptr_equal(strchr(outcome.out, '\n'), outcome.out + strlen(outcome.out) - 1);
}

static void test_subscriptions_are_topic_and_type_a_line(void **state)
{
    struct outcome outcome = RUN("tried", "--subscriptions");

    (void)state;
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.out, "task-events todo.task.created.v1\nuser-events *\n");
}

static void test_help_has_what_the_service_has_and_not_more(void **state)
{
    struct outcome outcome = RUN("tried", "--help");

    (void)state;
    assert_int_equal(outcome.status, 0);
    assert_non_null(strstr(outcome.out, "tried: a service for this test\n"));
    assert_non_null(strstr(outcome.out, "look at all of it"));
    assert_non_null(strstr(outcome.out, "HTTP_PORT"));
    assert_null(strstr(outcome.out, "migrate"));
    assert_null(strstr(outcome.out, "MIGRATION_DATABASE_URL"));
}

static void test_a_subcommand_gets_its_own_words_and_gives_the_status(void **state)
{
    struct outcome outcome = RUN("tried", "verify", "--owner");

    (void)state;
    assert_int_equal(outcome.status, 7);
    assert_string_equal(outcome.out, "verify got 2: verify --owner\n");
}

static int bind_to_loopback(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in in;
    socklen_t size = sizeof in;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
    return ntohs(in.sin_port);
}

static void test_wait_ends_when_all_can_be_connected_to(void **state)
{
    static const char *const wrong[] = {"localhost", "localhost:", ":80", "a:1,b", "a:1,", "a:1x"};
    int fd = bind_to_loopback();
    struct outcome outcome;
    char address[32];

    (void)state;
    snprintf(address, sizeof address, "localhost:%d", port_of(fd));
    setenv("WAIT_LIMIT_S", "1", 1);
    outcome = RUN("tried", "wait", address); /* bound, and nobody listens */
    assert_int_equal(outcome.status, 1);
    assert_non_null(strstr(outcome.err, address));
    assert_int_equal(listen(fd, 1), 0);
    outcome = RUN("tried", "wait", address, address);
    assert_int_equal(outcome.status, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(RUN("tried", "wait", wrong[i]).status, 2);
    outcome = RUN("tried", "wait");
    assert_int_equal(outcome.status, 2);
    unsetenv("WAIT_LIMIT_S");
    close(fd);
}

static void test_of_several_with_commas_one_is_enough(void **state)
{
    int deaf = bind_to_loopback(), open = bind_to_loopback();
    char deaf_first[64], deaf_alone[64];
    struct outcome outcome;

    (void)state;
    assert_int_equal(listen(open, 1), 0);
    snprintf(deaf_first, sizeof deaf_first, "localhost:%d,localhost:%d", port_of(deaf),
             port_of(open));
    snprintf(deaf_alone, sizeof deaf_alone, "localhost:%d,127.0.0.1:%d", port_of(deaf),
             port_of(deaf));
    setenv("WAIT_LIMIT_S", "1", 1);
    assert_int_equal(RUN("tried", "wait", deaf_first).status, 0);
    outcome = RUN("tried", "wait", deaf_alone);
    assert_int_equal(outcome.status, 1);
    assert_non_null(strstr(outcome.err, "localhost:"));
    assert_non_null(strstr(outcome.err, "127.0.0.1:"));
    unsetenv("WAIT_LIMIT_S");
    close(deaf);
    close(open);
}

static void test_what_is_no_command_is_named_and_nothing_is_served(void **state)
{
    struct outcome outcome = RUN("tried", "serve");

    (void)state;
    assert_int_equal(outcome.status, 2);
    assert_non_null(strstr(outcome.err, "serve"));
    outcome = RUN("tried", "migrate", "up"); /* it has no database */
    assert_int_equal(outcome.status, 2);
    assert_non_null(strstr(outcome.err, "migrate"));
    outcome = RUN("tried", "--version", "now");
    assert_int_equal(outcome.status, 2);
    assert_non_null(strstr(outcome.err, "now"));
    assert_string_equal(outcome.out, "");
}

static void test_wrong_settings_are_all_told_and_nothing_is_served(void **state)
{
    struct outcome outcome;

    (void)state;
    setenv("HTTP_PORT", "-1", 1);
    setenv("LOG_LEVEL", "shout", 1);
    outcome = RUN("tried");
    assert_int_equal(outcome.status, 2);
    assert_non_null(strstr(outcome.err, "HTTP_PORT"));
    assert_non_null(strstr(outcome.err, "LOG_LEVEL"));
    assert_non_null(strstr(outcome.err, "APP_API_TOKEN"));
    unsetenv("HTTP_PORT");
    unsetenv("LOG_LEVEL");
}

static void test_an_address_that_cannot_be_bound_ends_the_start_cleanly(void **state)
{
    struct outcome outcome;

    (void)state;
    setenv("APP_API_TOKEN", "0123456789abcdef", 1);
    setenv("DAPR_API_TOKEN", "0123456789abcdef", 1);
    setenv("HTTP_ADDRESS", "192.0.2.1", 1); /* nobody's: RFC 5737 */
    outcome = RUN("tried");
    assert_int_equal(outcome.status, 1);
    assert_non_null(strstr(outcome.err, "service_not_opened"));
    assert_non_null(strstr(outcome.err, "192.0.2.1"));
    assert_null(strstr(outcome.err, "0123456789abcdef"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_version_is_one_line_with_the_name),
        cmocka_unit_test(test_subscriptions_are_topic_and_type_a_line),
        cmocka_unit_test(test_help_has_what_the_service_has_and_not_more),
        cmocka_unit_test(test_a_subcommand_gets_its_own_words_and_gives_the_status),
        cmocka_unit_test(test_wait_ends_when_all_can_be_connected_to),
        cmocka_unit_test(test_of_several_with_commas_one_is_enough),
        cmocka_unit_test(test_what_is_no_command_is_named_and_nothing_is_served),
        cmocka_unit_test(test_wrong_settings_are_all_told_and_nothing_is_served),
        cmocka_unit_test(test_an_address_that_cannot_be_bound_ends_the_start_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
