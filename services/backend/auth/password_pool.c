#include "services/backend/auth/password_pool.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"

/* How it works: the loop puts jobs into `waiting`; a worker takes the oldest, hashes, puts it into
 * `done` and writes to `wake_fd`; the loop then takes all of `done` and calls back. Both lists and
 * n_waiting are guarded by `mutex`; everything else belongs to the loop. */

enum {
    MEMORY_BYTES = 19 * 1024 * 1024,
    PASSES = 2,
    STACK_BYTES = 256 * 1024,
};

/* What an unknown account's password is checked against: a hash with the parameters above. */
static const char UNKNOWN_HASH[] = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                                   "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";

struct job {
    struct job *next;
    char *password; /* wiped and freed once hashed */
    char hash[crypto_pwhash_STRBYTES];
    bool is_check, is_known, is_right, is_failed;
    int64_t began_us;
    password_done_fn *done;
    void *arg;
};

struct job_list {
    struct job *first, *last;
};

struct password_pool {
    struct loop *loop;
    pthread_t *workers;
    int n_workers, queue_max;
    int wake_fd;
    struct event *wake;
    struct metrics_series *seconds;
    pthread_mutex_t mutex;
    pthread_cond_t has_work;
    struct job_list waiting, done;
    int n_waiting;
    bool is_ending;
};

static void list_add(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->last != NULL)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static struct job *list_take(struct job_list *list)
{
    struct job *job = list->first;

    if (job != NULL) {
        list->first = job->next;
        if (list->first == NULL)
            list->last = NULL;
    }
    return job;
}

static void run_job(struct job *job)
{
    size_t n_bytes = strlen(job->password);

    if (job->is_check)
        job->is_right =
            crypto_pwhash_str_verify(job->hash, job->password, n_bytes) == 0 && job->is_known;
    else
        job->is_failed = crypto_pwhash_str_alg(job->hash, job->password, n_bytes, PASSES,
                                               MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0;
    sodium_memzero(job->password, n_bytes);
}

static void *work(void *arg)
{
    struct password_pool *pool = arg;
    const uint64_t one = 1;

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->waiting.first == NULL && !pool->is_ending)
            pthread_cond_wait(&pool->has_work, &pool->mutex);
        if (pool->is_ending)
            break;
        struct job *job = list_take(&pool->waiting);

        pool->n_waiting--;
        pthread_mutex_unlock(&pool->mutex);
        run_job(job);
        pthread_mutex_lock(&pool->mutex);
        list_add(&pool->done, job);
        /* a full counter still wakes the loop */
        if (write(pool->wake_fd, &one, sizeof one) < 0)
            continue;
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static void free_job(struct job *job)
{
    sodium_memzero(job->password, strlen(job->password));
    mem_free(job->password);
    mem_free(job);
}

static void finish_job(struct password_pool *pool, struct job *job, const struct err *away)
{
    struct err err = {0};

    if (away == NULL && job->is_failed) /* only memory can lack: in a moment there is some */
        err_set(&err, ERR_UNAVAILABLE, "the password could not be hashed");
    if (away == NULL)
        metrics_observe(pool->seconds, (double)(clock_monotonic_us() - job->began_us) / 1e6);
    job->done(job->arg, job->hash, job->is_right,
              away != NULL       ? away
              : err_is_set(&err) ? &err
                                 : NULL);
    free_job(job);
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
    struct password_pool *pool = arg;
    struct job_list done;
    struct job *job;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    done = pool->done;
    pool->done = (struct job_list){0};
    pthread_mutex_unlock(&pool->mutex);
    while ((job = list_take(&done)) != NULL)
        finish_job(pool, job, NULL);
}

/* Signals are the loop's: workers block them all. */
static void start_workers(struct password_pool *pool, int wanted)
{
    sigset_t all, old;
    pthread_attr_t attributes;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (pool->n_workers < wanted &&
           pthread_create(&pool->workers[pool->n_workers], &attributes, work, pool) == 0)
        pool->n_workers++;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct password_pool *password_pool_new(struct loop *loop, struct metrics *metrics, int workers,
                                        int queue_max)
{
    struct password_pool *pool = MEM_NEW(struct password_pool);

    pool->loop = loop;
    pool->workers = mem_new_array((size_t)workers, sizeof *pool->workers);
    pool->queue_max = queue_max;
    pool->seconds = metrics_histogram(metrics, "password_hash_seconds",
                                      "Time to hash a password, waiting included.", NULL);
    pool->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pool->wake = event_new(loop_base(loop), pool->wake_fd, EV_READ | EV_PERSIST, on_woken, pool);
    event_add(pool->wake, NULL);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    start_workers(pool, workers);
    if (pool->n_workers > 0)
        return pool;
    password_pool_free(pool);
    return NULL;
}

void password_pool_free(struct password_pool *pool)
{
    struct err away = {0};
    struct job *job;

    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->is_ending = true;
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i], NULL);
    err_set(&away, ERR_UNAVAILABLE, "the service is ending");
    while ((job = list_take(&pool->done)) != NULL)
        finish_job(pool, job, &away);
    while ((job = list_take(&pool->waiting)) != NULL)
        finish_job(pool, job, &away);
    event_free(pool->wake);
    close(pool->wake_fd);
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->mutex);
    mem_free(pool->workers);
    mem_free(pool);
}

bool password_pool_has_room(struct password_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    bool has_room = pool->n_waiting < pool->queue_max;

    pthread_mutex_unlock(&pool->mutex);
    return has_room;
}

struct refusal {
    password_done_fn *done;
    void *arg;
};

static void refuse_later(void *arg)
{
    struct refusal *refusal = arg;
    struct err err = {0};

    err_set_slug(&err, ERR_UNAVAILABLE, "busy", "too many passwords are being checked; try again");
    refusal->done(refusal->arg, NULL, false, &err);
    mem_free(refusal);
}

static void queue_job(struct password_pool *pool, struct job *job)
{
    bool is_queued = false;

    pthread_mutex_lock(&pool->mutex);
    if (pool->n_waiting < pool->queue_max) {
        list_add(&pool->waiting, job);
        pool->n_waiting++;
        is_queued = true;
        pthread_cond_signal(&pool->has_work);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (is_queued)
        return;
    struct refusal *refusal = MEM_NEW(struct refusal);

    *refusal = (struct refusal){job->done, job->arg};
    loop_defer(pool->loop, refuse_later, refusal);
    free_job(job);
}

static struct job *new_job(const char *password, password_done_fn *done, void *arg)
{
    struct job *job = MEM_NEW(struct job);

    job->password = mem_copy_text(password);
    job->began_us = clock_monotonic_us();
    job->done = done;
    job->arg = arg;
    return job;
}

void password_hash(struct password_pool *pool, const char *password, password_done_fn *done,
                   void *arg)
{
    queue_job(pool, new_job(password, done, arg));
}

void password_check(struct password_pool *pool, const char *hash, const char *password,
                    password_done_fn *done, void *arg)
{
    struct job *job = new_job(password, done, arg);

    job->is_check = true;
    job->is_known = hash != NULL;
    strncpy(job->hash, hash != NULL ? hash : UNKNOWN_HASH, sizeof job->hash - 1);
    queue_job(pool, job);
}
