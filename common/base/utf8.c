#include "common/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* RFC 3629 §4: the lead bytes, what their second byte may be, and how long the character is. Over-long
 * forms, surrogates and what lies beyond U+10FFFF are in no row. */
static const struct {
    unsigned char first, last, second_low, second_high, length;
} leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};
enum { N_LEADS = sizeof leads / sizeof leads[0] };

/* Return the length of the valid character at `bytes`, 0 when there is none. */
static size_t character_length(const unsigned char *bytes, size_t n_bytes)
{
    size_t row = 0;

    if (bytes[0] < 0x80)
        return 1;
    while (row < N_LEADS && bytes[0] > leads[row].last)
        row++;
    if (row == N_LEADS || bytes[0] < leads[row].first || n_bytes < leads[row].length ||
        bytes[1] < leads[row].second_low || bytes[1] > leads[row].second_high)
        return 0;
    for (size_t i = 2; i < leads[row].length; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    return leads[row].length;
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
