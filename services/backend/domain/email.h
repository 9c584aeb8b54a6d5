/* services/backend/domain/email.h — e-mail addresses as people type them, and as we keep them.
 * Source: RFC 5321 §4.1.2, §4.5.3.1 (dot-string local part, ASCII domain of at least two labels). */
#ifndef SERVICES_BACKEND_DOMAIN_EMAIL_H
#define SERVICES_BACKEND_DOMAIN_EMAIL_H

#include "common/base/arena.h"
#include "common/base/err.h"

enum { EMAIL_MAX = 254, EMAIL_LOCAL_MAX = 64, EMAIL_LABEL_MAX = 63 };

/** Check `text` and yield it in lower case, so that one mailbox has one account. Fail with an entry
 *  for the field "email" that names the rule. */
MUST_CHECK bool email_normalise(const char *text, struct arena *arena, const char **email,
                                struct err *err);

#endif
