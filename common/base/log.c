#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/utf8.h"

enum { LOG_LINE_MAX = 4096, LOG_NUMBER_MAX = 24 };
static const char LOG_END[] = "}\n";
static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* One line on its way: what would not leave room for the end is not added, and nothing after it. */
struct line {
    char bytes[LOG_LINE_MAX];
    size_t n_bytes;
    bool is_full;
};

static size_t room(const struct line *line)
{
    return sizeof line->bytes - line->n_bytes - strlen(LOG_END);
}

static void add(struct line *line, const char *bytes, size_t n_bytes)
{
    memcpy(line->bytes + line->n_bytes, bytes, n_bytes);
    line->n_bytes += n_bytes;
}

/* Add the next character of `text` in its escaped form if one byte (the closing quote) stays free.
 * Return how many bytes of `text` it took, 0 when there is no room. Bytes that are no UTF-8 become
 * U+FFFD: the line must stay readable whatever a library told us. */
static size_t add_character(struct line *line, const char *text)
{
    unsigned char c = (unsigned char)*text;
    size_t n_read = 1, n_bytes = 1;
    const char *bytes = text;
    char escaped[8];

    if (c == '"' || c == '\\') {
        n_bytes = (size_t)snprintf(escaped, sizeof escaped, "\\%c", c);
        bytes = escaped;
    } else if (c < 0x20) {
        n_bytes = (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c);
        bytes = escaped;
    } else if (c >= 0x80) {
        n_read = n_bytes = utf8_length_at(text, strnlen(text, 4));
        if (n_read == 0) {
            n_read = 1;
            n_bytes = 3;
            bytes = "\xEF\xBF\xBD";
        }
    }
    if (n_bytes + 1 > room(line))
        return 0;
    add(line, bytes, n_bytes);
    return n_read;
}

static void add_key(struct line *line, const char *key, size_t n_value)
{
    size_t length = strlen(key);

    if (line->is_full || length + 4 + n_value > room(line)) {
        line->is_full = true;
        return;
    }
    add(line, line->n_bytes == 0 ? "{\"" : ",\"", 2);
    add(line, key, length);
    add(line, "\":", 2);
}

static void add_text(struct line *line, const char *key, const char *text)
{
    add_key(line, key, 2);
    if (line->is_full)
        return;
    add(line, "\"", 1);
    while (*text != '\0' && !line->is_full) {
        size_t n_read = add_character(line, text);

        text += n_read;
        line->is_full = n_read == 0;
    }
    add(line, "\"", 1);
}

static void add_literal(struct line *line, const char *key, const char *literal)
{
    size_t length = strlen(literal);

    add_key(line, key, length);
    if (!line->is_full)
        add(line, literal, length);
}

static void add_pair(struct line *line, const struct log_kv *pair)
{
    char number[LOG_NUMBER_MAX];

    switch (pair->kind) {
    case LOG_KIND_TEXT:
        if (pair->text != NULL)
            add_text(line, pair->key, pair->text);
        break;
    case LOG_KIND_INT:
        snprintf(number, sizeof number, "%" PRId64, pair->number);
        add_literal(line, pair->key, number);
        break;
    case LOG_KIND_BOOL:
        add_literal(line, pair->key, pair->number != 0 ? "true" : "false");
        break;
    }
}

void log_init(struct log *log, const char *service, enum log_level level)
{
    log->service = service;
    log->level = level;
    log->fd = STDERR_FILENO;
}

void log_write(const struct log *log, enum log_level level, const char *event,
               const struct log_kv *pairs, size_t n_pairs)
{
    int saved_errno = errno;
    char at[CLOCK_TEXT_MAX];
    struct line line;

    if (level < log->level)
        return;
    line.n_bytes = 0;
    line.is_full = false;
    clock_write(clock_now_ms(), at);
    add_text(&line, "ts", at);
    add_text(&line, "level", level_names[level]);
    add_text(&line, "service", log->service);
    add_text(&line, "event", event);
    for (size_t i = 0; i < n_pairs; i++)
        add_pair(&line, &pairs[i]);
    add(&line, LOG_END, strlen(LOG_END));
    while (write(log->fd, line.bytes, line.n_bytes) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}

struct log_kv log_kv_text(const char *key, const char *value)
{
    return (struct log_kv){.key = key, .kind = LOG_KIND_TEXT, .text = value};
}

struct log_kv log_kv_int(const char *key, int64_t value)
{
    return (struct log_kv){.key = key, .kind = LOG_KIND_INT, .number = value};
}

struct log_kv log_kv_size(const char *key, size_t value)
{
    return log_kv_int(key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

struct log_kv log_kv_bool(const char *key, bool value)
{
    return (struct log_kv){.key = key, .kind = LOG_KIND_BOOL, .number = value};
}
