#include "common/pg/pg.h"

#include <string.h>

#include "common/pg/pg_pool.h"

const char PG_UNIQUE_VIOLATION[] = "unique_violation";

static const char CONSTRAINT_TEXT[] = "constraint violated: ";

/* SQLSTATEs in order: the first row that is a prefix decides. Source: PostgreSQL 15, Appendix A. */
static const struct sqlstate {
    const char *prefix;
    enum err_code code;
    const char *text;
    bool ends_connection;
} sqlstates[] = {
    {"57014", ERR_TIMEOUT, "the statement took longer than its limit", false},
    {"23505", ERR_CONFLICT, "unique", false},
    {"23503", ERR_CONFLICT, "foreign key", false},
    {"23P01", ERR_CONFLICT, "exclusion", false},
    {"0A000", ERR_UNAVAILABLE, NULL, true},  /* a migration changed a prepared result's columns */
    {"26000", ERR_UNAVAILABLE, NULL, true},  /* the prepared statement is gone */
    {"25006", ERR_UNAVAILABLE, NULL, true},  /* read only: a standby */
    {"55P03", ERR_UNAVAILABLE, NULL, false}, /* lock not available */
    {"40", ERR_UNAVAILABLE, NULL, false},    /* serialization failure, deadlock */
    {"53", ERR_UNAVAILABLE, NULL, false},    /* disk, memory, connections */
    {"57P", ERR_UNAVAILABLE, NULL, true},    /* shutdown, crash, starting up */
    {"58", ERR_UNAVAILABLE, NULL, false},    /* I/O */
    {"08", ERR_UNAVAILABLE, NULL, true},
    {"22", ERR_INVALID, NULL, false},
    {"", ERR_INTERNAL, NULL, false},
};

static void set_conflict(struct err *err, const struct sqlstate *known, const PGresult *result)
{
    const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

    err_set_slug(err, ERR_CONFLICT, strcmp(known->text, "unique") == 0 ? PG_UNIQUE_VIOLATION : NULL,
                 "%s %s%s", known->text, CONSTRAINT_TEXT, name != NULL ? name : "");
}

bool pg_err_set_result(struct err *err, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const struct sqlstate *known = sqlstates;

    if (state == NULL) { /* libpq's own: the connection, or a pipeline out of step */
        err_set(err, ERR_UNAVAILABLE, "database connection lost");
        return true;
    }
    while (strncmp(state, known->prefix, strlen(known->prefix)) != 0)
        known++;
    if (known->code == ERR_CONFLICT)
        set_conflict(err, known, result);
    else if (known->text != NULL)
        err_set(err, known->code, "%s", known->text);
    else
        err_set(err, known->code, "database: %s (SQLSTATE %s)", message != NULL ? message : "?",
                state);
    return known->ends_connection;
}

const char *pg_err_constraint(const struct err *err)
{
    const char *found;

    if (err == NULL || err->code != ERR_CONFLICT)
        return "";
    found = strstr(err->text, CONSTRAINT_TEXT);
    return found != NULL ? found + strlen(CONSTRAINT_TEXT) : "";
}
