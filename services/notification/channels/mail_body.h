/* services/notification/channels/mail_body.h — a mail as the person sees it: subject and HTML. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_MAIL_BODY_H
#define SERVICES_NOTIFICATION_CHANNELS_MAIL_BODY_H

#include "common/base/buf.h"
#include "common/recurrence/zone.h"
#include "services/notification/channels/channel.h"

enum { MAIL_SUBJECT_MAX = 150 /* characters */ };

/** A button of a mail. */
struct mail_link {
    const char *words, *url;
};

struct mail_page {
    const struct outgoing *outgoing;
    const struct zone *zone; /* NULL: UTC */
    int64_t now_ms;
    const char *app_url;           /* where the app shows it */
    const struct mail_link *links; /* the first is the main one */
    size_t n_links;
};

/** Append the subject, one line. */
void mail_write_subject(const struct outgoing *outgoing, struct buf *out);

/** Append a whole HTML document. What users wrote is escaped; the delivery's id stands at its end. */
void mail_write_page(const struct mail_page *page, struct buf *out);

#endif
