#include "services/notification/channels/mail_body.h"

#include <string.h>

#include "common/base/html.h"
#include "services/notification/channels/words.h"

/* Mail programs know little of CSS: each element has its own style, and the few rules of the head are
 * for those that do. Colours have a contrast of at least 4.5 to 1 in either scheme (WCAG 1.4.3). */
static const char HEAD[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<meta name=\"color-scheme\" content=\"light dark\">"
    "<style>:root{color-scheme:light dark}"
    "@media (prefers-color-scheme:dark){body,.page{background:#16181d!important;"
    "color:#e8eaed!important}.quiet{color:#a8b0bb!important}"
    ".main{background:#8ab4f8!important;color:#10131a!important}"
    ".other{color:#a8c7fa!important;border-color:#5f6b7a!important}}</style><title>";

#define FONT "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
#define BUTTON                                                                                     \
    "display:inline-block;margin:0 8px 12px 0;padding:12px 18px;border-radius:8px;"                \
    "font-size:16px;line-height:20px;font-weight:600;text-decoration:none;"

static const char BODY[] =
    "</title></head><body style=\"margin:0;background:#ffffff;color:#1b1f24;" FONT
    "\"><main class=\"page\" style=\"max-width:560px;margin:0 auto;"
    "padding:32px 20px;background:#ffffff;color:#1b1f24\">";

/* bdi: whichever way a title is written, it turns nothing around it. */
static void add_title(struct buf *out, const char *title)
{
    buf_add_text(out, "<bdi>");
    html_add_text(out, title);
    buf_add_text(out, "</bdi>");
}

void mail_write_subject(const struct outgoing *outgoing, struct buf *out)
{
    if (outgoing->notification.kind == NOTIFICATION_REMINDER)
        buf_add_text(out, "Reminder: ");
    words_write_line(outgoing->notification.title, MAIL_SUBJECT_MAX, out);
}

static void add_time(struct buf *out, const struct mail_page *page, int64_t at)
{
    buf_add_text(out, "<strong>");
    words_write_time(page->zone, at, out);
    buf_add_text(out, "</strong> (");
    words_write_zone(page->zone, page->outgoing, out);
    buf_add_char(out, ')');
}

static void write_when(const struct mail_page *page, struct buf *out)
{
    const struct outgoing *outgoing = page->outgoing;

    if (outgoing->due_at != 0) {
        buf_add_text(out, "<p style=\"margin:0 0 8px;font-size:16px;line-height:24px\">");
        buf_add_text(out, words_is_overdue(outgoing->due_at, page->now_ms) ? "It was due "
                                                                           : "It is due ");
        add_time(out, page, outgoing->due_at);
        buf_add_text(out, ".</p>");
    }
    if (outgoing->late_ms <= 0)
        return;
    buf_add_text(out, "<p style=\"margin:0 0 8px;font-size:16px;line-height:24px\">"
                      "We are sorry: this mail comes ");
    words_write_span(outgoing->late_ms, out);
    buf_add_text(out, " late. It was to reach you ");
    add_time(out, page, outgoing->notification.remind_at);
    buf_add_text(out, ".</p>");
}

static void write_tasks(const struct mail_page *page, struct buf *out)
{
    const struct outgoing *outgoing = page->outgoing;

    buf_add_text(out, "<ul style=\"margin:0 0 16px;padding:0 0 0 20px;font-size:16px;"
                      "line-height:24px\">");
    for (size_t i = 0; i < outgoing->n_tasks; i++) {
        const struct outgoing_task *task = &outgoing->tasks[i];

        buf_add_text(out, "<li style=\"margin:0 0 8px\">");
        add_title(out, task->title);
        if (task->due_at != 0) {
            buf_format(out, "<br><span class=\"quiet\" style=\"color:#57606a\">%s",
                       words_is_overdue(task->due_at, page->now_ms) ? "overdue since " : "due ");
            words_write_time(page->zone, task->due_at, out);
            buf_add_text(out, "</span>");
        }
        buf_add_text(out, "</li>");
    }
    buf_add_text(out, "</ul><p class=\"quiet\" style=\"margin:0 0 16px;font-size:14px;"
                      "line-height:20px;color:#57606a\">Times are those of ");
    words_write_zone(page->zone, outgoing, out);
    buf_add_text(out, ".</p>");
}

static void write_links(const struct mail_page *page, struct buf *out)
{
    if (page->n_links == 0)
        return;
    buf_add_text(out, "<p style=\"margin:24px 0 12px\">");
    for (size_t i = 0; i < page->n_links; i++) {
        buf_format(out, "<a class=\"%s\" style=\"" BUTTON "%s\" href=\"", i == 0 ? "main" : "other",
                   i == 0 ? "background:#0b57d0;color:#ffffff;border:1px solid transparent"
                          : "color:#0b57d0;border:1px solid #8b949e");
        html_add_text(out, page->links[i].url);
        buf_add_text(out, "\">");
        html_add_text(out, page->links[i].words);
        buf_add_text(out, "</a> ");
    }
    buf_add_text(out, "</p><p class=\"quiet\" style=\"margin:0 0 16px;font-size:14px;"
                      "line-height:20px;color:#57606a\">Each button works once, for seven days, "
                      "and asks you before it does anything.</p>");
}

void mail_write_page(const struct mail_page *page, struct buf *out)
{
    const struct notification *notification = &page->outgoing->notification;
    struct buf subject;

    buf_init(&subject);
    mail_write_subject(page->outgoing, &subject);
    buf_add_text(out, HEAD);
    html_add_text(out, buf_text(&subject));
    buf_add_text(out, BODY);
    buf_clear(&subject);
    buf_add_text(out, "<h1 style=\"margin:0 0 16px;font-size:24px;line-height:32px;"
                      "overflow-wrap:anywhere\">");
    add_title(out, notification->title);
    buf_add_text(out, "</h1>");
    if (notification->kind == NOTIFICATION_DIGEST)
        write_tasks(page, out);
    else
        write_when(page, out);
    write_links(page, out);
    buf_add_text(out, "<p style=\"margin:0 0 24px;font-size:16px;line-height:24px\">"
                      "<a class=\"other\" style=\"color:#0b57d0\" href=\"");
    html_add_text(out, page->app_url);
    buf_add_text(out, "\">Open todo-app</a></p><p class=\"quiet\" style=\"margin:0;font-size:12px;"
                      "line-height:18px;color:#57606a\">You get this mail because you asked to be "
                      "reminded. What comes by mail is set in todo-app.<br>Delivery ");
    buf_add_text(out, notification->id.text);
    buf_add_text(out, "</p></main></body></html>\n");
}
