#include "tests/unit/support/framing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka wants these four before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char FRAMING_PATH[] = "tests/unit/common/net/http_framing.txt";

/* \r \n \t \0 \\ \xNN, and {1000*a} for a thousand times what stands behind the star. */
static const char *add_escaped(struct buf *out, const char *at)
{
    char *end;

    if (*at == '{') {
        unsigned long n = strtoul(at + 1, &end, 10);
        const char *close = strchr(end, '}');

        assert_true(*end == '*' && close != NULL && n > 0);
        for (; n > 0; n--)
            for (const char *c = end + 1; c < close;)
                c = add_escaped(out, c);
        return close + 1;
    }
    if (*at != '\\') {
        buf_add_char(out, *at);
        return at + 1;
    }
    switch (at[1]) {
    case 'r':
        buf_add_char(out, '\r');
        return at + 2;
    case 'n':
        buf_add_char(out, '\n');
        return at + 2;
    case 't':
        buf_add_char(out, '\t');
        return at + 2;
    case '0':
        buf_add_char(out, '\0');
        return at + 2;
    case 'x':
        buf_add_char(out, (char)strtoul((char[]){at[2], at[3], '\0'}, NULL, 16));
        return at + 4;
    default:
        buf_add_char(out, at[1]);
        return at + 2;
    }
}

static void read_line(char *line, void (*each)(void *, const struct framing_case *), void *arg)
{
    struct framing_case row = {0};
    int n_read = 0;

    assert_int_equal(
        sscanf(line, "%d | %39[^|] | %119[^|] | %n", &row.status, row.source, row.name, &n_read),
        3);
    assert_true(n_read > 0);
    for (const char *at = line + n_read; *at;)
        at = add_escaped(&row.bytes, at);
    each(arg, &row);
    buf_clear(&row.bytes);
}

void framing_for_each(void (*each)(void *arg, const struct framing_case *row), void *arg)
{
    FILE *file = fopen(FRAMING_PATH, "r");
    char *line = NULL;
    size_t capacity = 0, n_rows = 0;
    ssize_t n_line;

    assert_non_null(file); /* tests run from the project's root */
    while ((n_line = getline(&line, &capacity, file)) > 0) {
        line[n_line - 1] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        read_line(line, each, arg);
        n_rows++;
    }
    free(line);
    fclose(file);
    assert_true(n_rows > 0);
}
