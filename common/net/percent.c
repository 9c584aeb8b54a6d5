#include "common/net/percent.h"

#include "common/base/utf8.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *percent_decode(const char *text, size_t n_bytes, enum percent_mode mode, char *out)
{
    size_t n_out = 0;

    for (size_t i = 0; i < n_bytes; i++) {
        char c = text[i];

        if (c == '+' && mode == PERCENT_FORM)
            c = ' ';
        if (c == '%') {
            int high = n_bytes - i > 2 ? digit_value(text[i + 1]) : -1;
            int low = high >= 0 ? digit_value(text[i + 2]) : -1;

            if (low < 0)
                return "has a % that two hexadecimal digits do not follow";
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return "holds a NUL";
        out[n_out++] = c;
    }
    out[n_out] = '\0';
    return utf8_is_valid(out, n_out) ? NULL : "is not valid UTF-8";
}
