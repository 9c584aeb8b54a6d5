#include "services/backend/domain/channel.h"

#include <sodium.h>
#include <string.h>

#include "common/events/reminder.h"
#include "common/json/json_out.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { WHICH_PUSH, WHICH_WEBHOOK };
static const char *const which_words[] = {"push", "webhook", NULL};

enum { KEY_TEXT_MAX = 200, POINT_BYTES = 65, POINT_UNCOMPRESSED = 4, AUTH_BYTES = 16 };

const struct json_field channel_fields[] = {
    JSON_UUID(struct channel, address.id, "id", JSON_READ_ONLY),
    JSON_ENUM(struct channel, address.channel, "channel", JSON_READ_ONLY, reminder_channel_words),
    JSON_TEXT(struct channel, address.name, "name", JSON_READ_ONLY, 0, CHANNEL_NAME_MAX),
    JSON_TEXT(struct channel, host, "host", JSON_READ_ONLY, 0, CHANNEL_HOST_MAX),
    JSON_TIME(struct channel, address.created_at, "created_at", JSON_READ_ONLY),
};
const size_t channel_n_fields = COUNT(channel_fields);

const struct json_field channel_order_fields[] = {
    JSON_ENUM(struct channel_order, which, "channel", JSON_REQUIRED, which_words),
    JSON_TEXT(struct channel_order, name, "name", JSON_ONE_LINE, 0, CHANNEL_NAME_MAX),
    JSON_TEXT(struct channel_order, endpoint, "endpoint", JSON_ONE_LINE, 1, CHANNEL_URL_MAX),
    JSON_RAW(struct channel_order, keys, "keys", JSON_OPTIONAL),
    JSON_TEXT(struct channel_order, url, "url", JSON_ONE_LINE, 1, CHANNEL_URL_MAX),
};
const size_t channel_order_n_fields = COUNT(channel_order_fields);

static const struct json_field key_fields[] = {
    JSON_TEXT(struct channel_order, p256dh, "p256dh", JSON_REQUIRED | JSON_ONE_LINE, 1,
              KEY_TEXT_MAX),
    JSON_TEXT(struct channel_order, auth, "auth", JSON_REQUIRED | JSON_ONE_LINE, 1, KEY_TEXT_MAX),
};

/* libsodium 1.0.18 takes some bytes above 127 for letters: the alphabet is checked here. */
static bool read_base64url(const char *text, unsigned char *bytes, size_t n_wanted)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = strlen(text), n_bytes = 0;

    return strspn(text, alphabet) == length &&
           sodium_base642bin(bytes, n_wanted, text, length, NULL, &n_bytes, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           n_bytes == n_wanted;
}

static bool check_keys(struct channel_order *order, struct arena *arena, struct err *err)
{
    const struct json_reading reading = {.fields = key_fields,
                                         .n_fields = COUNT(key_fields),
                                         .unknown = JSON_IGNORE_UNKNOWN,
                                         .path = "keys."};
    unsigned char point[POINT_BYTES], auth[AUTH_BYTES];
    bool ok = true;

    if (order->keys[0] != '{')
        return err_add_field(err, "keys", "must be an object with p256dh and auth");
    if (!json_read(order->keys, strlen(order->keys), &reading, arena, order, err))
        return false;
    if (!read_base64url(order->p256dh, point, sizeof point) || point[0] != POINT_UNCOMPRESSED)
        ok = err_add_field(err, "keys.p256dh",
                           "must be base64url of %d bytes, an uncompressed point of P-256",
                           POINT_BYTES);
    if (!read_base64url(order->auth, auth, sizeof auth))
        ok = err_add_field(err, "keys.auth", "must be base64url of %d bytes", AUTH_BYTES);
    return ok;
}

bool channel_order_check(struct channel_order *order, struct arena *arena, struct err *err)
{
    const bool is_push = order->which == WHICH_PUSH;
    const struct {
        const char *name;
        bool is_there, is_needed;
    } members[] = {
        {"endpoint", order->endpoint != NULL, is_push},
        {"keys", order->keys != NULL, is_push},
        {"url", order->url != NULL, !is_push},
    };
    bool ok = true;

    order->channel = is_push ? CHANNEL_PUSH : CHANNEL_WEBHOOK;
    if (order->name == NULL)
        order->name = "";
    for (size_t i = 0; i < COUNT(members); i++) {
        if (members[i].is_needed && !members[i].is_there)
            ok = err_add_field(err, members[i].name, "is required for %s",
                               which_words[order->which]);
        else if (!members[i].is_needed && members[i].is_there)
            ok = err_add_field(err, members[i].name, "is not for %s", which_words[order->which]);
    }
    if (is_push && order->keys != NULL)
        ok = check_keys(order, arena, err) && ok;
    return ok;
}

const char *channel_order_url(const struct channel_order *order)
{
    return order->which == WHICH_PUSH ? order->endpoint : order->url;
}

const char *channel_order_url_field(const struct channel_order *order)
{
    return order->which == WHICH_PUSH ? "endpoint" : "url";
}

void channel_write_secret(const unsigned char *bytes, char text[CHANNEL_SECRET_SIZE])
{
    static const char prefix[] = "whsec_";

    memcpy(text, prefix, sizeof prefix);
    sodium_bin2base64(text + sizeof prefix - 1, CHANNEL_SECRET_SIZE - (sizeof prefix - 1), bytes,
                      CHANNEL_SECRET_BYTES, sodium_base64_VARIANT_ORIGINAL);
}

void channel_write_address(const struct channel_order *order, const char *secret, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_open_object(&json, NULL);
    if (order->which == WHICH_PUSH) {
        json_text(&json, "endpoint", order->endpoint);
        json_text(&json, "p256dh", order->p256dh);
        json_text(&json, "auth", order->auth);
    } else {
        json_text(&json, "url", order->url);
        json_text(&json, "secret", secret);
    }
    json_close_object(&json);
}

struct channel channel_make(const struct channel_order *order, const char *host, const char *sealed,
                            struct uuid id, int64_t now_ms)
{
    const char *url = channel_order_url(order);
    const unsigned char kind = (unsigned char)order->channel;
    struct channel channel = {
        .address = {.id = id,
                    .channel = order->channel,
                    .name = order->name,
                    .sealed = sealed,
                    .created_at = now_ms},
        .host = host,
    };
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof channel.digest);
    crypto_generichash_update(&state, &kind, 1);
    crypto_generichash_update(&state, (const unsigned char *)url, strlen(url));
    crypto_generichash_final(&state, channel.digest, sizeof channel.digest);
    return channel;
}
