#include "services/backend/domain/etag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void etag_write(int64_t version, char text[ETAG_SIZE])
{
    snprintf(text, ETAG_SIZE, "\"%" PRId64 "\"", version);
}

static const char *skip_spaces(const char *at)
{
    return at + strspn(at, " \t");
}

/* Return where the tag that begins at `at`, its quotes included, ends; NULL when there is none. */
static const char *end_of_tag(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7F)
            return NULL;
    return at + 1;
}

enum etag_verdict etag_compare(const char *list, int64_t version, bool is_strong)
{
    enum etag_verdict verdict = ETAG_DIFFERS;
    char own[ETAG_SIZE];
    const char *at = skip_spaces(list);

    if (*at == '*')
        return *skip_spaces(at + 1) == '\0' ? ETAG_MATCHES : ETAG_MALFORMED;
    etag_write(version, own);
    for (;;) {
        bool is_weak = strncmp(at, "W/", 2) == 0;
        const char *tag = is_weak ? at + 2 : at;
        const char *end = end_of_tag(tag);

        if (end == NULL)
            return ETAG_MALFORMED;
        if (strlen(own) == (size_t)(end - tag) && memcmp(own, tag, strlen(own)) == 0 &&
            !(is_weak && is_strong))
            verdict = ETAG_MATCHES;
        at = skip_spaces(end);
        if (*at == '\0')
            return verdict;
        if (*at != ',')
            return ETAG_MALFORMED;
        at = skip_spaces(at + 1);
    }
}
