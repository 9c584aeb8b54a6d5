/* services/audit/commands/dead_letters.c — `audit dead-letters list|show|replay`. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/flow.h"
#include "common/base/mem.h"
#include "services/audit/commands/cli.h"
#include "services/audit/commands/commands.h"
#include "services/audit/commands/letter_replay.h"
#include "services/audit/store/dead_letter_store.h"

enum { PAGE_LETTERS = 200 };

static const struct pg_statement *const statements[] = {
    &DEAD_LETTER_LIST, &DEAD_LETTER_GET, &DEAD_LETTER_REPLAY, &CHAIN_OPEN, NULL,
};

struct letters {
    struct flow flow; /* first member */
    struct cli *cli;  /* borrowed */
    struct letter_query query;
    struct kept_letters page;
    struct kept_letter letter; /* of show */
    struct uuid *ids;          /* to show or replay; owned */
    size_t n_ids, next_id;
    int64_t n_listed, n_replayed, n_failed;
};
static flow_step_fn find_database, print_letters, collect_letters, get_letter, print_letter,
    replay_letters;
static flow_finish_fn tell_and_stop;
static dapr_done_fn on_database_found, on_letter_replayed;
static chain_done_fn on_page_listed, on_page_collected, on_letter_got;

static enum flow_next find_database(struct flow *flow)
{
    struct letters *letters = (struct letters *)flow;

    cli_find_database(letters->cli, on_database_found, letters);
    return FLOW_WAIT;
}

static void on_database_found(void *arg, const struct err *err)
{
    struct letters *letters = arg;

    flow_resume(&letters->flow, err);
}

/** Ask for the next page; the one before is over. */
static void list_page(struct letters *letters, chain_done_fn *done)
{
    letters->query.limit = PAGE_LETTERS;
    dead_letter_store_list(letters->cli->pool, &letters->flow.arena, &letters->query,
                           &letters->page, done, letters);
}

/** Move behind the page; return whether there may be another. */
static bool move_behind(struct letters *letters)
{
    size_t n = letters->page.n_items;

    if (n > 0)
        letters->query.after = letters->page.items[n - 1].position;
    arena_clear(&letters->flow.arena);
    return n == PAGE_LETTERS;
}

static const char *state_of(const struct kept_letter *letter)
{
    if (letter->replayed_at != 0 && letter->received_at <= letter->replayed_at)
        return "replayed";
    if (letter->reason == NULL)
        return "erased";
    return letter->type[0] == '\0' ? "unreadable" : "open";
}

static const char *or_dash(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "-";
}

/** Print what others wrote on one line, whatever is in it; pad it to `width`. */
static void print_text(const char *text, int width)
{
    int n = 0;

    for (const char *c = or_dash(text); *c != '\0'; c++, n++)
        putchar((unsigned char)*c < ' ' ? ' ' : *c);
    if (width > 0)
        printf("%*s", width > n ? width - n + 2 : 2, "");
}

static void print_line(const struct kept_letter *letter)
{
    char at[CLOCK_TEXT_MAX];

    clock_write(letter->received_at, at);
    printf("%s  %s  %-10s  ", letter->id.text, at, state_of(letter));
    print_text(letter->consumer, 14);
    print_text(letter->topic, 13);
    print_text(letter->type, 26);
    print_text(letter->reason, 0);
    putchar('\n');
}

static enum flow_next print_letters(struct flow *flow)
{
    struct letters *letters = (struct letters *)flow;

    printf("%-36s  %-24s  %-10s  %-14s  %-13s  %-26s  %s\n", "ID", "RECEIVED", "STATE", "CONSUMER",
           "TOPIC", "TYPE", "REASON");
    list_page(letters, on_page_listed);
    return FLOW_WAIT;
}

static void on_page_listed(void *arg, const struct err *err)
{
    struct letters *letters = arg;

    if (err == NULL) {
        for (size_t i = 0; i < letters->page.n_items; i++)
            print_line(&letters->page.items[i]);
        letters->n_listed += (int64_t)letters->page.n_items;
        if (move_behind(letters)) {
            list_page(letters, on_page_listed);
            return;
        }
    }
    flow_resume(&letters->flow, err);
}

/** All ids first: what is replayed may come back, and must not be replayed again in the same run. */
static enum flow_next collect_letters(struct flow *flow)
{
    struct letters *letters = (struct letters *)flow;

    if (letters->n_ids > 0)
        return FLOW_NEXT; /* named on the command line */
    list_page(letters, on_page_collected);
    return FLOW_WAIT;
}

static void add_id(struct letters *letters, const struct uuid *id)
{
    letters->ids = mem_resize(letters->ids, letters->n_ids + 1, sizeof(letters->ids[0]));
    letters->ids[letters->n_ids++] = *id;
}

static void on_page_collected(void *arg, const struct err *err)
{
    struct letters *letters = arg;

    if (err == NULL) {
        for (size_t i = 0; i < letters->page.n_items; i++)
            add_id(letters, &letters->page.items[i].id);
        if (move_behind(letters)) {
            list_page(letters, on_page_collected);
            return;
        }
    }
    flow_resume(&letters->flow, err);
}

static enum flow_next get_letter(struct flow *flow)
{
    struct letters *letters = (struct letters *)flow;

    dead_letter_store_get(letters->cli->pool, &flow->arena, &letters->ids[0], &letters->letter,
                          on_letter_got, letters);
    return FLOW_WAIT;
}

static void on_letter_got(void *arg, const struct err *err)
{
    struct letters *letters = arg;

    flow_resume(&letters->flow, err);
}

static enum flow_next print_letter(struct flow *flow)
{
    const struct letters *letters = (struct letters *)flow;
    const struct kept_letter *letter = &letters->letter;
    char received[CLOCK_TEXT_MAX], replayed[CLOCK_TEXT_MAX] = "never";

    clock_write(letter->received_at, received);
    if (letter->replayed_at != 0)
        clock_write(letter->replayed_at, replayed);
    printf("id        %s\nowner     %s\nconsumer  ", letter->id.text, letter->owner_id.text);
    print_text(letter->consumer, 0);
    printf("\ntopic     ");
    print_text(letter->topic, 0);
    printf("\ntype      ");
    print_text(letter->type, 0);
    printf("\nevent id  %s\nreceived  %s (%" PRId64 " times)\nreplayed  %s (%" PRId64
           " times)\nreason    ",
           or_dash(letter->event_id.text), received, letter->arrivals, replayed, letter->replays);
    print_text(letter->reason, 0);
    putchar('\n');
    if (letter->event_b64 != NULL)
        printf("original, not JSON, in base64:\n%s\n", letter->event_b64);
    else if (letter->event != NULL)
        printf("original:\n%s\n", letter->event);
    else
        printf("the original was erased with its owner's account\n");
    return FLOW_NEXT;
}

static enum flow_next replay_letters(struct flow *flow)
{
    struct letters *letters = (struct letters *)flow;

    if (letters->n_ids == 0)
        return FLOW_NEXT;
    letter_replay_start(letters->cli, &letters->ids[0], on_letter_replayed, letters);
    return FLOW_WAIT;
}

static void on_letter_replayed(void *arg, const struct err *err)
{
    struct letters *letters = arg;
    const struct uuid *id = &letters->ids[letters->next_id++];

    if (err == NULL) {
        letters->n_replayed++;
        printf("%s  replayed\n", id->text);
    } else {
        letters->n_failed++;
        printf("%s  not replayed: %s\n", id->text, err->text);
    }
    /* what fails for now would fail for the next ones too */
    if (letters->next_id == letters->n_ids || (err != NULL && err_is_transient(err)))
        flow_resume(&letters->flow, NULL);
    else
        letter_replay_start(letters->cli, &letters->ids[letters->next_id], on_letter_replayed,
                            letters);
}

static void tell_and_stop(struct flow *flow)
{
    struct letters *letters = (struct letters *)flow;
    int status = letters->n_failed > 0 ? CLI_NOT_WELL : CLI_WELL;

    if (err_is_set(&flow->err)) {
        fprintf(stderr, "audit dead-letters: %s\n", flow->err.text);
        status = flow->err.code == ERR_NOT_FOUND ? CLI_NOT_WELL : CLI_NOT_DONE;
    } else if (letters->n_replayed + letters->n_failed > 0) {
        printf("%" PRId64 " replayed, %" PRId64 " not, %zu not tried\n", letters->n_replayed,
               letters->n_failed, letters->n_ids - letters->next_id);
    }
    cli_stop(letters->cli, status);
    flow_clear(flow);
}

/* ---- the command line */

static const struct flow_plan list_plan = {
    .name = "dead_letters_list",
    .steps = {find_database, print_letters},
    .finish = tell_and_stop,
};
static const struct flow_plan show_plan = {
    .name = "dead_letters_show",
    .steps = {find_database, get_letter, print_letter},
    .finish = tell_and_stop,
};
static const struct flow_plan replay_plan = {
    .name = "dead_letters_replay",
    .steps = {find_database, collect_letters, replay_letters},
    .finish = tell_and_stop,
};

static void print_usage(FILE *out)
{
    fprintf(out,
            "Usage: audit dead-letters list [--all] [--consumer NAME]\n"
            "       audit dead-letters show ID\n"
            "       audit dead-letters replay ID... | --all [--consumer NAME]\n"
            "list shows the open ones, with --all those that were replayed too. replay publishes\n"
            "the original again, unchanged: only a consumer that has not handled it acts.\n"
            "Exit 0: done; 1: a letter is not there or cannot be replayed; 2: nothing was done.\n");
}

struct options {
    bool is_all;
    const char *consumer;
};

static bool read_options(struct options *options, int argc, char **argv, struct err *err)
{
    static const struct option known[] = {
        {"all", no_argument, NULL, 'a'},
        {"consumer", required_argument, NULL, 'c'},
        {0},
    };

    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'a')
            options->is_all = true;
        else if (option == 'c')
            options->consumer = optarg;
        else
            return err_set(err, ERR_INVALID, "the command line is wrong");
    }
    return true;
}

static bool read_ids(struct letters *letters, int argc, char **argv, struct err *err)
{
    struct uuid id;

    for (int i = optind; i < argc; i++) {
        if (!uuid_read(argv[i], &id))
            return err_set(err, ERR_INVALID, "%s is not the id of a letter", argv[i]);
        add_id(letters, &id);
    }
    return true;
}

/** Return the plan that the words ask for; NULL with `err` when they make no sense. */
static const struct flow_plan *read_command(struct letters *letters, int argc, char **argv,
                                            struct err *err)
{
    const char *word = argc > 1 ? argv[1] : "";
    struct options options = {0};

    if (argc < 2 || !read_options(&options, argc - 1, argv + 1, err) ||
        !read_ids(letters, argc - 1, argv + 1, err))
        return NULL;
    letters->query.consumer = options.consumer;
    if (strcmp(word, "list") == 0 && letters->n_ids == 0) {
        letters->query.is_open_only = !options.is_all;
        return &list_plan;
    }
    if (strcmp(word, "show") == 0 && letters->n_ids == 1 && !options.is_all)
        return &show_plan;
    if (strcmp(word, "replay") == 0 && options.is_all == (letters->n_ids == 0)) {
        letters->query.is_open_only = letters->query.is_whole_only = true;
        return &replay_plan;
    }
    err_set(err, ERR_INVALID, "the command line is wrong");
    return NULL;
}

int dead_letters_run(int argc, char **argv)
{
    struct letters letters = {0};
    struct cli cli = {0};
    struct err err = {0};
    const struct flow_plan *plan;
    int status = CLI_NOT_DONE;

    letters.cli = &cli;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        cli_print_settings();
        return CLI_WELL;
    }
    plan = read_command(&letters, argc, argv, &err);
    if (plan == NULL) {
        if (err_is_set(&err))
            fprintf(stderr, "audit dead-letters: %s\n", err.text);
        print_usage(stderr);
    } else if (cli_open(&cli, "dead-letters", statements)) {
        flow_start(&letters.flow, plan, NULL);
        status = cli_run(&cli);
    }
    cli_close(&cli);
    mem_free(letters.ids);
    return status;
}
