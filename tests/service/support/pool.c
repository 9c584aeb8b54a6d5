#include "tests/service/support/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"

const struct pg_statement POOL_ECHO = {
    "echo",
    "SELECT $1::text, $2::bigint, $3::boolean, $4::timestamptz, $5::text[], $6::bytea",
};
const struct pg_statement POOL_DIVIDE = {"divide", "SELECT $1::int / $2::int"};
const struct pg_statement POOL_ADD_THING = {"add_thing", "INSERT INTO thing (id) VALUES ($1::int)"};
const struct pg_statement POOL_ADD_PART = {
    "add_part", "INSERT INTO part (thing_id, size) VALUES ($1::int, $2::int)"};
const struct pg_statement POOL_ADD_LATE = {"add_late", "INSERT INTO late (id) VALUES ($1::int)"};
const struct pg_statement POOL_LIST_THINGS = {"list_things", "SELECT * FROM thing ORDER BY id"};
const struct pg_statement POOL_NAP = {"nap", "SELECT pg_sleep($1::float8)"};
const struct pg_statement POOL_WHO = {"who", "SELECT current_user::text, pg_backend_pid()"};

static const struct pg_statement *const statements[] = {
    &POOL_ECHO,        &POOL_DIVIDE, &POOL_ADD_THING, &POOL_ADD_PART, &POOL_ADD_LATE,
    &POOL_LIST_THINGS, &POOL_NAP,    &POOL_WHO,       NULL,
};

static const char SCHEMA[] =
    "DROP TABLE IF EXISTS part, thing, late;"
    "CREATE TABLE thing (id int CONSTRAINT thing_key PRIMARY KEY);"
    "CREATE TABLE part (thing_id int CONSTRAINT part_of_thing REFERENCES thing,"
    " size int CONSTRAINT size_is_positive CHECK (size > 0));"
    "CREATE TABLE late (id int CONSTRAINT late_key UNIQUE DEFERRABLE INITIALLY DEFERRED);"
    "DO $$ BEGIN"
    " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pool_a') THEN"
    "  CREATE ROLE pool_a LOGIN PASSWORD 'a'; CREATE ROLE pool_b LOGIN PASSWORD 'b'; END IF;"
    " EXECUTE format('GRANT CONNECT ON DATABASE %%I TO pool_a, pool_b', current_database());"
    "END $$;"
    "GRANT USAGE ON SCHEMA public TO pool_a, pool_b;"
    "GRANT SELECT, INSERT ON thing, part, late TO pool_a, pool_b;";

void pool_on_done(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct outcome *o = arg;

    o->n_done++;
    if (err != NULL) {
        assert_null(rows);
        o->err = *err;
        return;
    }
    if (pg_n_rows(rows) > 0) {
        o->number = pg_int(rows, 0, 0);
        snprintf(o->text, sizeof(o->text), "%s", pg_text(rows, 0, 0));
    }
}

bool pool_is_outcome(void *arg)
{
    return ((struct outcome *)arg)->n_done > 0;
}

static bool is_ready(void *arg)
{
    return pg_pool_is_ready(arg);
}

static bool is_whole(void *arg)
{
    const struct pool_fixture *f = arg;
    struct buf text, wanted;
    bool is_found;

    buf_init(&text);
    buf_init(&wanted);
    metrics_write(f->metrics, &text);
    buf_format(&wanted, "pg_connections_ready %d\n", f->n_connections);
    is_found = strstr(buf_text(&text), buf_text(&wanted)) != NULL;
    buf_clear(&text);
    buf_clear(&wanted);
    return is_found;
}

void pool_new(struct pool_fixture *f, int connections, int limit_ms, int waiting_max)
{
    f->n_connections = connections;
    f->pool = pg_pool_new(&(struct pg_config){
        .connections = connections,
        .limit_ms = limit_ms,
        .pipeline_max = 32,
        .waiting_max = waiting_max,
        .statements = statements,
        .loop = f->loop,
        .metrics = f->metrics,
        .log = &f->log,
    });
}

void pool_set_url(struct pool_fixture *f)
{
    char url[TEST_URL_MAX];

    database_url_of(f->proxy, "pool_a", "a", url);
    pg_pool_set_url(f->pool, url);
}

void pool_wait_ready(struct pool_fixture *f)
{
    wait_until(f->loop, is_ready, f->pool, "the pool to be ready");
}

void pool_open(struct pool_fixture *f, int connections, int limit_ms, int waiting_max)
{
    pool_new(f, connections, limit_ms, waiting_max);
    pool_set_url(f);
    wait_until(f->loop, is_whole, f, "all connections");
}

int pool_set_up(void **state)
{
    struct pool_fixture *f = MEM_NEW(struct pool_fixture);

    database_run(SCHEMA);
    log_init(&f->log, "test", LOG_ERROR + 1);
    arena_init(&f->arena);
    f->metrics = metrics_new();
    f->loop = loop_new();
    f->proxy = proxy_new(f->loop);
    *state = f;
    return 0;
}

int pool_tear_down(void **state)
{
    struct pool_fixture *f = *state;

    pg_pool_free(f->pool);
    proxy_free(f->proxy);
    loop_free(f->loop);
    metrics_free(f->metrics);
    arena_clear(&f->arena);
    mem_free(f);
    return 0;
}

void pool_ask(struct pool_fixture *f, const struct pg_statement *statement, const char *a,
              const char *b, struct outcome *o)
{
    struct pg_params params;

    pg_params_init(&params, &f->arena);
    if (a != NULL)
        pg_add_text(&params, a);
    if (b != NULL)
        pg_add_text(&params, b);
    pg_query(f->pool, statement, &params, pool_on_done, o);
    assert_int_equal(o->n_done, 0); /* never before returning */
}

void pool_ask_and_wait(struct pool_fixture *f, const struct pg_statement *statement, const char *a,
                       const char *b, struct outcome *o)
{
    memset(o, 0, sizeof(*o));
    pool_ask(f, statement, a, b, o);
    wait_until(f->loop, pool_is_outcome, o, statement->name);
    assert_int_equal(o->n_done, 1);
}
