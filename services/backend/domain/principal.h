/* services/backend/domain/principal.h — who asks, and what they may do. */
#ifndef SERVICES_BACKEND_DOMAIN_PRINCIPAL_H
#define SERVICES_BACKEND_DOMAIN_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/events/reminder.h"
#include "common/json/json_field.h"

/** What a personal API token may be allowed; a signed-in session has them all. */
enum scope {
    SCOPE_TASKS_READ = 1,    /* "tasks:read": tasks, sync, history, WebSocket tickets */
    SCOPE_TASKS_WRITE = 2,   /* "tasks:write" */
    SCOPE_ACCOUNT_READ = 4,  /* "account:read": profile and export */
    SCOPE_ACCOUNT_WRITE = 8, /* "account:write": profile */
    SCOPE_SESSION = 16,      /* no token has it: password, sessions, tokens, deletion */
};
enum { SCOPE_ALL = 31, SCOPE_WORDS_MAX = 4, SCOPE_WORD_MAX = 13 };

struct principal {
    struct uuid user_id;
    struct uuid session_id; /* "" for a personal API token */
    unsigned scopes;
    const char *time_zone;                          /* of the account; static */
    char default_reminder[REMINDER_OFFSET_MAX + 1]; /* of a new task with a due date; "": none */
};

/** Return the word of one scope: "tasks:read"; "session" for SCOPE_SESSION. */
const char *scope_word(unsigned scope);

/** Read words into a mask. Fail with a field entry "scopes[i]" for an unknown or repeated word, and
 *  one for "scopes" when there is none. */
MUST_CHECK bool scope_read(const struct json_texts *words, unsigned *scopes, struct err *err);

/** Return the words of a mask, in the arena. */
struct json_texts scope_list(unsigned scopes, struct arena *arena);

#endif
