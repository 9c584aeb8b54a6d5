/* The statements of outbox and inbox against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/loop.h"
#include "common/pg/inbox.h"
#include "common/pg/outbox.h"
#include "common/pg/pg.h"
#include "tests/service/support/database.h"

#define OWNER "00000000-0000-7000-8000-00000000000a"
#define OTHER "00000000-0000-7000-8000-00000000000b"
#define EVENT "00000000-0000-7000-8000-000000000001"
#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static const char SCHEMA[] =
    "DROP TABLE IF EXISTS outbox, inbox;"
    "CREATE TABLE outbox ("
    " position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " id uuid NOT NULL UNIQUE, topic text NOT NULL, type text NOT NULL, subject text NOT NULL,"
    " owner_id uuid NOT NULL, seq bigint NOT NULL, occurred_at timestamptz NOT NULL,"
    " traceparent text NOT NULL, data text NOT NULL);"
    "CREATE TABLE inbox (event_id uuid PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());"
    "CREATE INDEX inbox_handled_at ON inbox (handled_at)";

static const struct pg_statement *const statements[] = {
    &OUTBOX_CLAIM, &OUTBOX_DELETE, &OUTBOX_INSERT, &INBOX_PURGE, NULL,
};

struct fixture {
    struct loop *loop;
    struct pg_pool *pool, *second; /* of one connection each */
    struct arena arena;
    struct log log;
    /* of the last call */
    bool is_done, is_leader;
    struct err err;
    long n_affected;
    struct outbox_row *rows;
    size_t n_rows;
};

static struct pg_pool *new_pool(struct fixture *f)
{
    struct pg_pool *pool = pg_pool_new(&(struct pg_config){.connections = 1,
                                                           .limit_ms = 90000,
                                                           .statements = statements,
                                                           .loop = f->loop,
                                                           .log = &f->log});

    pg_pool_set_url(pool, database_url());
    return pool;
}

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);

    database_run(SCHEMA);
    log_init(&f->log, "test", LOG_ERROR + 1);
    arena_init(&f->arena);
    f->loop = loop_new();
    f->pool = new_pool(f);
    f->second = new_pool(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    pg_pool_free(f->pool);
    pg_pool_free(f->second);
    loop_free(f->loop);
    arena_clear(&f->arena);
    mem_free(f);
    return 0;
}

/* The texts are the result's. */
static void keep_texts(struct fixture *f)
{
    for (size_t i = 0; i < f->n_rows; i++) {
        struct outbox_row *row = &f->rows[i];
        const char **texts[] = {&row->id,       &row->topic,       &row->type, &row->subject,
                                &row->owner_id, &row->traceparent, &row->data};

        for (size_t j = 0; j < sizeof(texts) / sizeof(*texts); j++)
            *texts[j] = arena_copy_text(&f->arena, *texts[j]);
    }
}

static void on_done(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct fixture *f = arg;

    f->is_done = true;
    if (err != NULL) {
        f->err = *err;
        return;
    }
    f->n_affected = pg_n_affected(rows);
    if (pg_n_rows(rows) > 0) {
        f->is_leader = outbox_is_leader(rows);
        f->rows = outbox_read_rows(rows, &f->arena, &f->n_rows);
        keep_texts(f);
    }
}

static bool is_done(void *arg)
{
    return ((struct fixture *)arg)->is_done;
}

static void run(struct fixture *f, struct pg_pool *pool, const struct pg_statement *statement,
                const struct pg_params *params)
{
    f->is_done = f->is_leader = false;
    f->n_rows = 0;
    f->rows = NULL;
    pg_query(pool, statement, params, on_done, f);
    wait_until(f->loop, is_done, f, statement->name);
    if (f->err.code != ERR_NONE)
        fail_msg("%s: %s", statement->name, f->err.text);
}

static void insert_data(struct fixture *f, const char *id, const char *owner_id, int64_t seq,
                        const char *data)
{
    const struct outbox_row row = {
        .id = id,
        .topic = "task-events",
        .type = "todo.task.created.v1",
        .subject = "a subject",
        .owner_id = owner_id,
        .traceparent = TRACE,
        .data = data,
        .seq = seq,
        .occurred_at = 1732182360123,
    };
    struct pg_params params;

    pg_params_init(&params, &f->arena);
    outbox_add_params(&params, &row);
    run(f, f->pool, &OUTBOX_INSERT, &params);
}

static void insert(struct fixture *f, const char *id, const char *owner_id, int64_t seq)
{
    insert_data(f, id, owner_id, seq, "{\"title\":\"Grüße\"}");
}

static void claim(struct fixture *f, struct pg_pool *pool, int limit, const char *but_owner)
{
    struct pg_params params;

    pg_params_init(&params, &f->arena);
    pg_add_int(&params, limit);
    pg_add_texts(&params, &but_owner, but_owner != NULL ? 1 : 0);
    run(f, pool, &OUTBOX_CLAIM, &params);
}

static void test_a_row_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    const struct outbox_row *row;

    insert(f, EVENT, OWNER, 7);
    claim(f, f->pool, 10, NULL);
    assert_true(f->is_leader);
    assert_int_equal(f->n_rows, 1);
    row = &f->rows[0];
    assert_int_equal(row->position, 1);
    assert_string_equal(row->id, EVENT);
    assert_string_equal(row->topic, "task-events");
    assert_string_equal(row->type, "todo.task.created.v1");
    assert_string_equal(row->subject, "a subject");
    assert_string_equal(row->owner_id, OWNER);
    assert_string_equal(row->traceparent, TRACE);
    assert_string_equal(row->data, "{\"title\":\"Grüße\"}");
    assert_int_equal(row->seq, 7);
    assert_int_equal(row->occurred_at, 1732182360123);
}

static void test_a_claim_leaves_owners_out_and_keeps_the_order(void **state)
{
    struct fixture *f = *state;

    insert(f, "00000000-0000-7000-8000-000000000001", OWNER, 1);
    insert(f, "00000000-0000-7000-8000-000000000002", OTHER, 1);
    insert(f, "00000000-0000-7000-8000-000000000003", OTHER, 2);
    claim(f, f->pool, 10, OWNER);
    assert_int_equal(f->n_rows, 2);
    assert_int_equal(f->rows[0].position, 2);
    assert_int_equal(f->rows[1].position, 3);
    claim(f, f->pool, 2, NULL);
    assert_int_equal(f->n_rows, 2);
    assert_int_equal(f->rows[0].position, 1);
}

static void test_a_claim_ends_past_4_mib_and_has_one_row_at_least(void **state)
{
    enum { MIB = 1 << 20 };
    static const size_t sizes[] = {5 * MIB, 3 * MIB, MIB, 1, MIB};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *data = mem_new(sizes[i] + 1);

        memset(data, 'x', sizes[i]);
        insert_data(f, arena_format(&f->arena, "00000000-0000-7000-8000-00000000000%zu", i),
                    i == 0 ? OTHER : OWNER, (int64_t)i, data);
        mem_free(data);
    }
    claim(f, f->pool, 10, NULL);
    assert_int_equal(f->n_rows, 1);
    assert_int_equal(f->rows[0].position, 1);
    claim(f, f->pool, 10, OTHER); /* the first two are 4 MiB, not past them */
    assert_int_equal(f->n_rows, 2);
    assert_int_equal(f->rows[1].position, 3);
    claim(f, f->pool, 1, OTHER);
    assert_int_equal(f->n_rows, 1);
}

static void test_one_session_alone_reads_rows(void **state)
{
    struct fixture *f = *state;

    insert(f, EVENT, OWNER, 1);
    claim(f, f->pool, 10, NULL);
    assert_true(f->is_leader);
    claim(f, f->second, 10, NULL);
    assert_false(f->is_leader);
    assert_int_equal(f->n_rows, 0);
    pg_pool_free(f->pool);
    f->pool = NULL;
    while (!f->is_leader) /* the server sees the end of the session a moment later */
        claim(f, f->second, 10, NULL);
    assert_int_equal(f->n_rows, 1);
}

static void test_what_is_deleted_is_gone(void **state)
{
    struct fixture *f = *state;
    const char *const positions[] = {"1", "3", "77"};
    struct pg_params params;

    insert(f, "00000000-0000-7000-8000-000000000001", OWNER, 1);
    insert(f, "00000000-0000-7000-8000-000000000002", OWNER, 2);
    insert(f, "00000000-0000-7000-8000-000000000003", OWNER, 3);
    pg_params_init(&params, &f->arena);
    pg_add_texts(&params, positions, 3);
    run(f, f->pool, &OUTBOX_DELETE, &params);
    assert_int_equal(f->n_affected, 2);
    claim(f, f->pool, 10, NULL);
    assert_int_equal(f->n_rows, 1);
    assert_int_equal(f->rows[0].position, 2);
}

static void test_the_inbox_is_purged_by_age_and_in_parts(void **state)
{
    struct fixture *f = *state;
    struct pg_params params;

    database_run("INSERT INTO inbox SELECT gen_random_uuid(), now() - make_interval(days => 31)"
                 " FROM generate_series(1, 1500);"
                 "INSERT INTO inbox SELECT gen_random_uuid(), now() - make_interval(days => 29)"
                 " FROM generate_series(1, 10)");
    pg_params_init(&params, &f->arena);
    pg_add_int(&params, 30);
    run(f, f->pool, &INBOX_PURGE, &params);
    assert_int_equal(f->n_affected, 1000);
    run(f, f->pool, &INBOX_PURGE, &params);
    assert_int_equal(f->n_affected, 500);
    run(f, f->pool, &INBOX_PURGE, &params);
    assert_int_equal(f->n_affected, 0);
    assert_int_equal(database_number("SELECT count(*) FROM inbox"), 10);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_row_comes_back_as_it_went),
        TEST(test_a_claim_leaves_owners_out_and_keeps_the_order),
        TEST(test_a_claim_ends_past_4_mib_and_has_one_row_at_least),
        TEST(test_one_session_alone_reads_rows),
        TEST(test_what_is_deleted_is_gone),
        TEST(test_the_inbox_is_purged_by_age_and_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
