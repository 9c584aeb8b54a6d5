#include "common/json/json_out.h"

#include <assert.h>
#include <string.h>

#include "common/base/clock.h"

void json_out_init(struct json_out *out, struct buf *buf)
{
    out->buf = buf;
    out->needs_comma = false;
}

/* Separate from what came before and write the key; a value follows. */
static void begin(struct json_out *out, const char *key)
{
    if (out->needs_comma)
        buf_add_char(out->buf, ',');
    out->needs_comma = true;
    if (key == NULL)
        return;
    buf_add_char(out->buf, '"');
    buf_add_text(out->buf, key);
    buf_add(out->buf, "\":", 2);
}

void json_open_object(struct json_out *out, const char *key)
{
    begin(out, key);
    buf_add_char(out->buf, '{');
    out->needs_comma = false;
}

void json_close_object(struct json_out *out)
{
    buf_add_char(out->buf, '}');
    out->needs_comma = true;
}

void json_open_array(struct json_out *out, const char *key)
{
    begin(out, key);
    buf_add_char(out->buf, '[');
    out->needs_comma = false;
}

void json_close_array(struct json_out *out)
{
    buf_add_char(out->buf, ']');
    out->needs_comma = true;
}

static void add_escape(struct buf *buf, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* the byte, its letter */
    char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 0x0F]};

    for (size_t i = 0; i + 1 < sizeof shorts; i += 2)
        if ((unsigned char)shorts[i] == c) {
            escape[1] = shorts[i + 1];
            buf_add(buf, escape, 2);
            return;
        }
    buf_add(buf, escape, sizeof escape);
}

/* RFC 8259 §7: only quote, backslash and control characters must be escaped; plain runs between
 * them are copied whole. */
static void add_text(struct buf *buf, const char *text)
{
    const char *run = text;

    buf_add_char(buf, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(buf, run, (size_t)(text - run));
        add_escape(buf, c);
        run = text + 1;
    }
    buf_add(buf, run, (size_t)(text - run));
    buf_add_char(buf, '"');
}

void json_text(struct json_out *out, const char *key, const char *value)
{
    if (value == NULL) {
        json_null(out, key);
        return;
    }
    begin(out, key);
    add_text(out->buf, value);
}

void json_int(struct json_out *out, const char *key, int64_t value)
{
    char digits[20]; /* -9223372036854775808 has 19 and a sign */
    char *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    begin(out, key);
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    buf_add(out->buf, at, (size_t)(digits + sizeof digits - at));
}

void json_bool(struct json_out *out, const char *key, bool value)
{
    begin(out, key);
    buf_add_text(out->buf, value ? "true" : "false");
}

void json_null(struct json_out *out, const char *key)
{
    begin(out, key);
    buf_add_text(out->buf, "null");
}

void json_time(struct json_out *out, const char *key, int64_t at)
{
    char text[CLOCK_TEXT_MAX];

    if (at == 0) {
        json_null(out, key);
        return;
    }
    begin(out, key);
    clock_write(at, text);
    buf_add_char(out->buf, '"');
    buf_add_text(out->buf, text);
    buf_add_char(out->buf, '"');
}

void json_raw(struct json_out *out, const char *key, const char *json)
{
    if (json == NULL) {
        json_null(out, key);
        return;
    }
    begin(out, key);
    buf_add_text(out->buf, json);
}
