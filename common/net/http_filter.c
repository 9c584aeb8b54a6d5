#include "common/net/http_filter.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "common/net/http_server.h"

/* One state per place in a request. A step takes at least one byte or changes the state; where there
 * may be many, it takes the whole run, so that long values and bodies cost one call. Known fields
 * are collected in `word` and judged at the end of their line. The order of the enum matters: all up
 * to AT_HEAD_LF are the head. */
enum state {
    AT_START,
    IN_METHOD,
    IN_TARGET,
    IN_VERSION,
    AT_REQUEST_LINE_LF,
    AT_FIELD,
    IN_NAME,
    BEFORE_VALUE,
    IN_VALUE,
    AT_FIELD_LF,
    AT_HEAD_LF,
    IN_BODY,
    IN_CHUNK_SIZE,
    AT_CHUNK_SIZE_LF,
    IN_CHUNK,
    AT_CHUNK_CR,
    AT_CHUNK_LF,
    AT_LAST_CR,
    AT_LAST_LF,
    N_STATES,
};

enum field { FIELD_OTHER, FIELD_HOST, FIELD_LENGTH, FIELD_ENCODING, FIELD_EXPECT };

static const struct {
    const char *name;
    enum field field;
} known_fields[] = {
    {"host", FIELD_HOST},
    {"content-length", FIELD_LENGTH},
    {"transfer-encoding", FIELD_ENCODING},
    {"expect", FIELD_EXPECT},
};

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"};

#define REFUSAL(name, status, code, detail)                                                        \
    static const struct http_refusal name = {status, code, detail}
#define MALFORMED(name, detail) REFUSAL(name, 400, "malformed_request", detail)

MALFORMED(BAD_METHOD, "the method is not a token followed by one space");
MALFORMED(BAD_TARGET, "the request target must be a path of visible ASCII that begins with one /");
MALFORMED(BAD_VERSION, "the request line must end in HTTP/1.1");
MALFORMED(BAD_LINE_END, "lines must end in CR LF");
MALFORMED(BAD_NAME, "a field name must be a token, directly followed by a colon");
MALFORMED(FOLDED, "a field must not go on in a second line");
MALFORMED(BAD_VALUE, "a field value must not hold control characters");
MALFORMED(BAD_HOST, "Host must be one name or address, with or without a port");
MALFORMED(TWO_HOSTS, "there must be one Host");
MALFORMED(NO_HOST, "Host is missing");
MALFORMED(BAD_LENGTH, "Content-Length must be one run of digits");
MALFORMED(TWO_LENGTHS, "there must be at most one Content-Length");
MALFORMED(TWO_ENCODINGS, "there must be at most one Transfer-Encoding");
MALFORMED(BOTH_LENGTHS, "Content-Length and Transfer-Encoding exclude each other");
MALFORMED(OLD_ENCODING, "HTTP/1.0 has no Transfer-Encoding");
MALFORMED(HEAD_BODY, "a HEAD request must not have a body");
MALFORMED(BAD_CHUNK_SIZE, "a chunk size must be 1 to 8 hexadecimal digits, without extensions");
MALFORMED(BAD_CHUNK_END, "a chunk must end in CR LF");
MALFORMED(TRAILER, "trailers are not supported");
REFUSAL(UNKNOWN_METHOD, 501, "method_not_implemented", "this server does not know the method");
REFUSAL(UNKNOWN_ENCODING, 501, "encoding_not_implemented",
        "the only Transfer-Encoding known here is chunked");
REFUSAL(UNKNOWN_VERSION, 505, "version_not_supported", "this server speaks HTTP/1.1");
REFUSAL(UNKNOWN_EXPECT, 417, "expectation_failed",
        "the only expectation known here is 100-continue");
REFUSAL(TARGET_TOO_LONG, 414, "target_too_long", "the request target is too long");
REFUSAL(HEAD_TOO_LARGE, 431, "head_too_large", "the request head is too large");
REFUSAL(TOO_MANY_FIELDS, 431, "head_too_large", "the request has more than 100 fields");
REFUSAL(BODY_TOO_LARGE, 413, "body_too_large", "the request body is too large");

/* Sets of bytes, a bit each, 32 a word. */
static const uint32_t TOKEN[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff}; /* RFC 9110 §5.6.2 */
static const uint32_t HOST[8] = {0, 0x2fff7ff2, 0xaffffffe, 0x47fffffe};  /* RFC 3986 §3.2.2 */

static bool is_in(const uint32_t set[8], char c)
{
    unsigned char byte = (unsigned char)c;

    return set[byte >> 5] >> (byte & 31) & 1;
}

static size_t refuse(struct http_filter *filter, const struct http_refusal *refusal)
{
    filter->refusal = refusal;
    return 0;
}

static size_t go(struct http_filter *filter, enum state state)
{
    filter->state = (uint8_t)state;
    filter->n_word = 0;
    return 1;
}

/* Collect a byte of a word that is judged whole; a longer one is none we know. */
static bool collect(struct http_filter *filter, char c)
{
    if (filter->n_word == HTTP_FILTER_WORD_MAX - 1)
        return false;
    filter->word[filter->n_word++] = c;
    return true;
}

static const char *word(struct http_filter *filter)
{
    filter->word[filter->n_word] = '\0';
    return filter->word;
}

static size_t take_start(struct http_filter *filter, char c)
{
    const struct http_filter fresh = {
        .limits = filter->limits, .n_whole = filter->n_whole, .state = IN_METHOD};

    (void)c;
    *filter = fresh;
    return 0;
}

static size_t take_method(struct http_filter *filter, char c)
{
    if (c != ' ') {
        if (!is_in(TOKEN, c))
            return refuse(filter, &BAD_METHOD);
        return collect(filter, c) ? 1 : refuse(filter, &UNKNOWN_METHOD);
    }
    if (filter->n_word == 0)
        return refuse(filter, &BAD_METHOD);
    word(filter);
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        if (strcmp(filter->word, methods[i]) == 0) {
            filter->is_head = strcmp(methods[i], "HEAD") == 0;
            filter->is_options = strcmp(methods[i], "OPTIONS") == 0;
            return go(filter, IN_TARGET);
        }
    }
    return refuse(filter, &UNKNOWN_METHOD);
}

/* "//" would be a host to evhttp's parser; an absolute URI is for proxies. `n_word` counts the
 * first two characters. */
static bool begins_target(struct http_filter *filter, char c)
{
    if (filter->n_word++ > 0)
        return c != '/' && !filter->is_star;
    filter->is_star = c == '*' && filter->is_options;
    return c == '/' || filter->is_star;
}

static size_t take_target(struct http_filter *filter, const char *bytes, size_t n_bytes)
{
    size_t i;

    for (i = 0; i < n_bytes && bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '#'; i++)
        if (filter->n_word < 2 && !begins_target(filter, bytes[i]))
            return refuse(filter, &BAD_TARGET);
    if (i == n_bytes)
        return i;
    if (bytes[i] != ' ' || filter->n_word == 0)
        return refuse(filter, &BAD_TARGET);
    go(filter, IN_VERSION);
    return i + 1;
}

static size_t take_version(struct http_filter *filter, char c)
{
    if (c != '\r')
        return c > ' ' && collect(filter, c) ? 1 : refuse(filter, &BAD_VERSION);
    word(filter);
    if (strncmp(filter->word, "HTTP/", 5) != 0)
        return refuse(filter, &BAD_VERSION);
    filter->is_1_0 = strcmp(filter->word, "HTTP/1.0") == 0;
    if (!filter->is_1_0 && strcmp(filter->word, "HTTP/1.1") != 0)
        return refuse(filter, &UNKNOWN_VERSION);
    return go(filter, AT_REQUEST_LINE_LF);
}

static size_t take_line_lf(struct http_filter *filter, char c)
{
    return c == '\n' ? go(filter, AT_FIELD) : refuse(filter, &BAD_LINE_END);
}

static size_t take_field(struct http_filter *filter, char c)
{
    if (c == '\r')
        return go(filter, AT_HEAD_LF);
    if (c == ' ' || c == '\t')
        return refuse(filter, &FOLDED);
    if (!is_in(TOKEN, c))
        return refuse(filter, c == '\n' ? &BAD_LINE_END : &BAD_NAME);
    if (filter->n_fields == HTTP_FIELDS_MAX)
        return refuse(filter, &TOO_MANY_FIELDS);
    filter->n_fields++;
    go(filter, IN_NAME);
    return 0;
}

/* Note which known field the collected name is; each of them may stand once. */
static const struct http_refusal *begin_field(struct http_filter *filter)
{
    filter->field = FIELD_OTHER;
    word(filter);
    for (size_t i = 0; i < sizeof(known_fields) / sizeof(*known_fields); i++)
        if (strcasecmp(filter->word, known_fields[i].name) == 0)
            filter->field = (uint8_t)known_fields[i].field;
    if (filter->field == FIELD_HOST) {
        if (filter->has_host)
            return &TWO_HOSTS;
        filter->has_host = true;
    } else if (filter->field == FIELD_LENGTH) {
        if (filter->has_length)
            return &TWO_LENGTHS;
        filter->has_length = true;
    } else if (filter->field == FIELD_ENCODING) {
        if (filter->has_encoding)
            return &TWO_ENCODINGS;
        filter->has_encoding = true;
    }
    return NULL;
}

static size_t take_name(struct http_filter *filter, const char *bytes, size_t n_bytes)
{
    size_t i;

    for (i = 0; i < n_bytes && is_in(TOKEN, bytes[i]); i++)
        if (!collect(filter, bytes[i]))
            filter->word[0] = '.'; /* too long for any known name: begins no known name either */
    if (i < n_bytes) {
        const struct http_refusal *refusal = &BAD_NAME;

        if (bytes[i] == ':')
            refusal = begin_field(filter);
        if (refusal)
            return refuse(filter, refusal);
        go(filter, BEFORE_VALUE);
        i++;
    }
    return i;
}

/* evhttp skips spaces here, and only spaces: a tab before a value we judge would part us. */
static size_t take_before_value(struct http_filter *filter, char c)
{
    if (c == ' ')
        return 1;
    if (c == '\t' && filter->field != FIELD_OTHER)
        return refuse(filter, &BAD_VALUE);
    go(filter, IN_VALUE);
    return 0;
}

static const struct http_refusal *judge_length(struct http_filter *filter)
{
    const char *digits = word(filter);

    if (filter->n_word == 0 || strspn(digits, "0123456789") != filter->n_word)
        return &BAD_LENGTH;
    for (filter->remaining = 0; *digits; digits++) {
        filter->remaining = filter->remaining * 10 + (uint64_t)(*digits - '0');
        if (filter->remaining > (uint64_t)filter->limits->body_max_bytes)
            return &BODY_TOO_LARGE;
    }
    return NULL;
}

/* The whole value of a known field is there. */
static const struct http_refusal *judge_value(struct http_filter *filter)
{
    while (filter->n_word > 0 && strchr(" \t", filter->word[filter->n_word - 1]))
        filter->n_word--;
    switch ((enum field)filter->field) {
    case FIELD_LENGTH:
        return judge_length(filter);
    case FIELD_ENCODING:
        filter->is_chunked = true;
        return strcasecmp(word(filter), "chunked") == 0 ? NULL : &UNKNOWN_ENCODING;
    case FIELD_EXPECT:
        return strcasecmp(word(filter), "100-continue") == 0 ? NULL : &UNKNOWN_EXPECT;
    case FIELD_HOST:
    case FIELD_OTHER:
        break;
    }
    return NULL;
}

/* What the value of a field that is judged whole is, when it is longer than any that is right. */
static const struct http_refusal *const too_long[] = {
    [FIELD_LENGTH] = &BAD_LENGTH,
    [FIELD_ENCODING] = &UNKNOWN_ENCODING,
    [FIELD_EXPECT] = &UNKNOWN_EXPECT,
};

static const struct http_refusal *take_value_byte(struct http_filter *filter, char c)
{
    if (filter->field != FIELD_HOST)
        return collect(filter, c) ? NULL : too_long[filter->field];
    if (c == ' ' || c == '\t')
        filter->host_ended = true;
    else if (filter->host_ended || !is_in(HOST, c))
        return &BAD_HOST;
    return NULL;
}

static size_t take_value(struct http_filter *filter, const char *bytes, size_t n_bytes)
{
    bool is_known = filter->field != FIELD_OTHER;
    const struct http_refusal *refusal = NULL;
    size_t i;

    for (i = 0; i < n_bytes; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c < ' ' && c != '\t')
            break;
        if (c == 0x7f)
            break;
        if (is_known && (refusal = take_value_byte(filter, bytes[i])))
            return refuse(filter, refusal);
    }
    if (i < n_bytes) {
        if (bytes[i] != '\r')
            return refuse(filter, bytes[i] == '\n' ? &BAD_LINE_END : &BAD_VALUE);
        if (is_known && (refusal = judge_value(filter)))
            return refuse(filter, refusal);
        go(filter, AT_FIELD_LF);
        i++;
    }
    return i;
}

static size_t end_request(struct http_filter *filter)
{
    filter->n_whole++;
    return go(filter, AT_START);
}

static const struct http_refusal *judge_head(const struct http_filter *filter)
{
    if (!filter->has_host && !filter->is_1_0)
        return &NO_HOST;
    if (filter->has_encoding && filter->has_length)
        return &BOTH_LENGTHS;
    if (filter->has_encoding && filter->is_1_0)
        return &OLD_ENCODING;
    if (filter->is_head && (filter->is_chunked || filter->remaining > 0))
        return &HEAD_BODY;
    return NULL;
}

static size_t take_head_lf(struct http_filter *filter, char c)
{
    const struct http_refusal *refusal = c == '\n' ? judge_head(filter) : &BAD_LINE_END;

    if (refusal)
        return refuse(filter, refusal);
    if (filter->is_chunked)
        return go(filter, IN_CHUNK_SIZE);
    return filter->remaining > 0 ? go(filter, IN_BODY) : end_request(filter);
}

/* The body, or one chunk of it. */
static size_t take_payload(struct http_filter *filter, const char *bytes, size_t n_bytes)
{
    size_t n = n_bytes < filter->remaining ? n_bytes : (size_t)filter->remaining;

    (void)bytes;
    filter->remaining -= n;
    if (filter->remaining == 0 && filter->state == IN_BODY)
        end_request(filter);
    else if (filter->remaining == 0)
        go(filter, AT_CHUNK_CR);
    return n;
}

static size_t take_chunk_size(struct http_filter *filter, char c)
{
    unsigned digit;

    if (c == '\r' && filter->n_word > 0)
        return go(filter, AT_CHUNK_SIZE_LF);
    if (c >= '0' && c <= '9')
        digit = (unsigned)(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = (unsigned)((c | 0x20) - 'a') + 10;
    else
        return refuse(filter, &BAD_CHUNK_SIZE);
    if (filter->n_word == 0)
        filter->remaining = 0;
    if (++filter->n_word > 8)
        return refuse(filter, &BAD_CHUNK_SIZE);
    filter->remaining = filter->remaining << 4 | digit;
    return 1;
}

static size_t take_chunk_size_lf(struct http_filter *filter, char c)
{
    if (c != '\n')
        return refuse(filter, &BAD_LINE_END);
    filter->n_body_bytes += filter->remaining;
    if (filter->n_body_bytes > (uint64_t)filter->limits->body_max_bytes)
        return refuse(filter, &BODY_TOO_LARGE);
    return go(filter, filter->remaining > 0 ? IN_CHUNK : AT_LAST_CR);
}

static size_t take_chunk_cr(struct http_filter *filter, char c)
{
    return c == '\r' ? go(filter, AT_CHUNK_LF) : refuse(filter, &BAD_CHUNK_END);
}

static size_t take_chunk_lf(struct http_filter *filter, char c)
{
    return c == '\n' ? go(filter, IN_CHUNK_SIZE) : refuse(filter, &BAD_CHUNK_END);
}

/* evhttp would add trailers to the fields of the head: whatever a proxy checked there. */
static size_t take_last_cr(struct http_filter *filter, char c)
{
    return c == '\r' ? go(filter, AT_LAST_LF) : refuse(filter, &TRAILER);
}

static size_t take_last_lf(struct http_filter *filter, char c)
{
    return c == '\n' ? end_request(filter) : refuse(filter, &BAD_LINE_END);
}

static size_t (*const byte_steps[N_STATES])(struct http_filter *filter, char c) = {
    [AT_START] = take_start,           [IN_METHOD] = take_method,
    [IN_VERSION] = take_version,       [AT_REQUEST_LINE_LF] = take_line_lf,
    [AT_FIELD] = take_field,           [BEFORE_VALUE] = take_before_value,
    [AT_FIELD_LF] = take_line_lf,      [AT_HEAD_LF] = take_head_lf,
    [IN_CHUNK_SIZE] = take_chunk_size, [AT_CHUNK_SIZE_LF] = take_chunk_size_lf,
    [AT_CHUNK_CR] = take_chunk_cr,     [AT_CHUNK_LF] = take_chunk_lf,
    [AT_LAST_CR] = take_last_cr,       [AT_LAST_LF] = take_last_lf,
};

static size_t (*const run_steps[N_STATES])(struct http_filter *filter, const char *bytes,
                                           size_t n_bytes) = {
    [IN_TARGET] = take_target, [IN_NAME] = take_name,     [IN_VALUE] = take_value,
    [IN_BODY] = take_payload,  [IN_CHUNK] = take_payload,
};

void http_filter_init(struct http_filter *filter, const struct http_limits *limits)
{
    *filter = (struct http_filter){.limits = limits, .state = AT_START};
}

bool http_filter_feed(struct http_filter *filter, const char *bytes, size_t n_bytes)
{
    size_t at = 0;

    while (at < n_bytes && !filter->refusal) {
        bool was_target = filter->state == IN_TARGET;
        bool was_head = filter->state <= AT_HEAD_LF;
        size_t n;

        if (run_steps[filter->state]) {
            n = run_steps[filter->state](filter, bytes + at, n_bytes - at);
        } else {
            assert(byte_steps[filter->state]);
            n = byte_steps[filter->state](filter, bytes[at]);
        }
        at += n;
        if (!was_head)
            continue;
        filter->n_head_bytes += (uint32_t)n;
        if (filter->n_head_bytes > (uint32_t)filter->limits->head_max_bytes)
            refuse(filter, was_target ? &TARGET_TOO_LONG : &HEAD_TOO_LARGE);
    }
    return !filter->refusal;
}

enum http_filter_phase http_filter_phase(const struct http_filter *filter)
{
    if (filter->state == AT_START)
        return HTTP_FILTER_BETWEEN;
    return filter->state <= AT_HEAD_LF ? HTTP_FILTER_HEAD : HTTP_FILTER_BODY;
}
