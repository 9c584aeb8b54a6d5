/* services/audit/domain/head_line.h — one exported head: a line of JSON, signed by itself.
 * Source: RFC 8032 (Ed25519). docs/AUDIT.md has the bytes that are signed. */
#ifndef SERVICES_AUDIT_DOMAIN_HEAD_LINE_H
#define SERVICES_AUDIT_DOMAIN_HEAD_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "services/audit/domain/entry.h"

enum {
    HEAD_LINE_SEED_BYTES = 32,
    HEAD_LINE_SECRET_BYTES = 64, /* seed and public key */
    HEAD_LINE_PUBLIC_BYTES = 32,
    HEAD_LINE_SIGNATURE_BYTES = 64,
};

struct head_line {
    int64_t at; /* when it was exported */
    struct uuid owner_id;
    int64_t number;
    unsigned char hash[ENTRY_HASH_BYTES];
    unsigned char signature[HEAD_LINE_SIGNATURE_BYTES];
};

/** A signing key and what checks it. */
struct head_line_keys {
    unsigned char secret_key[HEAD_LINE_SECRET_BYTES];
    unsigned char public_key[HEAD_LINE_PUBLIC_BYTES];
};

/** Derive the keys of a seed in base64. ERR_INVALID unless it is 32 bytes. */
MUST_CHECK bool head_line_read_seed(const char *base64, struct head_line_keys *keys,
                                    struct err *err);
MUST_CHECK bool head_line_read_public_key(const char *base64,
                                          unsigned char public_key[HEAD_LINE_PUBLIC_BYTES],
                                          struct err *err);
void head_line_write_public_key(const unsigned char public_key[HEAD_LINE_PUBLIC_BYTES],
                                struct buf *out);

void head_line_sign(struct head_line *line, const struct head_line_keys *keys);
bool head_line_is_signed(const struct head_line *line,
                         const unsigned char public_key[HEAD_LINE_PUBLIC_BYTES]);

/** Append the line, its newline included. */
void head_line_write(const struct head_line *line, struct buf *out);
MUST_CHECK bool head_line_read(const char *text, size_t n_bytes, struct head_line *line,
                               struct err *err);

#endif
