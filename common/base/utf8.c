#include "common/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Return the length of the valid character at `bytes`, 0 when there is none (RFC 3629 §4). */
static size_t character_length(const unsigned char *bytes, size_t n_bytes)
{
    unsigned char lead = bytes[0];
    unsigned char low = 0x80, high = 0xBF; /* of the second byte */
    size_t length;

    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (n_bytes < length)
        return 0;
    if (lead == 0xE0)
        low = 0xA0; /* over-long */
    else if (lead == 0xED)
        high = 0x9F; /* surrogates */
    else if (lead == 0xF0)
        low = 0x90; /* over-long */
    else if (lead == 0xF4)
        high = 0x8F; /* beyond U+10FFFF */
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

size_t utf8_length_at(const char *bytes, size_t n_bytes)
{
    return n_bytes == 0 ? 0 : character_length((const unsigned char *)bytes, n_bytes);
}

bool utf8_is_valid(const char *bytes, size_t n_bytes)
{
    const unsigned char *at = (const unsigned char *)bytes;

    while (n_bytes > 0) {
        size_t length;
        uint64_t eight;

        if (n_bytes >= sizeof eight) { /* most text is ASCII */
            memcpy(&eight, at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                n_bytes -= sizeof eight;
                continue;
            }
        }
        length = character_length(at, n_bytes);
        if (length == 0)
            return false;
        at += length;
        n_bytes -= length;
    }
    return true;
}

size_t utf8_count(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}
