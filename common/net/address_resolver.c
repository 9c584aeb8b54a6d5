#include <assert.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/net/loop.h"
#include "common/net/public_address.h"

/* How it works: getaddrinfo blocks, so each lookup has a thread of its own, which ends by ringing the
 * bell, an eventfd that the loop watches. A lookup that took too long is answered, and stays in the list until its
 * thread ends, so that a name service that hangs cannot make us start ever more threads. Loop and
 * thread share the lookup: the last of them frees it. */

enum { LOOKUPS_MAX = 8, STACK_BYTES = 256 * 1024 };

/* Shared by the loop and every thread, as the resolver may end before them: the last one closes it. */
struct bell {
    atomic_int n_owners;
    int fd;
};

struct lookup {
    /* shared; what the thread writes is read once `ended` is set */
    atomic_int n_owners;
    atomic_bool ended;
    struct bell *bell;
    char host[ADDRESS_HOST_MAX + 1];
    struct addrinfo *found;
    int why_not; /* an EAI_… */

    /* the loop's alone */
    TAILQ_ENTRY(lookup) link;
    struct address_resolver *resolver;
    const struct address_policy *policy;
    const char *field;
    struct loop_timer *limit;
    address_checked_fn *done; /* NULL: answered */
    void *arg;
};
TAILQ_HEAD(lookups, lookup);

/* A question that needs no lookup; answered in the next turn. */
struct verdict {
    TAILQ_ENTRY(verdict) link;
    struct address_resolver *resolver;
    struct err err;
    address_checked_fn *done;
    void *arg;
};
TAILQ_HEAD(verdicts, verdict);

struct address_resolver {
    struct loop *loop;
    struct bell *bell;
    struct event *rung;
    struct loop_timer *at_once; /* runs while there are verdicts */
    struct lookups lookups;
    struct verdicts verdicts;
    int n_lookups;
};

static void answer(struct verdict *verdict)
{
    TAILQ_REMOVE(&verdict->resolver->verdicts, verdict, link);
    verdict->done(verdict->arg, err_is_set(&verdict->err) ? &verdict->err : NULL);
    mem_free(verdict);
}

static void on_turn(void *arg)
{
    struct address_resolver *resolver = arg;
    struct verdict *last = TAILQ_LAST(&resolver->verdicts, verdicts), *verdict;
    bool was_last = last == NULL;

    /* what a callback asks waits for the next turn */
    while (!was_last) {
        verdict = TAILQ_FIRST(&resolver->verdicts);
        was_last = verdict == last;
        answer(verdict);
    }
    if (!TAILQ_EMPTY(&resolver->verdicts))
        loop_timer_start(resolver->at_once, 0);
}

static void give_up_bell(struct bell *bell)
{
    if (atomic_fetch_sub(&bell->n_owners, 1) > 1)
        return;
    close(bell->fd);
    mem_free(bell);
}

static void give_up(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->n_owners, 1) > 1)
        return;
    if (lookup->found != NULL)
        freeaddrinfo(lookup->found);
    mem_free(lookup);
}

/* The loop is done with it. */
static void forget(struct lookup *lookup)
{
    struct address_resolver *resolver = lookup->resolver;

    TAILQ_REMOVE(&resolver->lookups, lookup, link);
    resolver->n_lookups--;
    loop_timer_free(lookup->limit);
    give_up(lookup);
}

void address_resolver_free(struct address_resolver *resolver)
{
    struct lookup *lookup;
    struct verdict *verdict;
    struct err err;

    if (resolver == NULL)
        return;
    err_set(&err, ERR_UNAVAILABLE, "the service is closing");
    while ((lookup = TAILQ_FIRST(&resolver->lookups)) != NULL) {
        if (lookup->done != NULL)
            lookup->done(lookup->arg, &err);
        forget(lookup);
    }
    while ((verdict = TAILQ_FIRST(&resolver->verdicts)) != NULL) {
        verdict->err = err;
        answer(verdict);
    }
    event_free(resolver->rung);
    give_up_bell(resolver->bell);
    loop_timer_free(resolver->at_once);
    mem_free(resolver);
}

static void *look_up(void *arg)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const uint64_t one = 1;
    struct lookup *lookup = arg;

    lookup->why_not = getaddrinfo(lookup->host, NULL, &hints, &lookup->found);
    if (lookup->why_not != 0)
        lookup->found = NULL;
    atomic_store(&lookup->ended, true);
    /* a full counter still wakes the loop */
    ssize_t n_written = write(lookup->bell->fd, &one, sizeof one);

    (void)n_written;
    give_up_bell(lookup->bell);
    give_up(lookup);
    return NULL;
}

static bool judge_found(const struct lookup *lookup, struct err *err)
{
    if (lookup->why_not == EAI_NONAME || lookup->why_not == EAI_NODATA)
        return err_add_field(err, lookup->field, "has a host that does not exist");
    if (lookup->why_not != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: its host could not be looked up", lookup->field);
    for (const struct addrinfo *i = lookup->found; i != NULL; i = i->ai_next)
        if (!address_is_allowed(lookup->policy, i->ai_addr))
            return err_add_field(err, lookup->field, "is not an address of the public internet");
    return true;
}

static void on_rung(evutil_socket_t fd, short what, void *arg)
{
    struct address_resolver *resolver = arg;
    struct lookup *lookup, *next;
    uint64_t n_rings;
    ssize_t n_read = read(fd, &n_rings, sizeof n_rings);

    (void)what;
    (void)n_read;
    /* what a callback asks stands at the end, and rings by itself */
    for (lookup = TAILQ_FIRST(&resolver->lookups); lookup != NULL; lookup = next) {
        struct err err = {0};

        next = TAILQ_NEXT(lookup, link);
        if (!atomic_load(&lookup->ended))
            continue;
        loop_timer_stop(lookup->limit);
        if (lookup->done != NULL)
            lookup->done(lookup->arg, judge_found(lookup, &err) ? NULL : &err);
        next = TAILQ_NEXT(lookup, link);
        forget(lookup);
    }
}

struct address_resolver *address_resolver_new(struct loop *loop)
{
    struct address_resolver *resolver = MEM_NEW(struct address_resolver);
    struct bell *bell = MEM_NEW(struct bell);

    atomic_init(&bell->n_owners, 1);
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(bell->fd >= 0);
    resolver->loop = loop;
    resolver->bell = bell;
    resolver->rung = event_new(loop_base(loop), bell->fd, EV_READ | EV_PERSIST, on_rung, resolver);
    event_add(resolver->rung, NULL);
    resolver->at_once = loop_timer_new(loop, on_turn, resolver);
    TAILQ_INIT(&resolver->lookups);
    TAILQ_INIT(&resolver->verdicts);
    return resolver;
}

static void on_late(void *arg)
{
    struct lookup *lookup = arg;
    address_checked_fn *done = lookup->done;
    struct err err;

    lookup->done = NULL;
    err_set(&err, ERR_TIMEOUT, "%s: its host was not found in time", lookup->field);
    done(lookup->arg, &err);
}

static bool start_thread(struct lookup *lookup)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    bool ok = pthread_create(&thread, &attributes, look_up, lookup) == 0;

    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return ok;
}

/* Make it ready for getaddrinfo, which wants no brackets. */
static void copy_host(char *to, const char *host)
{
    size_t length = strlen(host);

    if (host[0] == '[') {
        host++;
        length -= 2;
    }
    memcpy(to, host, length);
    to[length] = '\0';
}

/* Return NULL with `err` set when there is nothing to look up, or no means to. */
static struct lookup *start_lookup(struct address_resolver *resolver,
                                   const struct address_question *question, struct err *err)
{
    struct address_url url;

    if (!address_check_url(question->policy, question->url, question->field, err) ||
        !address_read_url(question->url, question->field, &url, err))
        return NULL;
    if (resolver->n_lookups == LOOKUPS_MAX) {
        err_set(err, ERR_UNAVAILABLE, "%s: too many hosts are being looked up", question->field);
        return NULL;
    }
    struct lookup *lookup = MEM_NEW(struct lookup);

    copy_host(lookup->host, url.host);
    atomic_init(&lookup->n_owners, 2);
    atomic_init(&lookup->ended, false);
    lookup->bell = resolver->bell;
    atomic_fetch_add(&resolver->bell->n_owners, 1);
    if (!start_thread(lookup)) {
        give_up_bell(resolver->bell);
        atomic_store(&lookup->n_owners, 1);
        give_up(lookup);
        err_set(err, ERR_UNAVAILABLE, "%s: its host could not be looked up", question->field);
        return NULL;
    }
    return lookup;
}

void address_check_host(struct address_resolver *resolver, const struct address_question *question,
                        address_checked_fn *done, void *arg)
{
    struct err err = {0};
    struct lookup *lookup = start_lookup(resolver, question, &err);

    if (lookup == NULL) {
        struct verdict *verdict = MEM_NEW(struct verdict);

        *verdict = (struct verdict){.resolver = resolver, .err = err, .done = done, .arg = arg};
        TAILQ_INSERT_TAIL(&resolver->verdicts, verdict, link);
        loop_timer_start(resolver->at_once, 0);
        return;
    }
    lookup->resolver = resolver;
    lookup->policy = question->policy;
    lookup->field = question->field;
    lookup->done = done;
    lookup->arg = arg;
    lookup->limit = loop_timer_new(resolver->loop, on_late, lookup);
    loop_timer_start(lookup->limit, question->limit_ms);
    TAILQ_INSERT_TAIL(&resolver->lookups, lookup, link);
    resolver->n_lookups++;
}
