/* common/service/service_wait.c — `SERVICE wait HOST:PORT[,HOST:PORT…]…`: block until each can be
 * connected to; of several with commas one is enough, as of the brokers of a Kafka.
 *
 * For a container that runs before service and sidecar: a sidecar that cannot reach its broker at
 * its start ends, and in a cluster a network policy may need a moment to know a new pod. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/service/service_parts.h"

enum {
    EXIT_USAGE = 2,
    CONNECT_LIMIT_MS = 2000,
    PAUSE_MS = 250,
    HOST_MAX = 253,
    ADDRESSES_MAX = 4095
};

struct wait_config {
    int limit_s;
};

static const struct config_key keys[] = {
    CONFIG_INT(struct wait_config, limit_s, "WAIT_LIMIT_S", "120", 1, 3600, "how long to wait, s"),
};

/* Return 0, or errno. */
static int connect_within(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t size = sizeof code;

    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        code = errno;
        if (code == EINPROGRESS && poll(&wanted, 1, CONNECT_LIMIT_MS) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
        else if (code == EINPROGRESS)
            code = ETIMEDOUT;
    }
    close(fd);
    return code;
}

/* Return NULL when it can be connected to, else why not. */
static const char *try_address(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, port, &hints, &found);

    if (code != 0)
        return gai_strerror(code);
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        code = connect_within(at);
        if (code == 0)
            break;
    }
    freeaddrinfo(found);
    return code == 0 ? NULL : strerror(code);
}

/* Try each of the addresses that commas separate: return whether one can be connected to. */
static bool try_any(const char *addresses, bool tells_why)
{
    char text[ADDRESSES_MAX + 1];
    char *rest = text, *address;

    snprintf(text, sizeof text, "%s", addresses);
    while ((address = strsep(&rest, ",")) != NULL) {
        char *colon = strrchr(address, ':');
        const char *why;

        *colon = '\0';
        why = try_address(address, colon + 1);
        if (why == NULL) {
            printf("%s:%s can be reached\n", address, colon + 1);
            return true;
        }
        if (tells_why)
            fprintf(stderr, "%s:%s: %s\n", address, colon + 1, why);
    }
    return false;
}

static bool wait_for(const char *addresses, time_t until)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

    while (!try_any(addresses, false)) {
        if (time(NULL) >= until)
            return try_any(addresses, true);
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool is_address(const char *text, size_t length)
{
    const char *colon = memrchr(text, ':', length);
    const char *end = text + length;

    return colon != NULL && colon > text && colon - text <= HOST_MAX && colon + 1 < end &&
           strspn(colon + 1, "0123456789") == (size_t)(end - colon - 1);
}

static bool are_addresses(const char *text)
{
    if (strlen(text) > ADDRESSES_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(text, ",");

        if (!is_address(text, length))
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

int service_wait(int argc, char **argv)
{
    struct wait_config config = {0};
    time_t until;

    for (int i = 1; i < argc; i++)
        if (!are_addresses(argv[i])) {
            fprintf(stderr, "wait: \"%s\" is no HOST:PORT[,HOST:PORT…]\n", argv[i]);
            return EXIT_USAGE;
        }
    if (argc < 2) {
        fprintf(stderr, "usage: wait HOST:PORT[,HOST:PORT…]…\n");
        return EXIT_USAGE;
    }
    if (!config_read(keys, sizeof keys / sizeof keys[0], &config, stderr))
        return EXIT_USAGE;
    until = time(NULL) + config.limit_s;
    for (int i = 1; i < argc; i++)
        if (!wait_for(argv[i], until))
            return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
