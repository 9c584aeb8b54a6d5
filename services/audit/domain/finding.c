#include "services/audit/domain/finding.h"

#include <stdarg.h>
#include <stdio.h>

void findings_add(struct findings *findings, enum finding_kind kind, const struct uuid *owner_id,
                  int64_t number, const char *format, ...)
{
    struct finding finding = {.kind = kind, .number = number};
    va_list args;

    if (owner_id != NULL)
        finding.owner_id = *owner_id;
    va_start(args, format);
    vsnprintf(finding.text, sizeof(finding.text), format, args);
    va_end(args);
    findings->n_of[kind]++;
    findings->tell(findings->arg, &finding);
}
