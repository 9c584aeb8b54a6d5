#include "tests/service/support/database.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <libpq-fe.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

const char *database_url(void)
{
    const char *url = getenv("TEST_DATABASE_URL");

    if (url == NULL)
        fail_msg("set TEST_DATABASE_URL to a database that the test may fill");
    return url;
}

static PGresult *run(const char *sql)
{
    PGconn *pg = PQconnectdb(database_url());
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    PQfinish(pg);
    return result;
}

void database_run(const char *sql, ...)
{
    char text[4096];
    va_list args;

    va_start(args, sql);
    vsnprintf(text, sizeof(text), sql, args);
    va_end(args);
    PQclear(run(text));
}

long database_number(const char *sql, ...)
{
    char text[4096];
    va_list args;
    PGresult *result;
    long number;

    va_start(args, sql);
    vsnprintf(text, sizeof(text), sql, args);
    va_end(args);
    result = run(text);
    assert_int_equal(PQntuples(result), 1);
    number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

void turn_for(struct loop *loop, int ms)
{
    struct loop_timer *timer = loop_timer_new(loop, do_nothing, NULL);

    loop_timer_start(timer, ms);
    event_base_loop(loop_base(loop), EVLOOP_ONCE);
    loop_timer_free(timer);
}

void wait_until(struct loop *loop, bool (*is_done)(void *arg), void *arg, const char *what)
{
    int64_t until = clock_monotonic_ms() + TEST_LIMIT_MS;

    while (!is_done(arg)) {
        if (clock_monotonic_ms() > until)
            fail_msg("waited %d ms for: %s", TEST_LIMIT_MS, what);
        turn_for(loop, 20);
    }
}

/* -------------------------------------------------------------------------- proxy */

enum { LINKS_MAX = 256 };

struct link {
    struct proxy *proxy;
    struct bufferevent *client, *server;
};

struct proxy {
    struct loop *loop;
    struct evconnlistener *listener;
    struct link *links[LINKS_MAX];
    struct sockaddr_in server;
    enum proxy_mode mode;
    int port, n_accepted;
};

static void end_link(struct link *link)
{
    for (int i = 0; i < LINKS_MAX; i++)
        if (link->proxy->links[i] == link)
            link->proxy->links[i] = NULL;
    bufferevent_free(link->client);
    bufferevent_free(link->server);
    mem_free(link);
}

static void on_bytes(struct bufferevent *from, void *arg)
{
    struct link *link = arg;
    struct bufferevent *to = from == link->client ? link->server : link->client;

    if (link->proxy->mode == PROXY_PASS)
        bufferevent_read_buffer(from, bufferevent_get_output(to));
}

static void on_last_bytes_gone(struct bufferevent *side, void *arg)
{
    (void)side;
    end_link(arg);
}

/* One side has closed: the other gets what is on its way first. */
static void on_link_event(struct bufferevent *side, short what, void *arg)
{
    struct link *link = arg;
    struct bufferevent *other = side == link->client ? link->server : link->client;

    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
        return;
    if (link->proxy->mode == PROXY_PASS && evbuffer_get_length(bufferevent_get_output(other)) > 0) {
        bufferevent_disable(side, EV_READ | EV_WRITE);
        bufferevent_setcb(other, NULL, on_last_bytes_gone, on_link_event, link);
        return;
    }
    end_link(link);
}

static void on_accepted(struct evconnlistener *listener, evutil_socket_t fd,
                        struct sockaddr *address, int n_bytes, void *arg)
{
    struct proxy *proxy = arg;
    struct event_base *base = loop_base(proxy->loop);
    struct link *link;
    int slot = 0;

    (void)listener;
    (void)address;
    (void)n_bytes;
    while (slot < LINKS_MAX && proxy->links[slot] != NULL)
        slot++;
    assert_true(slot < LINKS_MAX);
    link = MEM_NEW(struct link);
    link->proxy = proxy;
    link->client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    link->server = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    proxy->links[slot] = link;
    proxy->n_accepted++;
    bufferevent_setcb(link->client, on_bytes, NULL, on_link_event, link);
    bufferevent_setcb(link->server, on_bytes, NULL, on_link_event, link);
    bufferevent_enable(link->client, EV_READ | EV_WRITE);
    bufferevent_enable(link->server, EV_READ | EV_WRITE);
    bufferevent_socket_connect(link->server, (struct sockaddr *)&proxy->server,
                               sizeof(proxy->server));
}

static void listen_on(struct proxy *proxy, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t n_bytes = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->listener = evconnlistener_new_bind(loop_base(proxy->loop), on_accepted, proxy,
                                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 128,
                                              (struct sockaddr *)&address, sizeof(address));
    assert_non_null(proxy->listener);
    getsockname(evconnlistener_get_fd(proxy->listener), (struct sockaddr *)&address, &n_bytes);
    proxy->port = ntohs(address.sin_port);
}

/* "postgresql://user@host:port/name": the parts of the URL that the tests are given */
static void read_url(char host[64], int *port, char name[64])
{
    PQconninfoOption *options = PQconninfoParse(database_url(), NULL);

    assert_non_null(options);
    for (PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (o->val == NULL)
            continue;
        if (strcmp(o->keyword, "host") == 0)
            snprintf(host, 64, "%s", o->val);
        else if (strcmp(o->keyword, "port") == 0)
            *port = atoi(o->val);
        else if (strcmp(o->keyword, "dbname") == 0)
            snprintf(name, 64, "%s", o->val);
    }
    PQconninfoFree(options);
}

struct proxy *proxy_new(struct loop *loop)
{
    struct proxy *proxy = MEM_NEW(struct proxy);
    char host[64] = "127.0.0.1", name[64] = "";
    int port = 5432;

    read_url(host, &port, name);
    proxy->loop = loop;
    proxy->server.sin_family = AF_INET;
    proxy->server.sin_port = htons((uint16_t)port);
    assert_int_equal(inet_pton(AF_INET, host, &proxy->server.sin_addr), 1);
    listen_on(proxy, 0);
    return proxy;
}

static void end_links(struct proxy *proxy)
{
    for (int i = 0; i < LINKS_MAX; i++)
        if (proxy->links[i] != NULL)
            end_link(proxy->links[i]);
}

void proxy_set_mode(struct proxy *proxy, enum proxy_mode mode)
{
    if (mode == PROXY_REFUSE && proxy->listener != NULL) {
        end_links(proxy);
        evconnlistener_free(proxy->listener);
        proxy->listener = NULL;
    } else if (mode != PROXY_REFUSE && proxy->listener == NULL) {
        listen_on(proxy, proxy->port);
    }
    proxy->mode = mode;
}

int proxy_n_accepted(const struct proxy *proxy)
{
    return proxy->n_accepted;
}

void proxy_free(struct proxy *proxy)
{
    end_links(proxy);
    if (proxy->listener != NULL)
        evconnlistener_free(proxy->listener);
    mem_free(proxy);
}

void database_url_of(const struct proxy *proxy, const char *login, const char *password,
                     char url[TEST_URL_MAX])
{
    char host[64] = "127.0.0.1", name[64] = "";
    int port = 5432;

    read_url(host, &port, name);
    snprintf(url, TEST_URL_MAX, "postgresql://%s:%s@%s:%d/%s", login, password,
             proxy != NULL ? "127.0.0.1" : host, proxy != NULL ? proxy->port : port, name);
}
