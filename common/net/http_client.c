#include "common/net/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/net/loop.h"
#include "common/net/public_address.h"

enum {
    REPLY_MAX_BYTES = 1048576,
    IDLE_TRANSFERS_MAX = 8, /* easy handles kept for the next call */
    KEPT_BUF_BYTES = 65536, /* a larger reply buffer is given back */
    RECEIVE_BYTES = 8192,
    UPLOAD_BYTES = 16384, /* libcurl's least */
    WAIT_MAX_S = 30 * 24 * 3600,
};

/* One call on its way, or an idle easy handle waiting for the next. */
struct transfer {
    TAILQ_ENTRY(transfer) link;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    size_t body_max;
    bool is_too_large;
    bool is_refused; /* an address of its host */
    http_answered_fn *done;
    void *arg;
    char why[CURL_ERROR_SIZE];
};
TAILQ_HEAD(transfers, transfer);

/* A socket that libcurl wants watched. */
struct watch {
    TAILQ_ENTRY(watch) link;
    struct event *event;
};
TAILQ_HEAD(watches, watch);

struct http_client {
    struct loop *loop;
    CURLM *multi;
    const struct address_policy *policy; /* NULL: connects to anything */
    struct loop_timer *timer;
    struct transfers running, idle;
    size_t n_idle;
    struct watches watches;
};

static const char *method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
        return "GET";
    case HTTP_POST:
        return "POST";
    case HTTP_PUT:
        return "PUT";
    case HTTP_PATCH:
        return "PATCH";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_OPTIONS:
        return "OPTIONS";
    case HTTP_HEAD:
        return "HEAD";
    }
    return "GET";
}

static void free_transfer(struct transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    buf_clear(&transfer->body);
    mem_free(transfer);
}

/* Keep the handle and its buffer for the next call, within limits. */
static void give_back(struct transfer *transfer)
{
    struct http_client *client = transfer->client;

    if (client->n_idle >= IDLE_TRANSFERS_MAX) {
        free_transfer(transfer);
        return;
    }
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_COPYPOSTFIELDS, NULL);
    if (transfer->body.capacity > KEPT_BUF_BYTES)
        buf_clear(&transfer->body);
    else
        buf_reset(&transfer->body);
    TAILQ_INSERT_HEAD(&client->idle, transfer, link);
    client->n_idle++;
}

static void judge(const struct transfer *transfer, CURLcode code, struct err *err)
{
    const char *why = transfer->why[0] ? transfer->why : curl_easy_strerror(code);

    if (transfer->is_too_large)
        err_set(err, ERR_TOO_LARGE, "the answer is larger than %zu bytes", transfer->body_max);
    else if (transfer->is_refused && code == CURLE_COULDNT_CONNECT)
        err_set(err, ERR_FORBIDDEN, "its host has an address that is not public");
    else if (code == CURLE_OPERATION_TIMEDOUT)
        err_set(err, ERR_TIMEOUT, "no answer in time: %s", why);
    else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        err_set(err, ERR_INTERNAL, "bad address: %s", why);
    else
        err_set(err, ERR_UNAVAILABLE, "no answer: %s", why);
}

/* A date that has passed gives libcurl 7.88 a negative number. */
static int64_t wait_ms(curl_off_t wait_s)
{
    if (wait_s < 0)
        return 0;
    return (wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S) * 1000;
}

static void finish(struct transfer *transfer, CURLcode code)
{
    struct http_client *client = transfer->client;
    struct http_answer answer = {0};
    struct err err = {0};
    curl_off_t retry_after_s = 0;
    long status = 0;
    char *content_type = NULL;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &content_type);
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    TAILQ_REMOVE(&client->running, transfer, link);
    if (code == CURLE_OK) {
        answer.status = (int)status;
        answer.body = buf_text(&transfer->body);
        answer.n_bytes = transfer->body.n_bytes;
        answer.content_type = content_type ? content_type : "";
        answer.retry_after_ms = wait_ms(retry_after_s);
        transfer->done(transfer->arg, &answer, NULL);
    } else {
        judge(transfer, code, &err);
        transfer->done(transfer->arg, NULL, &err);
    }
    curl_multi_remove_handle(client->multi, transfer->easy);
    give_back(transfer);
}

static void finish_ended(struct http_client *client)
{
    CURLMsg *message;
    int n_left;

    while ((message = curl_multi_info_read(client->multi, &n_left))) {
        struct transfer *transfer = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        finish(transfer, code);
    }
}

static void on_due(void *arg)
{
    struct http_client *client = arg;
    int n_running;

    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    finish_ended(client);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct http_client *client = arg;
    int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int n_running;

    curl_multi_socket_action(client->multi, fd, flags, &n_running);
    finish_ended(client);
}

static void unwatch(struct http_client *client, struct watch *watch)
{
    TAILQ_REMOVE(&client->watches, watch, link);
    event_free(watch->event);
    mem_free(watch);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http_client *client = arg;
    struct watch *watch = socket_arg;
    short events = EV_PERSIST;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            unwatch(client, watch);
        return 0;
    }
    if (what != CURL_POLL_OUT)
        events |= EV_READ;
    if (what != CURL_POLL_IN)
        events |= EV_WRITE;
    if (watch) {
        event_del(watch->event);
        event_assign(watch->event, loop_base(client->loop), fd, events, on_ready, client);
    } else {
        watch = MEM_NEW(struct watch);
        watch->event = event_new(loop_base(client->loop), fd, events, on_ready, client);
        TAILQ_INSERT_HEAD(&client->watches, watch, link);
        curl_multi_assign(client->multi, fd, watch);
    }
    event_add(watch->event, NULL);
    return 0;
}

static int on_timer_wanted(CURLM *multi, long in_ms, void *arg)
{
    struct http_client *client = arg;

    (void)multi;
    if (in_ms < 0)
        loop_timer_stop(client->timer);
    else
        loop_timer_start(client->timer, in_ms);
    return 0;
}

static size_t on_body(char *bytes, size_t one, size_t n_bytes, void *arg)
{
    struct transfer *transfer = arg;

    (void)one;
    if (transfer->body.n_bytes + n_bytes > transfer->body_max) {
        transfer->is_too_large = true;
        return 0;
    }
    buf_add(&transfer->body, bytes, n_bytes);
    return n_bytes;
}

struct http_client *http_client_new(struct loop *loop, int connections_max)
{
    struct http_client *client = MEM_NEW(struct http_client);

    curl_global_init(CURL_GLOBAL_NOTHING);
    client->loop = loop;
    client->multi = curl_multi_init();
    assert(client->multi);
    client->timer = loop_timer_new(loop, on_due, client);
    TAILQ_INIT(&client->running);
    TAILQ_INIT(&client->idle);
    TAILQ_INIT(&client->watches);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections_max);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)connections_max);
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return client;
}

void http_client_guard(struct http_client *client, const struct address_policy *policy)
{
    assert(TAILQ_EMPTY(&client->running) && TAILQ_EMPTY(&client->idle));
    client->policy = policy;
}

void http_client_free(struct http_client *client)
{
    struct transfer *transfer;
    struct watch *watch;
    struct err err;

    if (!client)
        return;
    err_set(&err, ERR_UNAVAILABLE, "the client is closing");
    while ((transfer = TAILQ_FIRST(&client->running))) {
        TAILQ_REMOVE(&client->running, transfer, link);
        curl_multi_remove_handle(client->multi, transfer->easy);
        transfer->done(transfer->arg, NULL, &err);
        free_transfer(transfer);
    }
    while ((transfer = TAILQ_FIRST(&client->idle))) {
        TAILQ_REMOVE(&client->idle, transfer, link);
        free_transfer(transfer);
    }
    curl_multi_cleanup(client->multi);
    while ((watch = TAILQ_FIRST(&client->watches)))
        unwatch(client, watch);
    loop_timer_free(client->timer);
    mem_free(client);
    curl_global_cleanup();
}

/* libcurl is about to connect to `address`: this very one is judged. */
static curl_socket_t on_socket_opened(void *arg, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;

    if (purpose != CURLSOCKTYPE_IPCXN ||
        !address_is_allowed(transfer->client->policy, &address->addr)) {
        transfer->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A call that ends while its host is being looked up leaves the thread that does so behind, instead
 * of waiting for a name service that anyone may run. */
static void guard(struct transfer *transfer)
{
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket_opened);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (!transfer->client->policy->allows_loopback)
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
}

/* What is the same for every call is set once in the life of a handle. */
static struct transfer *new_transfer(struct http_client *client)
{
    struct transfer *transfer = MEM_NEW(struct transfer);
    CURL *easy = curl_easy_init();

    assert(easy);
    transfer->client = client;
    transfer->easy = easy;
    buf_init(&transfer->body);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever http_proxy says */
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BYTES);
    if (client->policy)
        guard(transfer);
    return transfer;
}

static struct transfer *take_transfer(struct http_client *client)
{
    struct transfer *transfer = TAILQ_FIRST(&client->idle);

    if (!transfer)
        return new_transfer(client);
    TAILQ_REMOVE(&client->idle, transfer, link);
    client->n_idle--;
    return transfer;
}

static void set_method_and_body(CURL *easy, const struct http_call *call)
{
    bool has_body = call->body || call->method == HTTP_POST || call->method == HTTP_PUT ||
                    call->method == HTTP_PATCH;

    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->n_body_bytes);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, call->body ? call->body : "");
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    if (call->method == HTTP_HEAD)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method_name(call->method));
}

/* Our headers, and none that libcurl would add by itself: no waiting for 100 Continue, no form type. */
static struct curl_slist *new_headers(const struct http_call *call)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    bool has_type = false;

    headers = curl_slist_append(headers, "Accept:");
    for (size_t i = 0; i < HTTP_CLIENT_HEADERS_MAX && call->headers[i]; i++) {
        headers = curl_slist_append(headers, call->headers[i]);
        has_type = has_type || strncasecmp(call->headers[i], "content-type:", 13) == 0;
    }
    if (!has_type)
        headers = curl_slist_append(headers, "Content-Type:");
    assert(headers);
    return headers;
}

void http_client_send(struct http_client *client, const struct http_call *call,
                      http_answered_fn *done, void *arg)
{
    struct transfer *transfer = take_transfer(client);
    CURL *easy = transfer->easy;
    CURLMcode added;

    assert(call->limit_ms > 0);
    transfer->done = done;
    transfer->arg = arg;
    transfer->body_max = call->reply_max_bytes ? call->reply_max_bytes : REPLY_MAX_BYTES;
    transfer->is_too_large = false;
    transfer->is_refused = false;
    transfer->why[0] = '\0';
    transfer->headers = new_headers(call);
    set_method_and_body(easy, call);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->limit_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->limit_ms);
    TAILQ_INSERT_TAIL(&client->running, transfer, link);
    added = curl_multi_add_handle(client->multi, easy);
    assert(added == CURLM_OK);
    (void)added;
}
