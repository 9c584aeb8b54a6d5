/* common/base/log.h — log lines are data: one JSON object a line on standard error.
 *     log_info(log, "task_saved", KV("task_id", t->id), KV("ms", ms));
 * Never a title, a body, a token or an address of a person. */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_kind { LOG_KIND_TEXT, LOG_KIND_INT, LOG_KIND_BOOL };
struct log_kv {
    const char *key;
    enum log_kind kind;
    const char *text; /* NULL: the pair is left out */
    int64_t number;
};

struct log {
    const char *service; /* static */
    enum log_level level;
    int fd; /* 2 */
};

void log_init(struct log *log, const char *service, enum log_level level);

/** Write one line with a single write(2): ts (RFC 3339), level, service, event, then the pairs.
 *  Lines over 4 KiB are cut inside the last value and stay valid JSON. */
void log_write(const struct log *log, enum log_level level, const char *event,
               const struct log_kv *pairs, size_t n_pairs);

struct log_kv log_kv_text(const char *key, const char *value);
struct log_kv log_kv_int(const char *key, int64_t value);
struct log_kv log_kv_size(const char *key, size_t value);
struct log_kv log_kv_bool(const char *key, bool value);

#define KV(key, value)                                                                             \
    _Generic((value), char *: log_kv_text, const char *: log_kv_text, bool: log_kv_bool,           \
             size_t: log_kv_size, default: log_kv_int)((key), (value))

#define LOG_PAIRS(...) ((const struct log_kv[]){__VA_ARGS__})
#define log_at(log, level, event, ...)                                                             \
    log_write((log), (level), (event), LOG_PAIRS(__VA_ARGS__),                                     \
              sizeof(LOG_PAIRS(__VA_ARGS__)) / sizeof(struct log_kv))
#define log_debug(log, event, ...) log_at(log, LOG_DEBUG, event, __VA_ARGS__)
#define log_info(log, event, ...) log_at(log, LOG_INFO, event, __VA_ARGS__)
#define log_warn(log, event, ...) log_at(log, LOG_WARN, event, __VA_ARGS__)
#define log_error(log, event, ...) log_at(log, LOG_ERROR, event, __VA_ARGS__)
/* every line carries at least one pair */

#endif
