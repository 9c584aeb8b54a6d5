#include "services/notification/channels/verdict.h"

#include <ctype.h>
#include <string.h>

#include "common/json/json_field.h"
#include "common/net/http_client.h"

static struct verdict done(void)
{
    return (struct verdict){.outcome = SEND_DONE};
}

/* Of a call without an answer: `peer` is "The push service". */
static struct verdict unanswered(const char *peer, const struct err *err, struct arena *arena)
{
    struct verdict verdict = {.outcome = SEND_AGAIN};

    if (err->code == ERR_FORBIDDEN) {
        verdict.outcome = SEND_NEVER;
        verdict.reason = "Its address is not one of the public internet.";
    } else if (err->code == ERR_TIMEOUT) {
        verdict.reason = arena_format(arena, "%s did not answer in time.", peer);
    } else if (err->code == ERR_TOO_LARGE) {
        verdict.reason = arena_format(arena, "%s answered with more than we read.", peer);
    } else {
        verdict.reason = arena_format(arena, "%s could not be reached.", peer);
    }
    return verdict;
}

struct verdict verdict_of_push(const struct http_answer *answer, const struct err *err,
                               struct arena *arena)
{
    struct verdict verdict = {.outcome = SEND_NEVER};
    int status;

    if (err != NULL)
        return unanswered("The push service", err, arena);
    status = answer->status;
    if (status >= 200 && status <= 299)
        return done();
    if (status == 404 || status == 410) {
        verdict.outcome = SEND_GONE;
        verdict.reason = "The browser is no longer subscribed.";
        return verdict;
    }
    if (status == 429 || status == 408 || status >= 500) {
        verdict.outcome = SEND_AGAIN;
        verdict.wait_ms = answer->retry_after_ms;
    }
    verdict.reason = arena_format(arena, "The push service refused it%s (%d).",
                                  verdict.outcome == SEND_AGAIN ? " for now" : "", status);
    return verdict;
}

struct verdict verdict_of_webhook(const struct http_answer *answer, const struct err *err,
                                  struct arena *arena)
{
    struct verdict verdict = {.outcome = SEND_AGAIN};

    if (err != NULL)
        return unanswered("The webhook", err, arena);
    if (answer->status >= 200 && answer->status <= 299)
        return done();
    verdict.wait_ms = answer->retry_after_ms;
    if (answer->status == 410) {
        verdict.outcome = SEND_GONE;
        verdict.reason = "The webhook wants no more messages (410).";
    } else if (answer->status >= 300 && answer->status <= 399) {
        verdict.reason = arena_format(
            arena, "The webhook answered with a redirect (%d); those are not followed.",
            answer->status);
    } else {
        verdict.reason = arena_format(arena, "The webhook refused it (%d).", answer->status);
    }
    return verdict;
}

/* -------- mail */

struct sidecar_message {
    const char *text;
};

static const char *read_message(const struct http_answer *answer, struct arena *arena)
{
    static const struct json_field fields[] = {
        JSON_TEXT(struct sidecar_message, text, "message", JSON_VERBATIM, 0, 100000),
    };
    static const struct json_reading reading = {
        .fields = fields, .n_fields = 1, .unknown = JSON_IGNORE_UNKNOWN};
    struct sidecar_message message = {0};

    if (!json_read(answer->body, answer->n_bytes, &reading, arena, &message, NULL))
        return "";
    return message.text != NULL ? message.text : "";
}

/* The reply's code, RFC 5321 §4.2.1; 0 when `text` does not begin with one. */
static int read_reply(const char *text)
{
    bool is_code = text[0] >= '2' && text[0] <= '5' && isdigit((unsigned char)text[1]) &&
                   isdigit((unsigned char)text[2]) && (text[3] == ' ' || text[3] == '\0');

    return is_code ? (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0') : 0;
}

/* What the commonest enhanced status codes mean (RFC 3463). */
static const char *read_meaning(const char *reply)
{
    static const struct {
        const char *code, *meaning;
    } meanings[] = {
        {"5.1.1", "there is no such mailbox"},   {"5.1.2", "there is no such mail domain"},
        {"5.1.10", "it takes no mail"},          {"5.2.1", "the mailbox is closed"},
        {"5.2.2", "the mailbox is full"},        {"4.2.2", "the mailbox is full"},
        {"5.7.1", "it does not want this mail"},
    };
    const char *code = strlen(reply) > 4 ? reply + 4 : "";

    code += code[0] == '"'; /* Go 1.26 quotes the text behind the code, earlier ones do not */

    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        size_t length = strlen(meanings[i].code);

        if (strncmp(code, meanings[i].code, length) == 0 && !isdigit((unsigned char)code[length]) &&
            code[length] != '.')
            return meanings[i].meaning;
    }
    return NULL;
}

/* The mail server's reply to the mail itself. */
static struct verdict judge_reply(const char *reply, struct arena *arena)
{
    int code = read_reply(reply);
    const char *meaning = read_meaning(reply);
    /* RFC 4954 §6: those are about us, and an operator can set it right */
    bool is_ours = code == 530 || code == 534 || code == 535 || code == 538;
    struct verdict verdict = {.outcome = code >= 500 && !is_ours ? SEND_NEVER : SEND_AGAIN};

    if (code == 0)
        verdict.reason = "The mail server did not take it to the end.";
    else
        verdict.reason = arena_format(arena, "The mail server refused it%s (%d)%s%s.",
                                      verdict.outcome == SEND_AGAIN ? " for now" : "", code,
                                      meaning != NULL ? ": " : "", meaning != NULL ? meaning : "");
    return verdict;
}

struct verdict verdict_of_mail(const struct http_answer *answer, const struct err *err,
                               struct arena *arena)
{
    static const char sending[] = "could not send email 1: ", bad[] = "gomail: invalid address";
    struct verdict verdict = {.outcome = SEND_AGAIN,
                              .reason = "The mail server could not be reached."};

    if (err == NULL)
        return done();
    if (answer == NULL)
        return unanswered("What sends our mail", err, arena);
    const char *message = read_message(answer, arena), *reply = strstr(message, sending);

    if (strstr(message, "context deadline exceeded") != NULL) /* of the resiliency policy */
        verdict.reason = "The mail server did not answer in time.";
    if (reply == NULL)
        return verdict;
    reply += sizeof sending - 1;
    if (strncmp(reply, bad, sizeof bad - 1) != 0)
        return judge_reply(reply, arena);
    verdict.outcome = SEND_NEVER;
    verdict.reason = "The mail address is not one that mail can be sent to.";
    return verdict;
}
