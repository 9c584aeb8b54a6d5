/* common/dapr/secrets.c — secrets, read again and again.
 *
 * A watch keeps no value, only the digest of the last secret that was taken; the values live in the
 * callback's hands alone, and our copies are wiped behind it. */
#include "common/dapr/secrets.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/json/json_field.h"
#include "common/net/loop.h"

enum { DIGEST_SIZE = crypto_generichash_BYTES, PAIRS_MAX = 64 };
enum { READ_LIMIT_MS = 5000, RETRY_MIN_MS = 50, RETRY_MAX_MS = 1000 };
enum { LOG_EVERY = 30 /* failures in a row */ };

struct secret_watch {
    struct dapr *dapr;
    const struct log *log;
    const char *name;
    int interval_ms;
    secret_changed_fn *changed;
    void *arg;
    struct loop_timer *timer;
    char *path;
    struct secret_read *running; /* NULL: waiting for the timer */
    unsigned char digest[DIGEST_SIZE];
    bool is_loaded;
    unsigned n_failures; /* in a row */
};

/** One read on its way; outlives a watch that is freed meanwhile. */
struct secret_read {
    struct secret_watch *watch; /* NULL: freed */
};

const char *secret_value(const struct secret *secret, const char *name)
{
    for (size_t i = 0; i < secret->n_pairs; i++)
        if (strcmp(secret->pairs[i].name, name) == 0)
            return secret->pairs[i].value;
    return NULL;
}

static void add_pair(void *arg, const char *name, const char *value)
{
    struct secret *secret = arg;

    if (secret->n_pairs == PAIRS_MAX)
        return;
    secret->pairs[secret->n_pairs++] =
        (struct secret_pair){mem_copy_text(name), mem_copy_text(value)};
}

static void wipe_secret(struct secret *secret)
{
    for (size_t i = 0; i < secret->n_pairs; i++) {
        char *value = (char *)secret->pairs[i].value;

        sodium_memzero(value, strlen(value));
        mem_free(value);
        mem_free((char *)secret->pairs[i].name);
    }
    mem_free(secret->pairs);
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const struct secret_pair *)a)->name, ((const struct secret_pair *)b)->name);
}

/** Sort the pairs and digest them, each text with its NUL. */
static void digest_secret(struct secret *secret, unsigned char digest[DIGEST_SIZE])
{
    crypto_generichash_state state;

    qsort(secret->pairs, secret->n_pairs, sizeof *secret->pairs, compare_pairs);
    crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
    for (size_t i = 0; i < secret->n_pairs; i++) {
        const struct secret_pair *pair = &secret->pairs[i];

        crypto_generichash_update(&state, (const unsigned char *)pair->name,
                                  strlen(pair->name) + 1);
        crypto_generichash_update(&state, (const unsigned char *)pair->value,
                                  strlen(pair->value) + 1);
    }
    crypto_generichash_final(&state, digest, DIGEST_SIZE);
}

/** Hand the secret on if it is new. */
static bool take_secret(struct secret_watch *watch, struct secret *secret, struct err *err)
{
    unsigned char digest[DIGEST_SIZE];

    digest_secret(secret, digest);
    if (watch->is_loaded && memcmp(digest, watch->digest, DIGEST_SIZE) == 0)
        return true;
    if (!watch->changed(watch->arg, secret, err))
        return false;
    log_info(watch->log, watch->is_loaded ? "secret_rotated" : "secret_loaded",
             KV("secret", watch->name));
    memcpy(watch->digest, digest, DIGEST_SIZE);
    watch->is_loaded = true;
    return true;
}

/** A store that keeps one text per name (Azure Key Vault, Google Secret Manager) answers
 *  {"<name>": "<text>"}: there the text is the object that other stores answer. */
static bool is_wrapped(const struct secret_watch *watch, const struct secret *secret)
{
    return secret->n_pairs == 1 && strcmp(secret->pairs[0].name, watch->name) == 0 &&
           secret->pairs[0].value[0] == '{';
}

static bool read_answer(struct secret_watch *watch, const struct http_answer *answer,
                        struct err *err)
{
    struct secret secret = {.pairs = mem_new_array(PAIRS_MAX, sizeof(struct secret_pair))};
    struct secret inner = {.pairs = mem_new_array(PAIRS_MAX, sizeof(struct secret_pair))};
    bool ok = json_read_pairs(answer->body, answer->n_bytes, add_pair, &secret, err);

    if (ok && is_wrapped(watch, &secret)) {
        const char *text = secret.pairs[0].value;

        ok = json_read_pairs(text, strlen(text), add_pair, &inner, err) &&
             take_secret(watch, &inner, err);
    } else if (ok) {
        ok = take_secret(watch, &secret, err);
    }
    wipe_secret(&secret);
    wipe_secret(&inner);
    return ok;
}

/** At start the sidecar comes up within moments; later it may be away for long. */
static int retry_ms(unsigned n_failures)
{
    int wait_ms = RETRY_MIN_MS;

    for (unsigned i = 1; i < n_failures && wait_ms < RETRY_MAX_MS; i++)
        wait_ms *= 2;
    return wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS;
}

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct secret_read *read = arg;
    struct secret_watch *watch = read->watch;
    struct err unusable = {0};
    bool is_away = err != NULL;

    mem_free(read);
    if (watch == NULL)
        return;
    watch->running = NULL;
    if (err == NULL && !read_answer(watch, answer, &unusable))
        err = &unusable;
    if (err == NULL)
        watch->n_failures = 0;
    else if (watch->n_failures++ % LOG_EVERY == 0)
        log_warn(watch->log, is_away ? "secret_not_read" : "secret_not_usable",
                 KV("secret", watch->name), KV("err", err->text));
    loop_timer_start(watch->timer, is_away ? retry_ms(watch->n_failures) : watch->interval_ms);
}

static void read_secret(void *arg)
{
    struct secret_watch *watch = arg;

    watch->running = MEM_NEW(struct secret_read);
    watch->running->watch = watch;
    dapr_send(
        watch->dapr,
        &(struct dapr_request){.method = HTTP_GET, .path = watch->path, .limit_ms = READ_LIMIT_MS},
        on_answered, watch->running);
}

struct secret_watch *secret_watch_new(struct dapr *dapr, struct loop *loop, const struct log *log,
                                      const struct secret_source *source,
                                      secret_changed_fn *changed, void *arg)
{
    struct secret_watch *watch = MEM_NEW(struct secret_watch);
    struct buf path;

    *watch = (struct secret_watch){.dapr = dapr,
                                   .log = log,
                                   .name = source->name,
                                   .interval_ms = source->interval_ms,
                                   .changed = changed,
                                   .arg = arg};
    buf_init(&path);
    buf_format(&path, "/v1.0/secrets/%s/", source->store);
    dapr_add_escaped(&path, source->name);
    watch->path = mem_copy_text(buf_text(&path));
    buf_clear(&path);
    watch->timer = loop_timer_new(loop, read_secret, watch);
    read_secret(watch);
    return watch;
}

const char *secret_watch_name(const struct secret_watch *watch)
{
    return watch->name;
}

bool secret_watch_is_loaded(const struct secret_watch *watch)
{
    return watch->is_loaded;
}

void secret_watch_free(struct secret_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->running != NULL)
        watch->running->watch = NULL;
    loop_timer_free(watch->timer);
    mem_free(watch->path);
    mem_free(watch);
}
