/* common/service/service_wait.c — `SERVICE wait HOST:PORT…`: block until each can be connected to.
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

enum { EXIT_USAGE = 2, CONNECT_LIMIT_MS = 2000, PAUSE_MS = 250, HOST_MAX = 253 };

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

static bool wait_for(const char *address, time_t until)
{
    const char *colon = strrchr(address, ':');
    char host[HOST_MAX + 1] = "";
    const char *why;

    memcpy(host, address, (size_t)(colon - address));
    while ((why = try_address(host, colon + 1)) != NULL) {
        const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

        if (time(NULL) >= until) {
            fprintf(stderr, "%s: %s\n", address, why);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    printf("%s can be reached\n", address);
    return true;
}

static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');

    return colon != NULL && colon > text && colon - text <= HOST_MAX && colon[1] != '\0' &&
           strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

int service_wait(int argc, char **argv)
{
    struct wait_config config = {0};
    time_t until;

    for (int i = 1; i < argc; i++)
        if (!is_address(argv[i])) {
            fprintf(stderr, "wait: \"%s\" is no HOST:PORT\n", argv[i]);
            return EXIT_USAGE;
        }
    if (argc < 2) {
        fprintf(stderr, "usage: wait HOST:PORT…\n");
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
