/* common/json/json_out.h — JSON written straight into a buffer, commas by itself. */
#ifndef COMMON_JSON_JSON_OUT_H
#define COMMON_JSON_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

struct json_out {
    struct buf *buf; /* borrowed */
    bool needs_comma;
};

void json_out_init(struct json_out *out, struct buf *buf);

/* `key` is NULL inside an array and at the top; keys need no escaping. */
void json_open_object(struct json_out *out, const char *key);
void json_close_object(struct json_out *out);
void json_open_array(struct json_out *out, const char *key);
void json_close_array(struct json_out *out);
void json_text(struct json_out *out, const char *key,
               const char *value); /* NULL: null; valid UTF-8 */
void json_int(struct json_out *out, const char *key, int64_t value);
void json_bool(struct json_out *out, const char *key, bool value);
void json_null(struct json_out *out, const char *key);
void json_time(struct json_out *out, const char *key, int64_t at); /* 0: null */
void json_raw(struct json_out *out, const char *key,
              const char *json); /* trusted JSON; NULL: null */

#endif
