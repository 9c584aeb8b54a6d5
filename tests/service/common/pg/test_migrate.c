/* Migrations against a real PostgreSQL: up, down, up; changed files; two at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/pg/migrate.h"
#include "tests/service/support/database.h"

static const struct migration both[] = {
    {1, "fruit", "CREATE TABLE fruit (id int);\nINSERT INTO fruit VALUES (1);\n",
     "DROP TABLE fruit;\n"},
    {2, "fruit_name", "ALTER TABLE fruit ADD COLUMN name text;\n",
     "ALTER TABLE fruit DROP COLUMN name;\n"},
};

static int set_up(void **state)
{
    (void)state;
    database_run("DROP TABLE IF EXISTS schema_migration, fruit");
    return 0;
}

/* Run `migrate WORD ARGUMENT` and keep what it printed. */
static bool migrate(const struct migration *migrations, size_t n_migrations, const char *word,
                    const char *argument, char printed[1024], struct err *err)
{
    char *argv[] = {strdup("migrate"), strdup(word), argument != NULL ? strdup(argument) : NULL};
    FILE *out = tmpfile();
    const struct migrate_job job = {database_url(), 0, migrations, n_migrations};
    bool ok = migrate_run(&job, argument != NULL ? 3 : 2, argv, out, err);
    size_t n_bytes;

    rewind(out);
    n_bytes = fread(printed, 1, 1023, out);
    printed[n_bytes] = '\0';
    fclose(out);
    for (int i = 0; i < 3; i++)
        free(argv[i]);
    return ok;
}

static void migrate_well(const char *word, const char *argument, const char *expected)
{
    char printed[1024];
    struct err err = {0};

    if (!migrate(both, 2, word, argument, printed, &err))
        fail_msg("%s", err.text);
    assert_string_equal(printed, expected);
}

static void test_up_down_up(void **state)
{
    (void)state;
    migrate_well("up", NULL, "up   0001_fruit\nup   0002_fruit_name\n");
    migrate_well("up", NULL, "nothing to do\n");
    assert_int_equal(database_number("SELECT count(name) FROM fruit"), 0);
    migrate_well("down", NULL, "down 0002_fruit_name\n");
    migrate_well("down", NULL, "down 0001_fruit\n");
    migrate_well("down", NULL, "nothing to do\n");
    assert_int_equal(database_number("SELECT count(*) FROM pg_class WHERE relname = 'fruit'"), 0);
    migrate_well("up", NULL, "up   0001_fruit\nup   0002_fruit_name\n");
    migrate_well("down", "0", "down 0002_fruit_name\ndown 0001_fruit\n");
    migrate_well("up", NULL, "up   0001_fruit\nup   0002_fruit_name\n");
    migrate_well("down", "1", "down 0002_fruit_name\n");
}

static void test_status_tells_what_is_pending_changed_and_newer(void **state)
{
    const struct migration changed[] = {{1, "fruit", "CREATE TABLE fruit ();", ""}};
    char printed[1024];
    struct err err = {0};

    (void)state;
    assert_true(migrate(both, 1, "up", NULL, printed, &err));
    assert_true(migrate(both, 2, "status", NULL, printed, &err));
    assert_non_null(strstr(printed, "0001_fruit applied 2"));
    assert_non_null(strstr(printed, "0002_fruit_name pending\n"));
    assert_true(migrate(both, 2, "up", NULL, printed, &err));
    assert_true(migrate(changed, 1, "status", NULL, printed, &err));
    assert_non_null(strstr(printed, "its text has changed since\n"));
    assert_non_null(strstr(printed, "by a newer version\n"));
}

static void test_a_changed_file_is_refused_before_anything_is_done(void **state)
{
    struct migration changed[2];
    char printed[1024];
    struct err err = {0};

    (void)state;
    memcpy(changed, both, sizeof(both));
    changed[0].up = "CREATE TABLE fruit (id bigint);";
    assert_true(migrate(both, 1, "up", NULL, printed, &err));
    assert_false(migrate(changed, 2, "up", NULL, printed, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "0001_fruit.up.sql"));
    assert_int_equal(database_number("SELECT count(*) FROM schema_migration"), 1);
}

static void test_an_older_binary_goes_back_by_the_stored_scripts(void **state)
{
    char printed[1024];
    struct err err = {0};

    (void)state;
    assert_true(migrate(both, 2, "up", NULL, printed, &err));
    assert_true(migrate(both, 1, "up", NULL, printed, &err)); /* nothing that it knows lacks */
    assert_true(migrate(both, 1, "down", "1", printed, &err));
    assert_string_equal(printed, "down 0002_fruit_name\n");
    assert_int_equal(database_number("SELECT count(*) FROM information_schema.columns"
                                     " WHERE table_name = 'fruit'"),
                     1);
}

static void test_fit_goes_back_to_what_the_binary_knows(void **state)
{
    char printed[1024];
    struct err err = {0};

    (void)state;
    assert_true(migrate(both, 2, "up", NULL, printed, &err));
    assert_true(migrate(both, 2, "fit", NULL, printed, &err));
    assert_string_equal(printed, "nothing to do\n");
    assert_true(migrate(both, 1, "fit", NULL, printed, &err));
    assert_string_equal(printed, "down 0002_fruit_name\n");
    assert_true(migrate(both, 2, "fit", NULL, printed, &err)); /* it never goes up */
    assert_string_equal(printed, "nothing to do\n");
    assert_int_equal(database_number("SELECT count(*) FROM schema_migration"), 1);
}

static void test_a_failing_script_leaves_nothing_and_is_named_with_its_line(void **state)
{
    const struct migration broken[] = {
        both[0],
        {2, "broken", "CREATE TABLE half (id int);\n\nSELECT 'ü', nothing FROM fruit;\n", ""},
    };
    char printed[1024];
    struct err err = {0};

    (void)state;
    assert_false(migrate(broken, 2, "up", NULL, printed, &err));
    assert_string_equal(printed, "up   0001_fruit\n");
    assert_non_null(strstr(err.text, "0002_broken.up.sql: line 3: "));
    assert_non_null(strstr(err.text, "42703"));
    assert_int_equal(database_number("SELECT count(*) FROM pg_class WHERE relname = 'half'"), 0);
    assert_int_equal(database_number("SELECT count(*) FROM schema_migration"), 1);
}

static void test_a_script_that_commits_is_refused(void **state)
{
    const struct migration sly[] = {{1, "sly", "SELECT 1; COMMIT;", ""}};
    char printed[1024];
    struct err err = {0};

    (void)state;
    assert_false(migrate(sly, 1, "up", NULL, printed, &err));
    assert_int_equal(database_number("SELECT count(*) FROM schema_migration"), 0);
}

static void test_two_at_once_do_the_work_once(void **state)
{
    enum { N_MIGRATORS = 6 };
    const struct migration slow[] = {
        {1, "fruit", "SELECT pg_sleep(0.2); CREATE TABLE fruit (id int);", "DROP TABLE fruit;"},
        both[1],
    };
    pid_t children[N_MIGRATORS];

    (void)state;
    for (int i = 0; i < N_MIGRATORS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char printed[1024];

            _exit(migrate(slow, 2, "up", NULL, printed, NULL) ? 0 : 1);
        }
    }
    for (int i = 0; i < N_MIGRATORS; i++) {
        int status;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(database_number("SELECT count(*) FROM schema_migration"), 2);
}

static void test_a_wrong_command_line_is_said(void **state)
{
    char printed[1024];
    struct err err = {0};

    (void)state;
    assert_false(migrate(both, 2, "sideways", NULL, printed, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(migrate(both, 2, "up", "1", printed, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(migrate(both, 2, "down", "x", printed, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(migrate(both, 2, "down", "7", printed, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

static void test_a_server_that_is_not_there_is_waited_for_and_a_refusal_is_final(void **state)
{
    char *argv[] = {"migrate", "up"};
    char url[512];
    struct migrate_job job = {"postgresql://127.0.0.1:1/todo", 1, both, 2};
    struct err err = {0};
    time_t began = time(NULL);

    (void)state;
    assert_false(migrate_run(&job, 2, argv, stdout, &err));
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_true(time(NULL) >= began + 1);

    snprintf(url, sizeof url, "%s%cuser=nobody_here&password=wrong", database_url(),
             strchr(database_url(), '?') != NULL ? '&' : '?');
    job.url = url;
    job.wait_s = 3600;
    assert_false(migrate_run(&job, 2, argv, stdout, &err));
    assert_non_null(strstr(err.text, "nobody_here"));
    *strrchr(url, '&') = '\0'; /* no password */
    assert_false(migrate_run(&job, 2, argv, stdout, &err));
}

/* A service's own role must not write what its schema's owner will run. */
static void test_the_service_has_no_rights_on_the_table(void **state)
{
    char printed[1024];
    struct err err = {0};

    (void)state;
    database_run("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fruiterer')"
                 " THEN CREATE ROLE fruiterer; END IF; END $$;"
                 "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO fruiterer");
    assert_true(migrate(both, 1, "up", NULL, printed, &err));
    assert_int_equal(
        database_number("SELECT has_table_privilege('fruiterer', 'fruit', 'UPDATE')::int"), 1);
    assert_int_equal(
        database_number(
            "SELECT has_table_privilege('fruiterer', 'schema_migration', 'UPDATE')::int"),
        0);
    database_run("ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM fruiterer;"
                 "DROP OWNED BY fruiterer; DROP ROLE fruiterer");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
        TEST(test_up_down_up),
        TEST(test_status_tells_what_is_pending_changed_and_newer),
        TEST(test_a_changed_file_is_refused_before_anything_is_done),
        TEST(test_an_older_binary_goes_back_by_the_stored_scripts),
        TEST(test_fit_goes_back_to_what_the_binary_knows),
        TEST(test_a_server_that_is_not_there_is_waited_for_and_a_refusal_is_final),
        TEST(test_a_failing_script_leaves_nothing_and_is_named_with_its_line),
        TEST(test_a_script_that_commits_is_refused),
        TEST(test_two_at_once_do_the_work_once),
        TEST(test_a_wrong_command_line_is_said),
        TEST(test_the_service_has_no_rights_on_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
