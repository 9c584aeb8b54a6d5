/* services/notification/channels/verdict.h — what became of a send, by what came back. Without I/O. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_VERDICT_H
#define SERVICES_NOTIFICATION_CHANNELS_VERDICT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "services/notification/channels/channel.h"

struct http_answer;

struct verdict {
    enum send_outcome outcome;
    const char *reason; /* for the user; static or in the arena; NULL when done */
    int64_t wait_ms;
};

/* `answer` and `err` as an http_answered_fn gets them. */

/** RFC 8030 §5, §7.3, §8.4, and what push services do beyond it. */
struct verdict verdict_of_push(const struct http_answer *answer, const struct err *err,
                               struct arena *arena);
/** Standard Webhooks, "Delivery success and failure": 2xx is well, 410 is gone, all else is tried again. */
struct verdict verdict_of_webhook(const struct http_answer *answer, const struct err *err,
                                  struct arena *arena);
/** The sidecar's word about the mail binding, both set: components-contrib bindings/smtp and gomail
 *  leave the mail server's reply (RFC 5321 §4.2) in its text. A permanent reply to the mail is for
 *  good, one to our coming (greeting, TLS, authentication) is not the mail's fault. */
struct verdict verdict_of_mail(const struct http_answer *answer, const struct err *err,
                               struct arena *arena);

#endif
