/* tests/unit/services/audit/vectors.h — the lines of chain.txt, which a second implementation made. */
#ifndef TESTS_UNIT_SERVICES_AUDIT_VECTORS_H
#define TESTS_UNIT_SERVICES_AUDIT_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VECTORS_PATH "tests/unit/services/audit/chain.txt"
enum { VECTOR_FIELDS_MAX = 16, VECTOR_LINE_MAX = 4096 };

struct vector {
    char line[VECTOR_LINE_MAX];
    char *fields[VECTOR_FIELDS_MAX]; /* cut at tabs, the first is the kind */
};

/** Read the next line of `kind`; return false at the end. */
static inline bool vector_read(FILE *file, const char *kind, struct vector *vector)
{
    while (fgets(vector->line, sizeof(vector->line), file) != NULL) {
        char *rest = vector->line;
        size_t n = 0;

        vector->line[strcspn(vector->line, "\n")] = '\0';
        while (rest != NULL && n < VECTOR_FIELDS_MAX)
            vector->fields[n++] = strsep(&rest, "\t");
        if (strcmp(vector->fields[0], kind) == 0)
            return true;
    }
    return false;
}

static inline FILE *vectors_open(void)
{
    FILE *file = fopen(VECTORS_PATH, "r");

    assert_non_null(file);
    return file;
}

static inline size_t vector_read_hex(const char *text, unsigned char *bytes)
{
    size_t n = strlen(text) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned value;

        assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
        bytes[i] = (unsigned char)value;
    }
    return n;
}

#endif
