#include "services/backend/domain/action_page.h"

#include <sodium.h>
#include <string.h>

#include "common/base/html.h"

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--page:#f6f8fa;--card:#fff;"
    "--line:#d5dae0;--act:#0a5cad;--on-act:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#a7b0ba;--page:#12161b;"
    "--card:#1b2129;--line:#343b44;--act:#79b8ff;--on-act:#0b1a2b}}"
    "*{box-sizing:border-box}"
    "body{margin:0;font:1.0625rem/1.55 system-ui,sans-serif;color:var(--ink);"
    "background:var(--page)}"
    "main{max-width:32rem;margin:0 auto;padding:2rem 1rem}"
    "article{background:var(--card);border:1px solid var(--line);border-radius:.75rem;"
    "padding:1.5rem 1.25rem}"
    "h1{font-size:1.375rem;line-height:1.3;margin:0 0 .75rem}"
    "p{margin:.75rem 0;overflow-wrap:anywhere}"
    ".task{font-weight:600;border-inline-start:.25rem solid var(--act);padding-inline-start:.75rem}"
    "button{font:inherit;font-weight:600;width:100%;min-height:3rem;margin:.75rem 0 0;"
    "padding:.6rem 1rem;border:0;border-radius:.5rem;background:var(--act);color:var(--on-act);"
    "cursor:pointer}"
    "a{color:var(--act);display:inline-block;padding:.6rem 0}"
    "button:focus-visible,a:focus-visible{outline:3px solid var(--ink);outline-offset:2px}"
    "footer{color:var(--soft);padding:.5rem .25rem}";

static const struct {
    const char *question, *button, *done;
} actions[] = {
    [ACTION_COMPLETE] = {"Complete this task?", "Complete it", "The task is completed."},
    [ACTION_SNOOZE_10M] = {"Remind you again in 10 minutes?", "In 10 minutes",
                           "You will be reminded again in 10 minutes."},
    [ACTION_SNOOZE_1H] = {"Remind you again in an hour?", "In an hour",
                          "You will be reminded again in an hour."},
    [ACTION_SNOOZE_TOMORROW] = {"Remind you again tomorrow morning?", "Tomorrow morning",
                                "You will be reminded again tomorrow morning."},
};

/* Of ACTION_ASKS and ACTION_DONE the texts are the action's. */
static const struct {
    int status;
    const char *heading, *text;
} outcomes[] = {
    [ACTION_ASKS] = {200, NULL, NULL},
    [ACTION_DONE] = {200, NULL, NULL},
    [ACTION_NEEDLESS] = {200, "Already completed", "The task was completed before."},
    [ACTION_CLOSED] = {409, "The task is not open",
                       "It was completed or skipped meanwhile, so there is nothing to remind you "
                       "of."},
    [ACTION_TRASHED] = {409, "The task is in the trash", "Restore it in the app first."},
    [ACTION_GONE] = {404, "No longer there", "The task or its reminder has been removed."},
    [ACTION_CHANGED] = {409, "This reminder was changed since",
                        "It was moved or snoozed after this mail, and comes as it was set then: "
                        "nothing happened now."},
    [ACTION_USED] = {410, "This link was used before",
                     "It works once, and has done so: nothing happened now."},
    [ACTION_EXPIRED] = {410, "This link has expired",
                        "Links in mails are valid for 7 days. Nothing happened."},
    [ACTION_WRONG] = {404, "This is not a valid link",
                      "Maybe it was cut off. Open it from the mail again."},
    [ACTION_AWAY] = {503, "Try again in a moment",
                     "A part of the service is away. Nothing is lost: the link stays valid."},
    [ACTION_FAILED] = {500, "Something went wrong on our side", "The link stays valid."},
};

int action_page_status(const struct action_page *page)
{
    return outcomes[page->outcome].status;
}

static const char *heading_of(const struct action_page *page)
{
    if (page->outcome == ACTION_ASKS)
        return actions[page->action].question;
    return page->outcome == ACTION_DONE ? "Done" : outcomes[page->outcome].heading;
}

static void add_body(struct buf *out, const struct action_page *page)
{
    buf_format(out, "<h1>%s</h1>", heading_of(page));
    if (page->outcome == ACTION_DONE)
        buf_format(out, "<p role=\"status\">%s</p>", actions[page->action].done);
    else if (page->outcome != ACTION_ASKS)
        buf_format(out, "<p role=\"status\">%s</p>", outcomes[page->outcome].text);
    if (page->task_title != NULL) {
        buf_add_text(out, "<p class=\"task\" dir=\"auto\">");
        html_add_text(out, page->task_title);
        buf_add_text(out, "</p>");
    }
    if (page->outcome == ACTION_ASKS)
        buf_format(out, "<form method=\"post\"><button type=\"submit\">%s</button></form>",
                   actions[page->action].button);
}

void action_page_write(const struct action_page *page, struct buf *out)
{
    buf_format(out,
               "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
               "<meta name=\"robots\" content=\"noindex\"><title>%s</title><style>%s</style>"
               "</head>\n<body><main><article>",
               heading_of(page), style);
    add_body(out, page);
    buf_add_text(out, "</article>\n<footer><a href=\"/\">Open the app</a></footer></main></body>"
                      "</html>\n");
}

void action_page_write_policy(struct buf *out)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof hash, sodium_base64_VARIANT_ORIGINAL)];

    crypto_hash_sha256(hash, (const unsigned char *)style, sizeof style - 1);
    sodium_bin2base64(text, sizeof text, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    buf_format(out,
               "default-src 'none'; style-src 'sha256-%s'; form-action 'self'; base-uri 'none'; "
               "frame-ancestors 'none'",
               text);
}
