/* services/audit/domain/finding.h — what verification has to say about one place of one chain. */
#ifndef SERVICES_AUDIT_DOMAIN_FINDING_H
#define SERVICES_AUDIT_DOMAIN_FINDING_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"

enum finding_kind {
    FINDING_FAULT,   /* the chain is not what was appended */
    FINDING_HOLE,    /* numbers of a source that did not arrive, or arrived twice */
    FINDING_WARNING, /* something that could not be checked */
};
enum { FINDING_KINDS = 3, FINDING_TEXT_MAX = 200 };

struct finding {
    enum finding_kind kind;
    struct uuid owner_id; /* "": of no owner */
    int64_t number;       /* of the entry; 0: of the whole chain */
    char text[FINDING_TEXT_MAX];
};

typedef void finding_fn(void *arg, const struct finding *finding);

/** Who hears of findings, and how many there were of each kind. */
struct findings {
    finding_fn *tell;
    void *arg; /* borrowed */
    int64_t n_of[FINDING_KINDS];
};

/** Count one finding and tell it; over-long text is cut. */
void findings_add(struct findings *findings, enum finding_kind kind, const struct uuid *owner_id,
                  int64_t number, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
