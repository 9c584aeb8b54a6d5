#include "common/pg/pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/pg/pg_pool.h"

int pg_n_rows(const struct pg_rows *rows)
{
    return PQntuples(rows->result);
}

long pg_n_affected(const struct pg_rows *rows)
{
    return strtol(PQcmdTuples(rows->result), NULL, 10);
}

bool pg_is_null(const struct pg_rows *rows, int row, int column)
{
    assert(row < PQntuples(rows->result) && column < PQnfields(rows->result));
    return PQgetisnull(rows->result, row, column) != 0;
}

const char *pg_text(const struct pg_rows *rows, int row, int column)
{
    assert(row < PQntuples(rows->result) && column < PQnfields(rows->result));
    return PQgetvalue(rows->result, row, column);
}

char *pg_copy_text(const struct pg_rows *rows, int row, int column, struct arena *arena)
{
    if (pg_is_null(rows, row, column))
        return NULL;
    return arena_copy_bytes(arena, pg_text(rows, row, column),
                            (size_t)PQgetlength(rows->result, row, column));
}

int64_t pg_int(const struct pg_rows *rows, int row, int column)
{
    return strtoll(pg_text(rows, row, column), NULL, 10);
}

bool pg_bool(const struct pg_rows *rows, int row, int column)
{
    return pg_text(rows, row, column)[0] == 't';
}

/* Read exactly `n_digits` digits, or return -1; step over them. */
static int64_t read_digits(const char **in, int n_digits)
{
    int64_t value = 0;

    for (int i = 0; i < n_digits; i++, (*in)++) {
        if (**in < '0' || **in > '9')
            return -1;
        value = value * 10 + (**in - '0');
    }
    return value;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, counting years from March so that the
 * leap day is the last of its year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t century = y / 100;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return 365 * y + y / 4 - century + century / 4 + day_of_year - 719468;
}

/* "+00", "-03:30": what stands after the seconds; 0 for the UTC that every connection asks for. */
static int64_t read_offset_s(const char *in)
{
    int64_t sign = *in == '-' ? -1 : 1, hours, minutes = 0;

    if (*in != '-' && *in != '+')
        return 0;
    in++;
    hours = read_digits(&in, 2);
    if (*in == ':') {
        in++;
        minutes = read_digits(&in, 2);
    }
    return sign * (hours * 3600 + minutes * 60);
}

int64_t pg_time(const struct pg_rows *rows, int row, int column)
{
    const char *in = pg_text(rows, row, column);
    int64_t part[6], fraction = 0;

    for (size_t i = 0; i < 6; i++) {
        part[i] = read_digits(&in, i == 0 ? 4 : 2);
        if (part[i] < 0)
            return 0; /* NULL; "infinity" and years over 9999, which the services refuse */
        if (i < 5)
            in++;
    }
    if (*in == '.') {
        in++;
        for (int64_t unit = 100; *in >= '0' && *in <= '9'; in++, unit /= 10)
            fraction += (*in - '0') * unit;
    }
    return ((days_of(part[0], part[1], part[2]) * 24 + part[3]) * 60 + part[4]) * 60000 +
           (part[5] - read_offset_s(in)) * 1000 + fraction;
}

static unsigned hex_value(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10);
}

unsigned char *pg_bytes(const struct pg_rows *rows, int row, int column, struct arena *arena,
                        size_t *n_bytes)
{
    const char *in = pg_text(rows, row, column);
    size_t n_digits = (size_t)PQgetlength(rows->result, row, column);
    unsigned char *bytes;

    assert(n_digits == 0 || strncmp(in, "\\x", 2) == 0); /* bytea_output is hex */
    *n_bytes = n_digits < 2 ? 0 : (n_digits - 2) / 2;
    bytes = arena_new(arena, *n_bytes + 1);
    for (size_t i = 0; i < *n_bytes; i++)
        bytes[i] = (unsigned char)(hex_value(in[2 + 2 * i]) << 4 | hex_value(in[3 + 2 * i]));
    return bytes;
}

/* Copy one element of an array's text form to `out`; return where it ends in `in`. */
static const char *read_element(const char *in, char **out)
{
    bool is_quoted = *in == '"';

    if (is_quoted)
        in++;
    while (*in != '\0' && (is_quoted ? *in != '"' : *in != ',' && *in != '}')) {
        if (*in == '\\' && in[1] != '\0')
            in++;
        *(*out)++ = *in++;
    }
    *(*out)++ = '\0';
    return is_quoted && *in != '\0' ? in + 1 : in;
}

/* PostgreSQL 15, 8.15.6: {a,"b c",NULL}, one dimension. No element is longer than its text form. */
const char **pg_texts(const struct pg_rows *rows, int row, int column, struct arena *arena,
                      size_t *n_items)
{
    const char *in = pg_text(rows, row, column);
    size_t n_bytes = strlen(in), n_max = 1;
    const char **items;
    char *out;

    for (const char *c = in; *c != '\0'; c++)
        n_max += *c == ',';
    items = arena_new_array(arena, n_max, sizeof(*items));
    out = arena_new(arena, n_bytes + 2);
    *n_items = 0;
    if (*in == '{')
        in++;
    while (*in != '\0' && *in != '}') {
        bool is_bare = *in != '"';
        char *text = out;

        in = read_element(in, &out);
        items[(*n_items)++] = is_bare && strcmp(text, "NULL") == 0 ? NULL : text;
        if (*in == ',')
            in++;
    }
    return items;
}
