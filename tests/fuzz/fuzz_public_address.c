/* tests/fuzz/fuzz_public_address.c — URLs of users. Whatever is taken, libcurl must see the same host and
 * port in it; and a host that it, or the C library, takes for an address must be a public one. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/net/public_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void must(bool is_true)
{
    if (!is_true)
        abort();
}

/* The host as libcurl and getaddrinfo would read it, if it is an address at all. */
static bool is_inside(const struct address_policy *policy, const char *host)
{
    char plain[ADDRESS_HOST_MAX + 1] = "";
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    size_t length = strlen(host);

    must(length <= ADDRESS_HOST_MAX);
    if (host[0] == '[') {
        memcpy(plain, host + 1, length - 2);
        must(inet_pton(AF_INET6, plain, &in6.sin6_addr) == 1);
        return !address_is_allowed(policy, (const struct sockaddr *)&in6);
    }
    return inet_aton(host, &in4.sin_addr) != 0 &&
           !address_is_allowed(policy, (const struct sockaddr *)&in4);
}

static void hold_against_libcurl(const struct address_policy *policy, const char *text,
                                 const struct address_url *url)
{
    CURLU *handle = curl_url();
    char *host = NULL, *port = NULL, *user = NULL;

    must(curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK);
    must(curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK);
    must(curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
    must(curl_url_get(handle, CURLUPART_USER, &user, 0) != CURLUE_OK);
    must(atoi(port) == url->port);
    must(!is_inside(policy, host));
    /* libcurl writes addresses in their usual form, and leaves names as they are */
    must(host[0] == '[' || inet_addr(host) != INADDR_NONE || strcasecmp(host, url->host) == 0);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(handle);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct address_policy policy;
    struct address_url url;
    struct arena arena;
    struct err err = {0};

    arena_init(&arena);
    const char *text = arena_copy_bytes(&arena, bytes, n_bytes);

    must(!address_policy_read(text, false, &policy, &err) || policy.n_ports > 0);
    must(address_policy_read("443,8443", false, &policy, &err));
    err_clear(&err);
    if (address_check_url(&policy, text, "url", &err)) {
        must(address_read_url(text, "url", &url, &err));
        must(url.is_https && (url.port == 443 || url.port == 8443));
        hold_against_libcurl(&policy, text, &url);
    } else {
        must(err.code == ERR_INVALID && err.n_fields == 1);
    }
    arena_clear(&arena);
    return 0;
}
