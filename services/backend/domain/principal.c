#include "services/backend/domain/principal.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned scope;
    const char *word;
} words_of[] = {
    {SCOPE_TASKS_READ, "tasks:read"},
    {SCOPE_TASKS_WRITE, "tasks:write"},
    {SCOPE_ACCOUNT_READ, "account:read"},
    {SCOPE_ACCOUNT_WRITE, "account:write"},
};
enum { N_WORDS = sizeof(words_of) / sizeof(words_of[0]) };

const char *scope_word(unsigned scope)
{
    for (size_t i = 0; i < N_WORDS; i++)
        if (words_of[i].scope == scope)
            return words_of[i].word;
    return "session";
}

static unsigned find_scope(const char *word)
{
    for (size_t i = 0; i < N_WORDS; i++)
        if (strcmp(words_of[i].word, word) == 0)
            return words_of[i].scope;
    return 0;
}

bool scope_read(const struct json_texts *words, unsigned *scopes, struct err *err)
{
    unsigned all = 0;
    bool ok = true;

    if (words->n_items == 0)
        return err_add_field(err, "scopes", "has no item; at least 1");
    for (size_t i = 0; i < words->n_items; i++) {
        unsigned scope = find_scope(words->items[i]);
        char field[ERR_FIELD_MAX];

        snprintf(field, sizeof field, "scopes[%zu]", i);
        if (scope == 0)
            ok = err_add_field(err, field,
                               "is none of tasks:read, tasks:write, account:read, account:write");
        else if (all & scope)
            ok = err_add_field(err, field, "stands twice");
        all |= scope;
    }
    if (ok)
        *scopes = all;
    return ok;
}

struct json_texts scope_list(unsigned scopes, struct arena *arena)
{
    struct json_texts list = {ARENA_NEW_ARRAY(arena, N_WORDS, const char *), 0};

    for (size_t i = 0; i < N_WORDS; i++)
        if (scopes & words_of[i].scope)
            list.items[list.n_items++] = words_of[i].word;
    return list;
}
