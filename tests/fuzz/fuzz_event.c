/* tests/fuzz/fuzz_event.c — what the sidecar delivers: any bytes. What is read as an event must be
 * written and read back the same, and its data must be safe for every reader of data. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/events/dead_letter.h"
#include "common/events/event.h"
#include "common/events/task.h"
#include "common/events/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/** Whoever reads data, what he reads must be writable. */
static void read_data(const char *data, struct arena *arena)
{
    struct buf out;
    struct task task;
    struct user user;
    struct dead_letter letter;
    struct err err = {0};

    buf_init(&out);
    if (task_read(data, strlen(data), arena, &task, &err))
        task_write(&task, &out);
    if (user_read(data, strlen(data), arena, &user, &err))
        user_write(&user, &out);
    if (dead_letter_read(data, strlen(data), arena, &letter, &err))
        dead_letter_write(&letter, &out);
    buf_clear(&out);
}

static void check_round_trip(const struct event *event, struct arena *arena)
{
    struct event again;
    struct buf out;
    struct err err = {0};
    bool ok;

    buf_init(&out);
    event_write(event, &out);
    ok = event_read(out.bytes, out.n_bytes, arena, &again, &err);
    assert(ok);
    assert(strcmp(event->id, again.id) == 0);
    assert(strcmp(event->type, again.type) == 0);
    assert(strcmp(event->subject, again.subject) == 0);
    assert(strcmp(event->owner_id, again.owner_id) == 0);
    assert(strcmp(event->data, again.data) == 0);
    assert(event->time == again.time && event->seq == again.seq);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct event event;
    struct arena arena;
    struct err err = {0};

    arena_init(&arena);
    if (event_read((const char *)bytes, n_bytes, &arena, &event, &err)) {
        check_round_trip(&event, &arena);
        read_data(event.data, &arena);
    } else {
        assert(err.code == ERR_INVALID && err.text[0] != '\0');
    }
    arena_clear(&arena);
    return 0;
}
