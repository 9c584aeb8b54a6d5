/* How it works. The whole run holds an advisory lock of the schema, so that of two migrators one
 * waits and then finds the work done. What was applied stands in schema_migration with the hash of
 * its up script and the text of its down script; each script commits together with its row. */
#include "common/pg/migrate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "common/base/mem.h"

struct applied {
    int number;
    char *name, *up_hash, *down, *applied_at; /* owned */
};

struct migrator {
    PGconn *pg;
    const struct migration *migrations; /* borrowed */
    size_t n_migrations;
    struct applied *applied; /* in order of number */
    size_t n_applied;
    FILE *out;
};

/* The service's role gets rights on new tables by default; on this one it must have none, since the
 * schema's owner runs what is stored here. */
static const char SETUP_SQL[] =
    "SET client_min_messages = warning;"
    "SELECT pg_advisory_lock(hashtextextended('migrate.' || current_schema(), 0));"
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    " number integer PRIMARY KEY, name text NOT NULL, up_hash text NOT NULL, down text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now());"
    "DO $$ DECLARE grantee text; BEGIN"
    " FOR grantee IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'"
    "   ELSE a.grantee::regrole::text END"
    "  FROM pg_class c, aclexplode(c.relacl) a"
    "  WHERE c.oid = 'schema_migration'::regclass AND a.grantee <> c.relowner"
    " LOOP EXECUTE 'REVOKE ALL ON schema_migration FROM ' || grantee; END LOOP;"
    "END $$";

static const char LIST_SQL[] =
    "SELECT number, name, up_hash, down,"
    " to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    " FROM schema_migration ORDER BY number";

static const char INSERT_SQL[] =
    "INSERT INTO schema_migration (number, name, up_hash, down)"
    " VALUES ($1, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'), $4)";

static const char HASH_SQL[] = "SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')";

static void trim(char *text)
{
    for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
        text[n - 1] = '\0';
}

static bool set_connection_err(struct err *err, PGconn *pg)
{
    char text[ERR_TEXT_MAX];

    snprintf(text, sizeof(text), "%s", PQerrorMessage(pg));
    trim(text);
    return err_set(err, ERR_UNAVAILABLE, "%s", text);
}

/* `script` (NULL: none) tells the line of the mistake. */
static bool set_result_err(struct err *err, const PGresult *result, const char *script)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    int line = 1;

    if (script == NULL || position == NULL)
        return err_set(err, ERR_INTERNAL, "%s (SQLSTATE %s)", message != NULL ? message : "?",
                       state != NULL ? state : "?");
    for (long left = strtol(position, NULL, 10); left > 1 && *script != '\0'; script++) {
        left -= (*script & 0xC0) != 0x80; /* it counts characters, not bytes */
        line += *script == '\n';
    }
    return err_set(err, ERR_INTERNAL, "line %d: %s (SQLSTATE %s)", line,
                   message != NULL ? message : "?", state != NULL ? state : "?");
}

static bool run_script(PGconn *pg, const char *sql, struct err *err)
{
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    bool ok =
        status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;

    if (!ok && PQstatus(pg) == CONNECTION_BAD)
        set_connection_err(err, pg);
    else if (!ok)
        set_result_err(err, result, sql);
    PQclear(result);
    return ok;
}

/* Return the result, NULL with `err` set. */
static PGresult *run_query(PGconn *pg, const char *sql, const char *const *values, int n_values,
                           struct err *err)
{
    PGresult *result = PQexecParams(pg, sql, n_values, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return result;
    if (PQstatus(pg) == CONNECTION_BAD)
        set_connection_err(err, pg);
    else
        set_result_err(err, result, NULL);
    PQclear(result);
    return NULL;
}

/* Whether the server itself said no, and is not on its way up or down: SQLSTATE 57P03 has no field
 * in a failed connection. That it wants a password that the URL lacks, libpq says without it. */
static bool is_final(const PGconn *pg)
{
    const char *message = PQerrorMessage(pg);

    if (PQconnectionNeedsPassword(pg))
        return true;
    return strstr(message, "FATAL:") != NULL && strstr(message, "the database system is") == NULL;
}

static bool open_database(struct migrator *m, const struct migrate_job *job, struct err *err)
{
    static const char *const keys[] = {"connect_timeout", "fallback_application_name", "gssencmode",
                                       "dbname",          "client_encoding",           NULL};
    const char *const values[] = {"10", "todo-migrate", "disable", job->url, "UTF8", NULL};
    time_t until = time(NULL) + job->wait_s;

    for (;;) {
        m->pg = PQconnectdbParams(keys, values, 1);
        if (m->pg == NULL || PQstatus(m->pg) == CONNECTION_OK || is_final(m->pg) ||
            time(NULL) >= until)
            break;
        PQfinish(m->pg);
        sleep(1);
    }
    if (m->pg == NULL || PQstatus(m->pg) != CONNECTION_OK)
        return set_connection_err(err, m->pg);
    return run_script(m->pg, SETUP_SQL, err);
}

static bool load_applied(struct migrator *m, struct err *err)
{
    PGresult *result = run_query(m->pg, LIST_SQL, NULL, 0, err);

    if (result == NULL)
        return false;
    m->n_applied = (size_t)PQntuples(result);
    m->applied = mem_new_array(m->n_applied + 1, sizeof(*m->applied));
    for (size_t i = 0; i < m->n_applied; i++) {
        struct applied *a = &m->applied[i];

        a->number = (int)strtol(PQgetvalue(result, (int)i, 0), NULL, 10);
        a->name = mem_copy_text(PQgetvalue(result, (int)i, 1));
        a->up_hash = mem_copy_text(PQgetvalue(result, (int)i, 2));
        a->down = mem_copy_text(PQgetvalue(result, (int)i, 3));
        a->applied_at = mem_copy_text(PQgetvalue(result, (int)i, 4));
    }
    PQclear(result);
    return true;
}

static void close_database(struct migrator *m)
{
    for (size_t i = 0; i < m->n_applied; i++) {
        mem_free(m->applied[i].name);
        mem_free(m->applied[i].up_hash);
        mem_free(m->applied[i].down);
        mem_free(m->applied[i].applied_at);
    }
    mem_free(m->applied);
    PQfinish(m->pg); /* which gives the lock back */
}

static const struct applied *find_applied(const struct migrator *m, int number)
{
    for (size_t i = 0; i < m->n_applied; i++)
        if (m->applied[i].number == number)
            return &m->applied[i];
    return NULL;
}

static bool is_known(const struct migrator *m, int number)
{
    for (size_t i = 0; i < m->n_migrations; i++)
        if (m->migrations[i].number == number)
            return true;
    return false;
}

/* Set `*is_same`: whether what was applied under this number is what this binary has. */
static bool compare_hash(const struct migrator *m, const struct migration *migration,
                         const struct applied *a, bool *is_same, struct err *err)
{
    const char *const values[] = {migration->up};
    PGresult *result = run_query(m->pg, HASH_SQL, values, 1, err);

    if (result == NULL)
        return false;
    *is_same =
        strcmp(PQgetvalue(result, 0, 0), a->up_hash) == 0 && strcmp(migration->name, a->name) == 0;
    PQclear(result);
    return true;
}

/* Run one script and the change of its row in one transaction. */
static bool run_step(struct migrator *m, const char *script, const char *row_sql,
                     const char *const *values, int n_values, struct err *err)
{
    PGresult *result = NULL;
    bool ok = run_script(m->pg, "BEGIN", err) && run_script(m->pg, script, err);

    if (ok && PQtransactionStatus(m->pg) != PQTRANS_INTRANS)
        ok = err_set(err, ERR_INTERNAL, "the script ends its transaction itself");
    if (ok) {
        result = run_query(m->pg, row_sql, values, n_values, err);
        ok = result != NULL && run_script(m->pg, "COMMIT", err);
    }
    PQclear(result);
    if (!ok && PQtransactionStatus(m->pg) != PQTRANS_IDLE)
        PQclear(PQexec(m->pg, "ROLLBACK"));
    return ok;
}

/* Put the file in front of what went wrong in it. */
static bool name_file(struct err *err, int number, const char *name, const char *side)
{
    char text[ERR_TEXT_MAX];

    if (err == NULL)
        return false;
    memcpy(text, err->text, sizeof(text));
    return err_set(err, err->code, "%04d_%s.%s.sql: %s", number, name, side, text);
}

static bool apply_up(struct migrator *m, const struct migration *migration, struct err *err)
{
    char number[16];
    const char *const values[] = {number, migration->name, migration->up, migration->down};

    snprintf(number, sizeof(number), "%d", migration->number);
    if (!run_step(m, migration->up, INSERT_SQL, values, 4, err))
        return name_file(err, migration->number, migration->name, "up");
    fprintf(m->out, "up   %04d_%s\n", migration->number, migration->name);
    return true;
}

static bool migrate_up(struct migrator *m, struct err *err)
{
    size_t n_done = 0;

    for (size_t i = 0; i < m->n_migrations; i++) { /* before anything is changed */
        const struct applied *a = find_applied(m, m->migrations[i].number);
        bool is_same = true;

        if (a != NULL && !compare_hash(m, &m->migrations[i], a, &is_same, err))
            return false;
        if (!is_same)
            return err_set(err, ERR_CONFLICT, "%04d_%s.up.sql differs from %04d_%s, applied at %s",
                           m->migrations[i].number, m->migrations[i].name, a->number, a->name,
                           a->applied_at);
    }
    for (size_t i = 0; i < m->n_migrations; i++) {
        if (find_applied(m, m->migrations[i].number) != NULL)
            continue;
        if (!apply_up(m, &m->migrations[i], err))
            return false;
        n_done++;
    }
    if (n_done == 0)
        fprintf(m->out, "nothing to do\n");
    return true;
}

static bool apply_down(struct migrator *m, const struct applied *a, struct err *err)
{
    char number[16];
    const char *const values[] = {number};

    snprintf(number, sizeof(number), "%d", a->number);
    if (!run_step(m, a->down, "DELETE FROM schema_migration WHERE number = $1::int", values, 1,
                  err))
        return name_file(err, a->number, a->name, "down");
    fprintf(m->out, "down %04d_%s\n", a->number, a->name);
    return true;
}

static bool migrate_down(struct migrator *m, int to, struct err *err)
{
    size_t n_done = 0;

    for (size_t i = m->n_applied; i > 0 && m->applied[i - 1].number > to; i--, n_done++)
        if (!apply_down(m, &m->applied[i - 1], err))
            return false;
    if (n_done == 0)
        fprintf(m->out, "nothing to do\n");
    return true;
}

static bool print_status(struct migrator *m, struct err *err)
{
    for (size_t i = 0; i < m->n_migrations; i++) {
        const struct migration *migration = &m->migrations[i];
        const struct applied *a = find_applied(m, migration->number);
        bool is_same = true;

        if (a != NULL && !compare_hash(m, migration, a, &is_same, err))
            return false;
        fprintf(m->out, "%04d_%s %s%s%s\n", migration->number, migration->name,
                a == NULL ? "pending" : "applied ", a == NULL ? "" : a->applied_at,
                is_same ? "" : ", but its text has changed since");
    }
    for (size_t i = 0; i < m->n_applied; i++)
        if (!is_known(m, m->applied[i].number))
            fprintf(m->out, "%04d_%s applied %s, by a newer version\n", m->applied[i].number,
                    m->applied[i].name, m->applied[i].applied_at);
    return true;
}

/* The version to go down to: the one before the newest, or the one asked for. */
static bool read_target(const struct migrator *m, const char *text, int *to, struct err *err)
{
    char *end;
    long value;

    *to = m->n_applied > 1 ? m->applied[m->n_applied - 2].number : 0;
    if (text == NULL)
        return true;
    value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 0 || value > INT_MAX)
        return err_set(err, ERR_INVALID,
                       "migrate down: \"%s\" is no version: 0 or the number of a "
                       "migration",
                       text);
    if (value > 0 && find_applied(m, (int)value) == NULL)
        return err_set(err, ERR_INVALID, "migrate down: version %04ld is not applied", value);
    *to = (int)value;
    return true;
}

/* The newest version that this binary knows. */
static int find_newest_known(const struct migrator *m)
{
    int newest = 0;

    for (size_t i = 0; i < m->n_migrations; i++)
        if (m->migrations[i].number > newest)
            newest = m->migrations[i].number;
    return newest;
}

static bool run_command(struct migrator *m, int argc, char **argv, struct err *err)
{
    int to;

    if (strcmp(argv[1], "fit") == 0)
        return migrate_down(m, find_newest_known(m), err);
    if (strcmp(argv[1], "up") == 0)
        return migrate_up(m, err);
    if (strcmp(argv[1], "status") == 0)
        return print_status(m, err);
    return read_target(m, argc > 2 ? argv[2] : NULL, &to, err) && migrate_down(m, to, err);
}

static bool is_command(int argc, char **argv)
{
    if (argc == 2)
        return strcmp(argv[1], "up") == 0 || strcmp(argv[1], "down") == 0 ||
               strcmp(argv[1], "fit") == 0 || strcmp(argv[1], "status") == 0;
    return argc == 3 && strcmp(argv[1], "down") == 0;
}

bool migrate_run(const struct migrate_job *job, int argc, char **argv, FILE *out, struct err *err)
{
    struct migrator m = {
        .migrations = job->migrations, .n_migrations = job->n_migrations, .out = out};
    bool ok;

    if (!is_command(argc, argv))
        return err_set(err, ERR_INVALID, "usage: migrate up | down [N] | fit | status");
    ok = open_database(&m, job, err) && load_applied(&m, err) && run_command(&m, argc, argv, err);
    close_database(&m);
    return ok;
}
