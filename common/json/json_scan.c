/* A recursive descent over the text. `at` moves forward only; the first problem is kept with the
 * place it was found at, and every function returns false from then on. */
#include "common/json/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/json/json_field.h"

static const char TOO_DEEP[] = "the value is nested too deeply";

struct scan {
    const char *text, *at, *end;
    const char *problem; /* static; NULL while all is well */
};

static bool fail(struct scan *scan, const char *problem)
{
    scan->problem = problem;
    return false;
}

static bool is_at(const struct scan *scan, char c)
{
    return scan->at < scan->end && *scan->at == c;
}

static bool is_digit_at(const struct scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* `at` is behind "\u". */
static bool scan_hex(struct scan *scan, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = scan->at < scan->end ? *scan->at : '\0';

        if (c >= '0' && c <= '9')
            *unit = *unit * 16 + (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            *unit = *unit * 16 + (unsigned)((c | 0x20) - 'a') + 10;
        else
            return fail(scan, "four hexadecimal digits are expected after \\u");
        scan->at++;
    }
    return true;
}

/* Take the second half of a surrogate pair if one is there; else leave the first one alone. */
static bool scan_low_surrogate(struct scan *scan, unsigned *unit)
{
    unsigned low;

    if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
        return true;
    scan->at += 2;
    if (!scan_hex(scan, &low))
        return false;
    if (low >= 0xDC00 && low <= 0xDFFF)
        *unit = 0x10000 + ((*unit - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* `at` is behind "\u". */
static bool scan_unicode_escape(struct scan *scan)
{
    const char *start = scan->at - 2;
    unsigned unit;

    if (!scan_hex(scan, &unit))
        return false;
    if (unit >= 0xD800 && unit <= 0xDBFF && !scan_low_surrogate(scan, &unit))
        return false;
    if (unit != 0 && (unit < 0xD800 || unit > 0xDFFF))
        return true;
    scan->at = start;
    return fail(scan, unit == 0 ? "\\u0000 is not allowed" : "a lone surrogate is no character");
}

static bool scan_escape(struct scan *scan)
{
    scan->at++;
    if (scan->at < scan->end && *scan->at != '\0' && strchr("\"\\/bfnrt", *scan->at) != NULL) {
        scan->at++;
        return true;
    }
    if (is_at(scan, 'u')) {
        scan->at++;
        return scan_unicode_escape(scan);
    }
    return fail(scan, "a backslash must be followed by one of \" \\ / b f n r t u");
}

static bool scan_string(struct scan *scan)
{
    scan->at++;
    while (scan->at < scan->end) {
        unsigned char c = (unsigned char)*scan->at;

        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c == '\\') {
            if (!scan_escape(scan))
                return false;
        } else if (c < 0x20) {
            return fail(scan, "a control character in a text must be escaped");
        } else if (c < 0x80) {
            scan->at++;
        } else {
            size_t length = utf8_length_at(scan->at, (size_t)(scan->end - scan->at));

            if (length == 0)
                return fail(scan, "the bytes are not valid UTF-8");
            scan->at += length;
        }
    }
    return fail(scan, "the text has no closing quote");
}

static bool scan_digits(struct scan *scan)
{
    if (!is_digit_at(scan))
        return fail(scan, "a digit is expected");
    while (is_digit_at(scan))
        scan->at++;
    return true;
}

static bool scan_number(struct scan *scan)
{
    if (is_at(scan, '-'))
        scan->at++;
    if (is_at(scan, '0')) {
        scan->at++;
        if (is_digit_at(scan))
            return fail(scan, "a number must not begin with 0");
    } else if (!scan_digits(scan)) {
        return false;
    }
    if (is_at(scan, '.')) {
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (is_at(scan, 'e') || is_at(scan, 'E')) {
        scan->at++;
        if (is_at(scan, '+') || is_at(scan, '-'))
            scan->at++;
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(struct scan *scan, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return fail(scan, "a value is expected");
    scan->at += length;
    return true;
}

static bool scan_value(struct scan *scan, int depth);

static bool scan_key(struct scan *scan)
{
    skip_space(scan);
    if (!is_at(scan, '"'))
        return fail(scan, "a key in quotes is expected");
    if (!scan_string(scan))
        return false;
    skip_space(scan);
    if (!is_at(scan, ':'))
        return fail(scan, "a colon is expected");
    scan->at++;
    return true;
}

/* The parts of an object ('}') or array (']') whose opening bracket `at` is at. */
static bool scan_parts(struct scan *scan, char close, int depth)
{
    if (depth > JSON_DEPTH_MAX)
        return fail(scan, TOO_DEEP);
    scan->at++;
    skip_space(scan);
    if (is_at(scan, close)) {
        scan->at++;
        return true;
    }
    for (;;) {
        if (close == '}' && !scan_key(scan))
            return false;
        if (!scan_value(scan, depth))
            return false;
        if (is_at(scan, close)) {
            scan->at++;
            return true;
        }
        if (!is_at(scan, ','))
            return fail(scan,
                        close == '}' ? "a comma or } is expected" : "a comma or ] is expected");
        scan->at++;
    }
}

/* Whitespace, a value, whitespace. */
static bool scan_value(struct scan *scan, int depth)
{
    bool is_good;

    skip_space(scan);
    switch (scan->at < scan->end ? *scan->at : '\0') {
    case '{':
        is_good = scan_parts(scan, '}', depth + 1);
        break;
    case '[':
        is_good = scan_parts(scan, ']', depth + 1);
        break;
    case '"':
        is_good = scan_string(scan);
        break;
    case 't':
        is_good = scan_word(scan, "true");
        break;
    case 'f':
        is_good = scan_word(scan, "false");
        break;
    case 'n':
        is_good = scan_word(scan, "null");
        break;
    default:
        is_good = is_at(scan, '-') || is_digit_at(scan) ? scan_number(scan)
                                                        : fail(scan, "a value is expected");
    }
    if (is_good)
        skip_space(scan);
    return is_good;
}

static bool set_err(const struct scan *scan, struct err *err)
{
    size_t offset = (size_t)(scan->at - scan->text);

    if (scan->problem == TOO_DEEP)
        return err_set(err, ERR_INVALID, "byte %zu: the value is nested more than %d levels deep",
                       offset, JSON_DEPTH_MAX);
    if (scan->at == scan->end)
        return err_set(err, ERR_INVALID, "not JSON: it ends at byte %zu: %s", offset,
                       scan->problem);
    return err_set(err, ERR_INVALID, "not JSON: byte %zu: %s", offset, scan->problem);
}

bool json_scan_check(const char *text, size_t n_bytes, struct json_slice *value, struct err *err)
{
    struct scan scan = {.problem = NULL};
    const char *last;

    scan.text = scan.at = text == NULL ? "" : text;
    scan.end = scan.text + n_bytes;
    skip_space(&scan);
    value->text = scan.at;
    if (!scan_value(&scan, 0))
        return set_err(&scan, err);
    if (scan.at < scan.end) {
        fail(&scan, "the value has ended, nothing may follow");
        return set_err(&scan, err);
    }
    for (last = scan.end; strchr(" \n\r\t", last[-1]) != NULL; last--)
        ; /* ends: there is a value */
    value->n_bytes = (size_t)(last - value->text);
    return true;
}

struct json_walk json_walk_begin(struct json_slice value)
{
    return (struct json_walk){.at = value.text + 1};
}

static const char *skip_checked_space(const char *at)
{
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
        at++;
    return at;
}

static const char *skip_checked_string(const char *at)
{
    for (at++; *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

/* Return the first byte behind the value at `at`: brackets are balanced, strings closed. */
static const char *skip_checked_value(const char *at)
{
    int depth = 0;

    if (*at == '"')
        return skip_checked_string(at);
    if (*at != '{' && *at != '[') {
        while (strchr(",]} \n\r\t", *at) == NULL)
            at++;
        return at;
    }
    for (;;) {
        if (*at == '"') {
            at = skip_checked_string(at);
            continue;
        }
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        at++;
        if (depth == 0)
            return at;
    }
}

bool json_walk_next(struct json_walk *walk, struct json_slice *key, struct json_slice *value)
{
    const char *at = skip_checked_space(walk->at);

    if (*at == '}' || *at == ']')
        return false;
    if (*at == ',')
        at = skip_checked_space(at + 1);
    if (key != NULL) {
        key->text = at;
        at = skip_checked_string(at);
        key->n_bytes = (size_t)(at - key->text);
        at = skip_checked_space(skip_checked_space(at) + 1); /* over the colon */
    }
    value->text = at;
    at = skip_checked_value(at);
    value->n_bytes = (size_t)(at - value->text);
    walk->at = at;
    return true;
}

const char *json_slice_kind(struct json_slice value)
{
    switch (value.text[0]) {
    case '{':
        return "an object";
    case '[':
        return "an array";
    case '"':
        return "a text";
    case 't':
    case 'f':
        return "true or false";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}
