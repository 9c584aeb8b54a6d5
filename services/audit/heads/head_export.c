/* services/audit/heads/head_export.c — one export: take the turn, then window by window list what
 * moved, write and fsync it, mark it as exported. What was written but not marked comes again. */
#include "services/audit/heads/head_export.h"

#include <assert.h>
#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"
#include "services/audit/heads/head_file.h"
#include "services/audit/store/head_store.h"

enum export_state {
    EXPORT_IDLE,      /* the timer runs */
    EXPORT_ASKING,    /* whether it is our turn */
    EXPORT_LISTING,   /* a window of heads */
    EXPORT_WRITING,   /* its lines */
    EXPORT_MARKING,   /* that they are written */
    EXPORT_FINISHING, /* all windows are done */
    EXPORT_STOPPED,   /* drained: the timer never starts again */
};
enum { TICK_MAX_MS = 5000 };

struct head_export {
    struct head_export_config config;
    enum export_state state;
    bool is_freed, is_draining;
    bool has_keys;
    struct head_line_keys keys;
    struct head_file *file;
    struct loop_timer *timer;
    struct metrics_series *age, *exported;
    struct head_turn turn;
    struct uuid after; /* the last owner of the window before */
    struct head_page page;
    struct arena arena; /* of the window */
    int64_t n_lines;    /* of this export */
};

static chain_done_fn on_turn_taken, on_due_listed, on_marked, on_finished;
static head_file_done_fn on_lines_written;
static loop_fn begin_export;

static int tick_ms(const struct head_export *export)
{
    return export->config.interval_ms < TICK_MAX_MS ? export->config.interval_ms : TICK_MAX_MS;
}

/** The only place where the state changes; the timer runs in EXPORT_IDLE alone. */
static void export_set_state(struct head_export *export, enum export_state state)
{
    if (state == EXPORT_IDLE && export->is_draining)
        state = EXPORT_STOPPED;
    export->state = state;
    if (state == EXPORT_IDLE)
        loop_timer_start(export->timer, tick_ms(export));
    else
        loop_timer_stop(export->timer);
}

struct head_export *head_export_new(const struct head_export_config *config, struct err *err)
{
    struct head_file *file = head_file_new(config->loop, config->directory, err);
    struct head_export *export;

    if (file == NULL)
        return NULL;
    export = MEM_NEW(struct head_export);
    export->config = *config;
    export->file = file;
    export->timer = loop_timer_new(config->loop, begin_export, export);
    export->age = metrics_gauge(config->metrics, "audit_chain_head_export_age_seconds",
                                "Since the heads were last exported, by any replica.", NULL);
    export->exported = metrics_counter(config->metrics, "audit_heads_exported_total",
                                       "Heads written by this replica.", NULL);
    arena_init(&export->arena);
    export_set_state(export, EXPORT_IDLE);
    return export;
}

void head_export_set_keys(struct head_export *export, const struct head_line_keys *keys)
{
    export->keys = *keys;
    export->has_keys = true;
}

static void begin_export(void *arg)
{
    struct head_export *export = arg;

    if (!export->has_keys) {
        export_set_state(export, EXPORT_IDLE);
        return;
    }
    export_set_state(export, EXPORT_ASKING);
    head_store_take_turn(export->config.pool, export->config.interval_ms, &export->turn,
                         on_turn_taken, export);
}

static void release(struct head_export *export)
{
    arena_clear(&export->arena);
    sodium_memzero(&export->keys, sizeof(export->keys));
    mem_free(export);
}

/** Every answer of the pool begins here. Return whether there is something to go on with. */
static bool may_go_on(struct head_export *export, const struct err *err)
{
    if (export->is_freed) {
        release(export);
        return false;
    }
    if (err == NULL)
        return true;
    log_error(export->config.log, "heads_not_exported", KV("err", (const char *)err->text),
              KV("state", (int)export->state));
    export_set_state(export, EXPORT_IDLE); /* what was not marked goes with the next turn */
    return false;
}

static void list_window(struct head_export *export)
{
    export_set_state(export, EXPORT_LISTING);
    arena_clear(&export->arena);
    head_store_list_due(export->config.pool, &export->arena, &export->after, &export->page,
                        on_due_listed, export);
}

static void on_turn_taken(void *arg, const struct err *err)
{
    struct head_export *export = arg;

    if (!may_go_on(export, err))
        return;
    metrics_set(export->age, (double)export->turn.age_ms / 1000);
    if (!export->turn.is_ours) {
        export_set_state(export, EXPORT_IDLE);
        return;
    }
    export->after.text[0] = '\0';
    export->n_lines = 0;
    list_window(export);
}

static void finish_window(struct head_export *export)
{
    if (!export->page.is_last) {
        list_window(export);
        return;
    }
    export_set_state(export, EXPORT_FINISHING);
    head_store_finish(export->config.pool, on_finished, export);
}

static void on_due_listed(void *arg, const struct err *err)
{
    struct head_export *export = arg;
    int64_t now = clock_now_ms();
    struct buf lines;

    if (!may_go_on(export, err))
        return;
    if (export->page.n_lines == 0) {
        finish_window(export);
        return;
    }
    buf_init(&lines);
    for (size_t i = 0; i < export->page.n_lines; i++) {
        struct head_line *line = &export->page.lines[i];

        line->at = now;
        head_line_sign(line, &export->keys);
        head_line_write(line, &lines);
    }
    export_set_state(export, EXPORT_WRITING);
    head_file_append(export->file, &lines, now, on_lines_written, export);
}

static void on_lines_written(void *arg, const struct err *err)
{
    struct head_export *export = arg;

    if (!may_go_on(export, err))
        return;
    export_set_state(export, EXPORT_MARKING);
    head_store_mark(export->config.pool, &export->arena, &export->page, on_marked, export);
}

static void on_marked(void *arg, const struct err *err)
{
    struct head_export *export = arg;

    if (!may_go_on(export, err))
        return;
    export->n_lines += (int64_t) export->page.n_lines;
    metrics_add(export->exported, (double)export->page.n_lines);
    finish_window(export);
}

static void on_finished(void *arg, const struct err *err)
{
    struct head_export *export = arg;

    if (!may_go_on(export, err))
        return;
    metrics_set(export->age, 0);
    if (export->n_lines > 0)
        log_info(export->config.log, "heads_exported", KV("heads", export->n_lines));
    export_set_state(export, EXPORT_IDLE);
}

void head_export_drain(struct head_export *export)
{
    if (export == NULL)
        return;
    export->is_draining = true;
    if (export->state == EXPORT_IDLE)
        export_set_state(export, EXPORT_STOPPED);
}

void head_export_free(struct head_export *export)
{
    bool waits_for_pool;

    if (export == NULL)
        return;
    loop_timer_free(export->timer);
    export->timer = NULL;
    head_file_free(export->file);
    waits_for_pool = export->state != EXPORT_IDLE && export->state != EXPORT_WRITING &&
                     export->state != EXPORT_STOPPED;
    export->is_freed = true;
    if (!waits_for_pool)
        release(export); /* else the pool's last answer does */
}
