/* tests/fuzz/fuzz_http_filter.c — the verdict on a client's bytes does not depend on the pieces in
 * which they come. The first byte of the input is the size of a piece. */
#include <stdint.h>
#include <stdlib.h>

#include "common/net/http_filter.h"
#include "common/net/http_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);

static const struct http_limits limits = {.head_max_bytes = 512, .body_max_bytes = 256};

static void must(bool is_true)
{
    if (!is_true)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input)
{
    struct http_filter whole, pieces;
    const char *bytes = (const char *)input + 1;
    size_t piece, n_bytes;

    if (n_input < 2)
        return 0;
    piece = (size_t)input[0] + 1;
    n_bytes = n_input - 1;
    http_filter_init(&whole, &limits);
    http_filter_feed(&whole, bytes, n_bytes);
    http_filter_init(&pieces, &limits);
    for (size_t at = 0; at < n_bytes; at += piece)
        http_filter_feed(&pieces, bytes + at, n_bytes - at < piece ? n_bytes - at : piece);
    must(whole.n_whole == pieces.n_whole);
    must(!whole.refusal == !pieces.refusal);
    must(http_filter_phase(&whole) == http_filter_phase(&pieces) || whole.refusal);
    /* a refusal for size may come from another byte of the same run, else it is the same one */
    must(!whole.refusal || whole.refusal == pieces.refusal || whole.refusal->status > 400 ||
         pieces.refusal->status > 400);
    return 0;
}
