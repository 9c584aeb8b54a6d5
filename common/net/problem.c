#include "common/net/problem.h"

#include <stddef.h>

#include "common/json/json_out.h"

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {101, "Switching Protocols"},
    {207, "Multi-Status"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_status_phrase(int status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Error";
}

void problem_write(const struct err *err, int status, const char *trace_id, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_open_object(&json, NULL);
    json_text(&json, "type", "about:blank");
    json_text(&json, "title", http_status_phrase(status));
    json_int(&json, "status", status);
    json_text(&json, "detail", err->text);
    json_text(&json, "code", err->slug ? err->slug : err_code_name(err->code));
    if (trace_id)
        json_text(&json, "trace_id", trace_id);
    if (err->n_fields > 0) {
        json_open_array(&json, "errors");
        for (size_t i = 0; i < err->n_fields; i++) {
            json_open_object(&json, NULL);
            json_text(&json, "field", err->fields[i].field);
            json_text(&json, "message", err->fields[i].text);
            json_close_object(&json);
        }
        json_close_array(&json);
    }
    json_close_object(&json);
}
