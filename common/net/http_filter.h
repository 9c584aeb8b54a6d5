/* common/net/http_filter.h — judges a client's bytes before evhttp sees them, one state machine per
 * connection, no I/O. What it lets through means the same to every reader: one request line, one
 * Host, at most one length, strict line ends, strict chunks, no trailers.
 * Source: RFC 9112 §2.2, §3, §5, §6, §7; RFC 9110 §8.6, §10.1.1; RFC 6585 §5. */
#ifndef COMMON_NET_HTTP_FILTER_H
#define COMMON_NET_HTTP_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_limits;

enum { HTTP_FIELDS_MAX = 100, HTTP_FILTER_WORD_MAX = 24 };

/** Why bytes were refused: the answer to give before closing. Static. */
struct http_refusal {
    int status;
    const char *code;   /* for programs */
    const char *detail; /* for people */
};

enum http_filter_phase { HTTP_FILTER_BETWEEN, HTTP_FILTER_HEAD, HTTP_FILTER_BODY };

/** A plain value; only http_filter.c looks inside. */
struct http_filter {
    const struct http_limits *limits;
    const struct http_refusal *refusal; /* NULL: all was fine so far */
    unsigned n_whole;                   /* requests seen to their end */
    uint32_t n_head_bytes;
    uint64_t remaining;    /* of the body or of the chunk */
    uint64_t n_body_bytes; /* of the chunks so far */
    uint8_t state, field, n_fields, n_word;
    bool is_head, is_options, is_1_0, is_chunked, has_host, has_length, has_encoding;
    bool host_ended, is_star;
    char word[HTTP_FILTER_WORD_MAX];
};

/** Begin a connection. Borrow `limits` for the life of the filter. */
void http_filter_init(struct http_filter *filter, const struct http_limits *limits);

/** Take the next bytes of the connection, in pieces of any size. Return false once a byte was
 *  refused (`refusal` says why); after that take no more. */
bool http_filter_feed(struct http_filter *filter, const char *bytes, size_t n_bytes);

enum http_filter_phase http_filter_phase(const struct http_filter *filter);

#endif
