/* tests/fuzz/services/backend/fuzz_credentials.c — what a client says of itself: an e-mail address, a
 * Cookie header, a refresh token, a personal API token, scopes. Any text. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "services/backend/domain/cookie.h"
#include "services/backend/domain/email.h"
#include "services/backend/domain/principal.h"
#include "services/backend/domain/secret_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* An address that is accepted is its own normal form, and nothing that a mail header could break on. */
static void read_email(const char *text, struct arena *arena)
{
    const char *email = NULL, *again = NULL;
    struct err err = {0};

    if (!email_normalise(text, arena, &email, &err)) {
        assert(err.n_fields == 1 && strcmp(err.fields[0].field, "email") == 0);
        return;
    }
    assert(email_normalise(email, arena, &again, &err) && strcmp(email, again) == 0);
    assert(strlen(email) <= EMAIL_MAX && strpbrk(email, "\r\n\t ,;:<>()[]\\\"") == NULL);
    assert(strchr(email, '@') == strrchr(email, '@'));
}

static void read_cookie(const char *text, struct arena *arena)
{
    const char *value = cookie_find(text, COOKIE_REFRESH, arena);

    assert(value == NULL || (strchr(value, ';') == NULL && strstr(text, value) != NULL));
}

/* What is read as a token is written back the same: there is one text for each. */
static void read_tokens(const char *text)
{
    char refresh[SECRET_TOKEN_TEXT_SIZE], api[SECRET_TOKEN_API_TEXT_SIZE];
    struct secret_token token;

    if (secret_token_read(text, &token)) {
        secret_token_write(&token, refresh);
        assert(strcmp(refresh, text) == 0);
    }
    if (secret_token_read_api(text, &token)) {
        secret_token_write_api(&token, api);
        assert(strcmp(api, text) == 0);
    }
}

static void read_scopes(const char *text)
{
    const char *words[] = {text, "tasks:read"};
    const struct json_texts list = {words, 2};
    unsigned scopes = 0;
    struct err err = {0};

    assert(scope_read(&list, &scopes, &err) == (err.n_fields == 0));
    assert((scopes & SCOPE_SESSION) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct arena arena;

    arena_init(&arena);
    const char *text = arena_copy_bytes(&arena, bytes, n_bytes);

    read_email(text, &arena);
    read_cookie(text, &arena);
    read_tokens(text);
    read_scopes(text);
    arena_clear(&arena);
    return 0;
}
