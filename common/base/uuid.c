#include "common/base/uuid.h"

#include <ctype.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

static bool is_hyphen_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

/* RFC 9562 §5.7: 48 bits of ms, the version, 12 random bits, the variant, 62 random bits. */
struct uuid uuid_new(int64_t now_ms)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    struct uuid uuid = {""};
    char *to = uuid.text;

    randombytes_buf(bytes + 6, sizeof bytes - 6);
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)((uint64_t)now_ms >> (40 - 8 * i));
    bytes[6] = (unsigned char)(0x70 | (bytes[6] & 0x0F));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (is_hyphen_at((size_t)(to - uuid.text)))
            *to++ = '-';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 0x0F];
    }
    *to = '\0';
    return uuid;
}

bool uuid_is_valid(const char *text)
{
    struct uuid ignored;

    return uuid_read(text, &ignored);
}

bool uuid_read(const char *text, struct uuid *uuid)
{
    struct uuid read;

    if (text == NULL)
        return false;
    for (size_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        unsigned char c = (unsigned char)text[i];

        if (is_hyphen_at(i) ? c != '-' : !isxdigit(c))
            return false; /* the NUL of a short text too */
        read.text[i] = (char)tolower(c);
    }
    if (text[UUID_TEXT_SIZE - 1] != '\0')
        return false;
    read.text[UUID_TEXT_SIZE - 1] = '\0';
    *uuid = read;
    return true;
}
