#include "services/audit/domain/head_line.h"

#include <sodium.h>
#include <string.h>

#include "common/json/json_field.h"
#include "common/json/json_out.h"

_Static_assert(HEAD_LINE_SEED_BYTES == crypto_sign_SEEDBYTES, "seed");
_Static_assert(HEAD_LINE_SECRET_BYTES == crypto_sign_SECRETKEYBYTES, "secret key");
_Static_assert(HEAD_LINE_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "public key");
_Static_assert(HEAD_LINE_SIGNATURE_BYTES == crypto_sign_BYTES, "signature");

static const char SIGNED_DOMAIN[] = "todo/audit/head/1";

enum {
    HASH_DIGITS = 2 * ENTRY_HASH_BYTES,
    SIGNATURE_DIGITS = 88, /* of base64 */
    INT_BYTES = 8,
    SIGNED_BYTES =
        sizeof(SIGNED_DOMAIN) - 1 + INT_BYTES + UUID_TEXT_SIZE - 1 + INT_BYTES + ENTRY_HASH_BYTES,
};

/** The line as it stands in the file. */
struct line_text {
    int64_t at, number;
    struct uuid owner_id;
    const char *hash, *signature;
};
static const struct json_field line_fields[] = {
    JSON_TIME(struct line_text, at, "at", JSON_REQUIRED),
    JSON_UUID(struct line_text, owner_id, "owner_id", JSON_REQUIRED),
    JSON_INT(struct line_text, number, "number", JSON_REQUIRED, 1, INT64_MAX),
    JSON_TEXT(struct line_text, hash, "hash", JSON_REQUIRED, HASH_DIGITS, HASH_DIGITS),
    JSON_TEXT(struct line_text, signature, "signature", JSON_REQUIRED, SIGNATURE_DIGITS,
              SIGNATURE_DIGITS),
};
enum { N_LINE_FIELDS = sizeof(line_fields) / sizeof(line_fields[0]) };

static bool read_base64(const char *text, unsigned char *bytes, size_t n_bytes)
{
    size_t n_read = 0;

    return sodium_base642bin(bytes, n_bytes, text, strlen(text), NULL, &n_read, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n_read == n_bytes;
}

bool head_line_read_seed(const char *base64, struct head_line_keys *keys, struct err *err)
{
    unsigned char seed[HEAD_LINE_SEED_BYTES];

    if (!read_base64(base64, seed, sizeof(seed)))
        return err_set(err, ERR_INVALID, "the seed is not %d bytes in base64",
                       HEAD_LINE_SEED_BYTES);
    crypto_sign_seed_keypair(keys->public_key, keys->secret_key, seed);
    sodium_memzero(seed, sizeof(seed));
    return true;
}

bool head_line_read_public_key(const char *base64, unsigned char public_key[HEAD_LINE_PUBLIC_BYTES],
                               struct err *err)
{
    if (!read_base64(base64, public_key, HEAD_LINE_PUBLIC_BYTES))
        return err_set(err, ERR_INVALID, "a public key is %d bytes in base64",
                       HEAD_LINE_PUBLIC_BYTES);
    return true;
}

void head_line_write_public_key(const unsigned char public_key[HEAD_LINE_PUBLIC_BYTES],
                                struct buf *out)
{
    char text[sodium_base64_ENCODED_LEN(HEAD_LINE_PUBLIC_BYTES, sodium_base64_VARIANT_ORIGINAL)];

    buf_add_text(out, sodium_bin2base64(text, sizeof(text), public_key, HEAD_LINE_PUBLIC_BYTES,
                                        sodium_base64_VARIANT_ORIGINAL));
}

static unsigned char *add_int(unsigned char *at, int64_t value)
{
    for (int i = 0; i < INT_BYTES; i++)
        at[i] = (unsigned char)((uint64_t)value >> (8 * (INT_BYTES - 1 - i)) & 0xff);
    return at + INT_BYTES;
}

/** Every part has a fixed size, so they need no lengths. */
static void write_signed_bytes(const struct head_line *line, unsigned char bytes[SIGNED_BYTES])
{
    unsigned char *at = bytes;

    memcpy(at, SIGNED_DOMAIN, sizeof(SIGNED_DOMAIN) - 1);
    at = add_int(at + sizeof(SIGNED_DOMAIN) - 1, line->at);
    memcpy(at, line->owner_id.text, UUID_TEXT_SIZE - 1);
    at = add_int(at + UUID_TEXT_SIZE - 1, line->number);
    memcpy(at, line->hash, ENTRY_HASH_BYTES);
}

void head_line_sign(struct head_line *line, const struct head_line_keys *keys)
{
    unsigned char bytes[SIGNED_BYTES];

    write_signed_bytes(line, bytes);
    crypto_sign_detached(line->signature, NULL, bytes, sizeof(bytes), keys->secret_key);
}

bool head_line_is_signed(const struct head_line *line,
                         const unsigned char public_key[HEAD_LINE_PUBLIC_BYTES])
{
    unsigned char bytes[SIGNED_BYTES];

    write_signed_bytes(line, bytes);
    return crypto_sign_verify_detached(line->signature, bytes, sizeof(bytes), public_key) == 0;
}

void head_line_write(const struct head_line *line, struct buf *out)
{
    char hash[HASH_DIGITS + 1], signature[SIGNATURE_DIGITS + 1];
    struct line_text text = {.at = line->at,
                             .number = line->number,
                             .owner_id = line->owner_id,
                             .hash = hash,
                             .signature = signature};
    struct json_out json;

    sodium_bin2hex(hash, sizeof(hash), line->hash, sizeof(line->hash));
    sodium_bin2base64(signature, sizeof(signature), line->signature, sizeof(line->signature),
                      sodium_base64_VARIANT_ORIGINAL);
    json_out_init(&json, out);
    json_open_object(&json, NULL);
    json_write_fields(&json, line_fields, N_LINE_FIELDS, &text);
    json_close_object(&json);
    buf_add_char(out, '\n');
}

bool head_line_read(const char *text, size_t n_bytes, struct head_line *line, struct err *err)
{
    const struct json_reading reading = {.fields = line_fields, .n_fields = N_LINE_FIELDS};
    struct line_text read = {0};
    struct arena arena;
    size_t n_hash = 0;
    bool ok;

    arena_init(&arena);
    ok = json_read(text, n_bytes, &reading, &arena, &read, err);
    if (ok && (sodium_hex2bin(line->hash, sizeof(line->hash), read.hash, HASH_DIGITS, NULL, &n_hash,
                              NULL) != 0 ||
               n_hash != sizeof(line->hash)))
        ok = err_add_field(err, "hash", "is not %d hexadecimal digits", HASH_DIGITS);
    if (ok && !read_base64(read.signature, line->signature, sizeof(line->signature)))
        ok =
            err_add_field(err, "signature", "is not %d bytes in base64", HEAD_LINE_SIGNATURE_BYTES);
    line->at = read.at;
    line->owner_id = read.owner_id;
    line->number = read.number;
    arena_clear(&arena);
    return ok;
}
