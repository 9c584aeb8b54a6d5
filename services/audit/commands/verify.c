/* services/audit/commands/verify.c — `audit verify`: walk all chains, and say what is not as it was. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/flow.h"
#include "common/base/mem.h"
#include "common/events/event_types.h"
#include "services/audit/commands/cli.h"
#include "services/audit/commands/commands.h"
#include "services/audit/commands/head_reader.h"
#include "services/audit/domain/seq_walk.h"
#include "services/audit/domain/walk.h"
#include "services/audit/store/walk_store.h"

enum { PATIENCE_MIN_DEFAULT = 10, PATIENCE_MIN_MAX = 100000, PROGRESS_MS = 5000 };

/* Every number that a source draws for a change is on one of its topics, once. */
static const struct walk_source sources[] = {
    {"/todo/backend", {TOPIC_TASK_EVENTS, TOPIC_USER_EVENTS, TOPIC_NOTIFICATIONS}},
    {"/todo/recurring-task", {TOPIC_RECURRENCES}},
    {"/todo/notification", {TOPIC_REMINDERS, TOPIC_NOTIFICATIONS}},
};
enum { N_SOURCES = sizeof(sources) / sizeof(sources[0]) };

static const struct pg_statement *const statements[] = {
    &WALK_ENTRIES, &WALK_LONE_HEADS, &WALK_SEQS, &WALK_LINES, NULL,
};

struct verify {
    struct flow flow; /* first member */
    struct cli *cli;  /* borrowed */
    struct findings findings;
    struct walk walk;
    struct seq_walk seq_walk;
    size_t source; /* whose numbers are being walked */
    struct walk_place place;
    struct head_reader heads;
    struct walk_lines lines;
    int patience_min;
    int64_t told_at; /* progress, monotonic */
};
static flow_step_fn find_database, walk_entries, walk_lone_heads, walk_seqs, check_heads;
static flow_finish_fn print_summary;
static dapr_done_fn on_database_found;
static walk_page_fn on_entries_walked, on_lone_heads_walked, on_seqs_walked, on_lines_checked;
static const struct flow_plan verify_plan = {
    .name = "verify",
    .steps = {find_database, walk_entries, walk_lone_heads, walk_seqs, check_heads},
    .finish = print_summary,
};

static enum flow_next find_database(struct flow *flow)
{
    struct verify *v = (struct verify *)flow;

    cli_find_database(v->cli, on_database_found, v);
    return FLOW_WAIT;
}

static void on_database_found(void *arg, const struct err *err)
{
    struct verify *v = arg;

    flow_resume(&v->flow, err);
}

static enum flow_next walk_entries(struct flow *flow)
{
    struct verify *v = (struct verify *)flow;

    v->place = (struct walk_place){0};
    walk_init(&v->walk, &v->findings);
    walk_store_entries(v->cli->pool, &v->walk, &v->place, on_entries_walked, v);
    return FLOW_WAIT;
}

static void tell_progress(struct verify *v)
{
    int64_t now = clock_monotonic_ms();

    if (now - v->told_at < PROGRESS_MS)
        return;
    v->told_at = now;
    fprintf(stderr, "… %" PRId64 " entries of %" PRId64 " chains, at owner %s\n", v->walk.n_entries,
            v->walk.n_chains, v->place.owner_id.text);
}

static void on_entries_walked(void *arg, int n_rows, const struct err *err)
{
    struct verify *v = arg;

    tell_progress(v);
    if (err == NULL && n_rows > 0) {
        walk_store_entries(v->cli->pool, &v->walk, &v->place, on_entries_walked, v);
        return;
    }
    if (err == NULL)
        walk_end(&v->walk);
    flow_resume(&v->flow, err);
}

static enum flow_next walk_lone_heads(struct flow *flow)
{
    struct verify *v = (struct verify *)flow;

    v->place = (struct walk_place){0};
    walk_store_lone_heads(v->cli->pool, &v->findings, &v->place, on_lone_heads_walked, v);
    return FLOW_WAIT;
}

static void on_lone_heads_walked(void *arg, int n_rows, const struct err *err)
{
    struct verify *v = arg;

    if (err == NULL && n_rows > 0)
        walk_store_lone_heads(v->cli->pool, &v->findings, &v->place, on_lone_heads_walked, v);
    else
        flow_resume(&v->flow, err);
}

static void walk_source(struct verify *v)
{
    walk_store_seqs(v->cli->pool, &sources[v->source], &v->seq_walk, &v->place, on_seqs_walked, v);
}

static enum flow_next walk_seqs(struct flow *flow)
{
    struct verify *v = (struct verify *)flow;

    v->place = (struct walk_place){0};
    seq_walk_init(&v->seq_walk, &v->findings, clock_now_ms(), v->patience_min * INT64_C(60000));
    walk_source(v);
    return FLOW_WAIT;
}

static void on_seqs_walked(void *arg, int n_rows, const struct err *err)
{
    struct verify *v = arg;

    if (err == NULL && n_rows == 0) {
        v->source++;
        v->place = (struct walk_place){0};
        seq_walk_next_source(&v->seq_walk);
    }
    if (err == NULL && v->source < N_SOURCES)
        walk_source(v);
    else
        flow_resume(&v->flow, err);
}

static enum flow_next check_heads(struct flow *flow)
{
    struct verify *v = (struct verify *)flow;

    if (!head_reader_next(&v->heads, &v->lines, &v->findings, &flow->err))
        return flow_fail(flow);
    if (v->lines.n_items == 0)
        return FLOW_NEXT;
    walk_store_lines(v->cli->pool, &v->lines, &v->findings, on_lines_checked, v);
    return FLOW_WAIT;
}

static void on_lines_checked(void *arg, int n_rows, const struct err *err)
{
    struct verify *v = arg;
    struct err own = {0};

    (void)n_rows;
    if (err == NULL && !head_reader_next(&v->heads, &v->lines, &v->findings, &own))
        err = &own;
    if (err == NULL && v->lines.n_items > 0)
        walk_store_lines(v->cli->pool, &v->lines, &v->findings, on_lines_checked, v);
    else
        flow_resume(&v->flow, err);
}

static void print_finding(void *arg, const struct finding *finding)
{
    static const char *const words[] = {
        [FINDING_FAULT] = "fault", [FINDING_HOLE] = "hole", [FINDING_WARNING] = "warning"};

    (void)arg;
    printf("%s:", words[finding->kind]);
    if (finding->owner_id.text[0] != '\0')
        printf(" owner %s", finding->owner_id.text);
    if (finding->number != 0)
        printf(" entry %" PRId64, finding->number);
    printf("%s %s\n", finding->owner_id.text[0] != '\0' ? ":" : "", finding->text);
}

static void print_summary(struct flow *flow)
{
    struct verify *v = (struct verify *)flow;
    const int64_t *n_of = v->findings.n_of;

    if (err_is_set(&flow->err)) {
        fprintf(stderr, "audit verify: not finished: %s\n", flow->err.text);
        cli_stop(v->cli, CLI_NOT_DONE);
    } else {
        printf("%" PRId64 " entries of %" PRId64 " chains, %" PRId64 " exported heads: %" PRId64
               " faults, %" PRId64 " holes, %" PRId64 " warnings; %" PRId64 " numbers in flight\n",
               v->walk.n_entries, v->walk.n_chains, v->heads.n_lines, n_of[FINDING_FAULT],
               n_of[FINDING_HOLE], n_of[FINDING_WARNING], v->seq_walk.n_in_flight);
        cli_stop(v->cli, n_of[FINDING_FAULT] == 0 ? CLI_WELL : CLI_NOT_WELL);
    }
    flow_clear(flow);
}

static void print_usage(FILE *out)
{
    fprintf(out,
            "Usage: audit verify [--heads FILE|DIR --public-key KEY]... [--patience MINUTES]\n"
            "Walks every chain. Exit 0: all is as it was appended; 1: it is not, a line for each\n"
            "place; 2: it could not be found out. Holes and warnings are told, but are no fault.\n"
            "  --heads PATH         exported heads, a file or a directory of them; repeatable\n"
            "  --public-key KEY     what `audit public-key` printed; repeatable\n"
            "  --patience MINUTES   a number that has been missing for longer is a hole (10)\n");
}

static bool read_patience(struct verify *v, const char *text, struct err *err)
{
    char *end;
    long minutes = strtol(text, &end, 10);

    if (end == text || *end != '\0' || minutes < 0 || minutes > PATIENCE_MIN_MAX)
        return err_set(err, ERR_INVALID, "--patience: %s is not a number from 0 to %d", text,
                       PATIENCE_MIN_MAX);
    v->patience_min = (int)minutes;
    return true;
}

/** Return whether to go on; else `*status` is what to exit with. */
static bool read_options(struct verify *v, int argc, char **argv, int *status)
{
    static const struct option options[] = {
        {"heads", required_argument, NULL, 'd'},
        {"public-key", required_argument, NULL, 'k'},
        {"patience", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct err err = {0};
    bool ok = true;

    *status = CLI_NOT_DONE;
    for (int option; ok && (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') {
            print_usage(stdout);
            cli_print_settings();
            *status = CLI_WELL;
            return false;
        }
        ok = option == 'd'   ? head_reader_add_path(&v->heads, optarg, &err)
             : option == 'k' ? head_reader_add_key(&v->heads, optarg, &err)
             : option == 'p' ? read_patience(v, optarg, &err)
                             : err_set(&err, ERR_INVALID, "the command line is wrong");
    }
    if (ok && optind < argc)
        ok = err_set(&err, ERR_INVALID, "%s is no option", argv[optind]);
    if (ok && (v->heads.n_paths > 0) != (v->heads.n_keys > 0))
        ok = err_set(&err, ERR_INVALID, "--heads and --public-key go together");
    if (!ok) {
        fprintf(stderr, "audit verify: %s\n", err.text);
        print_usage(stderr);
    }
    return ok;
}

int verify_run(int argc, char **argv)
{
    struct verify *v = MEM_NEW(struct verify);
    struct cli cli = {0};
    int status;

    v->cli = &cli;
    v->findings.tell = print_finding;
    v->patience_min = PATIENCE_MIN_DEFAULT;
    v->told_at = clock_monotonic_ms();
    head_reader_init(&v->heads);
    if (read_options(v, argc, argv, &status) && cli_open(&cli, "verify", statements)) {
        flow_start(&v->flow, &verify_plan, NULL);
        status = cli_run(&cli);
    }
    cli_close(&cli);
    head_reader_clear(&v->heads);
    mem_free(v);
    return status;
}
