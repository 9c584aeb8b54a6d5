#include "services/audit/heads/head_file.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/net/loop.h"

enum { NAME_SIZE = 32, DATE_CHARS = 10, FILE_MODE = 0640, DIRECTORY_MODE = 0750 };

struct head_file {
    const char *directory; /* borrowed */
    int directory_fd;
    int written_fd; /* the thread says that it is done */
    struct event *on_written;
    head_file_done_fn *done;
    void *arg;
    bool is_writing, has_thread;
    pthread_t thread;
    /* of the thread while it writes */
    struct buf lines;
    char name[NAME_SIZE];
    struct err err;
};

static void end_write(evutil_socket_t fd, short what, void *arg);

static bool open_directory(struct head_file *file, struct err *err)
{
    if (mkdir(file->directory, DIRECTORY_MODE) != 0 && errno != EEXIST)
        return err_set(err, ERR_INTERNAL, "HEADS_DIR: %s cannot be made: %s", file->directory,
                       strerror(errno));
    file->directory_fd = open(file->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->directory_fd < 0)
        return err_set(err, ERR_INTERNAL, "HEADS_DIR: %s: %s", file->directory, strerror(errno));
    if (faccessat(file->directory_fd, ".", W_OK | X_OK, 0) != 0)
        return err_set(err, ERR_INTERNAL, "HEADS_DIR: %s is not writable", file->directory);
    return true;
}

struct head_file *head_file_new(struct loop *loop, const char *directory, struct err *err)
{
    struct head_file *file = MEM_NEW(struct head_file);

    file->directory = directory;
    file->directory_fd = file->written_fd = -1;
    buf_init(&file->lines);
    if (!open_directory(file, err)) {
        head_file_free(file);
        return NULL;
    }
    file->written_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (file->written_fd < 0) {
        err_set(err, ERR_INTERNAL, "eventfd: %s", strerror(errno));
        head_file_free(file);
        return NULL;
    }
    file->on_written =
        event_new(loop_base(loop), file->written_fd, EV_READ | EV_PERSIST, end_write, file);
    event_add(file->on_written, NULL);
    return file;
}

/* ---- the thread: it touches nothing but lines, name, err and the descriptors */

static bool write_all(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t n = write(fd, bytes, n_bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/** What was cut off by a crash must not swallow the next line. */
static bool end_cut_line(int fd)
{
    struct stat status;
    char last;

    if (fstat(fd, &status) != 0)
        return false;
    if (status.st_size == 0)
        return true;
    return pread(fd, &last, 1, status.st_size - 1) == 1 && (last == '\n' || write_all(fd, "\n", 1));
}

static bool append_lines(struct head_file *file)
{
    int fd =
        openat(file->directory_fd, file->name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
    bool ok;

    if (fd < 0)
        return false;
    ok = end_cut_line(fd) && write_all(fd, file->lines.bytes, file->lines.n_bytes) &&
         fsync(fd) == 0 && fsync(file->directory_fd) == 0;
    if (close(fd) != 0)
        ok = false;
    return ok;
}

static void tell_written(struct head_file *file)
{
    const uint64_t one = 1;
    ssize_t n = write(file->written_fd, &one, sizeof(one));

    assert(n == (ssize_t)sizeof(one)); /* an eventfd takes a 1 */
    (void)n;
}

static void *run_write(void *arg)
{
    struct head_file *file = arg;

    if (!append_lines(file))
        err_set(&file->err, ERR_UNAVAILABLE, "%s/%s: %s", file->directory, file->name,
                strerror(errno));
    tell_written(file);
    return NULL;
}

/* ---- the loop */

static void join_thread(struct head_file *file)
{
    if (file->has_thread)
        pthread_join(file->thread, NULL);
    file->has_thread = false;
    file->is_writing = false;
    buf_clear(&file->lines);
}

static void end_write(evutil_socket_t fd, short what, void *arg)
{
    struct head_file *file = arg;
    uint64_t count;
    struct err err;

    (void)what;
    if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return;
    join_thread(file);
    err = file->err;
    file->done(file->arg, err_is_set(&err) ? &err : NULL);
}

static int start_thread(struct head_file *file)
{
    sigset_t all, before;
    int failure;

    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&file->thread, NULL, run_write, file);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

void head_file_append(struct head_file *file, struct buf *lines, int64_t now,
                      head_file_done_fn *done, void *arg)
{
    char at[CLOCK_TEXT_MAX];
    int failure;

    assert(!file->is_writing);
    clock_write(now, at);
    snprintf(file->name, sizeof(file->name), "heads-%.*s.jsonl", DATE_CHARS, at);
    file->lines = *lines;
    buf_init(lines);
    file->done = done;
    file->arg = arg;
    file->is_writing = true;
    err_clear(&file->err);
    failure = start_thread(file);
    file->has_thread = failure == 0;
    if (failure != 0) {
        err_set(&file->err, ERR_UNAVAILABLE, "no thread to write with: %s", strerror(failure));
        tell_written(file);
    }
}

void head_file_free(struct head_file *file)
{
    if (file == NULL)
        return;
    join_thread(file);
    if (file->on_written != NULL)
        event_free(file->on_written);
    if (file->written_fd >= 0)
        close(file->written_fd);
    if (file->directory_fd >= 0)
        close(file->directory_fd);
    mem_free(file);
}
