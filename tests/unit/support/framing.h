/* tests/unit/support/framing.h — reads tests/unit/common/net/http_framing.txt: requests as bytes,
 * and what the server must say to each. */
#ifndef TESTS_UNIT_SUPPORT_FRAMING_H
#define TESTS_UNIT_SUPPORT_FRAMING_H

#include <stddef.h>

#include "common/base/buf.h"

struct framing_case {
    int status; /* 200: let through */
    char source[40];
    char name[120];
    struct buf bytes;
};

/** Call `each` for each line of the table; fail the test when there is none. */
void framing_for_each(void (*each)(void *arg, const struct framing_case *row), void *arg);

#endif
