#include "common/pg/pg.h"

#include <assert.h>
#include <string.h>

#include "common/base/clock.h"

void pg_params_init(struct pg_params *params, struct arena *arena)
{
    params->n_values = 0;
    params->arena = arena;
}

void pg_add_text(struct pg_params *params, const char *value)
{
    assert(params->n_values < PG_PARAMS_MAX);
    params->values[params->n_values++] = value;
}

void pg_add_int(struct pg_params *params, int64_t value)
{
    char digits[24];
    char *at = digits + sizeof(digits) - 1;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    *at = '\0';
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--at = '-';
    pg_add_text(params, arena_copy_text(params->arena, at));
}

void pg_add_bool(struct pg_params *params, bool value)
{
    pg_add_text(params, value ? "t" : "f");
}

void pg_add_time(struct pg_params *params, int64_t at)
{
    char text[CLOCK_TEXT_MAX];

    if (at == 0) {
        pg_add_text(params, NULL);
        return;
    }
    clock_write(at, text);
    pg_add_text(params, arena_copy_text(params->arena, text));
}

/* PostgreSQL 15, 8.15.6: every element is quoted, so that only \ and " need an escape. */
void pg_add_texts(struct pg_params *params, const char *const *items, size_t n_items)
{
    size_t n_bytes = 3;
    char *text, *out;

    for (size_t i = 0; i < n_items; i++)
        n_bytes += items[i] != NULL ? 2 * strlen(items[i]) + 3 : 5;
    text = out = arena_new(params->arena, n_bytes);
    *out++ = '{';
    for (size_t i = 0; i < n_items; i++) {
        if (i > 0)
            *out++ = ',';
        if (items[i] == NULL) {
            out = stpcpy(out, "NULL");
            continue;
        }
        *out++ = '"';
        for (const char *in = items[i]; *in != '\0'; in++) {
            if (*in == '"' || *in == '\\')
                *out++ = '\\';
            *out++ = *in;
        }
        *out++ = '"';
    }
    *out = '}'; /* the arena's bytes are zeroed: a NUL follows */
    pg_add_text(params, text);
}

void pg_add_bytes(struct pg_params *params, const void *bytes, size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;
    char *text = arena_new(params->arena, 2 * n_bytes + 3);

    text[0] = '\\';
    text[1] = 'x';
    for (size_t i = 0; i < n_bytes; i++) {
        text[2 + 2 * i] = digits[in[i] >> 4];
        text[3 + 2 * i] = digits[in[i] & 15];
    }
    pg_add_text(params, text);
}
