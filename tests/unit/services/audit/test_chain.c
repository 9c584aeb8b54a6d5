/* tests/unit/services/audit/test_chain.c — encoding, digest, payload and walk, against chain.txt. */
#include "tests/unit/services/audit/vectors.h"

#include "common/base/mem.h"
#include "services/audit/domain/payload.h"
#include "services/audit/domain/walk.h"

enum { ENTRIES_MAX = 16, PAYLOAD_MAX = 1024, FINDINGS_MAX = 16 };

struct chains {
    struct vector vectors[ENTRIES_MAX];
    unsigned char payloads[ENTRIES_MAX][PAYLOAD_MAX];
    struct entry entries[ENTRIES_MAX];
    size_t n_entries;
    unsigned char key[PAYLOAD_KEY_BYTES], nonce[PAYLOAD_NONCE_BYTES];
    struct findings findings;
    struct finding found[FINDINGS_MAX];
    size_t n_found;
};

static void note_finding(void *arg, const struct finding *finding)
{
    struct chains *chains = arg;

    assert_true(chains->n_found < FINDINGS_MAX);
    chains->found[chains->n_found++] = *finding;
}

static void read_entry(struct chains *chains, size_t i)
{
    char **fields = chains->vectors[i].fields;
    struct entry *entry = &chains->entries[i];

    assert_true(uuid_read(fields[1], &entry->owner_id));
    entry->number = strtoll(fields[2], NULL, 10);
    assert_true(uuid_read(fields[3], &entry->event_id));
    entry->topic = fields[4];
    entry->type = fields[5];
    entry->source = fields[6];
    entry->subject = fields[7];
    entry->seq = strtoll(fields[8], NULL, 10);
    entry->occurred_at = strtoll(fields[9], NULL, 10);
    entry->recorded_at = strtoll(fields[10], NULL, 10);
    if (strcmp(fields[11], "-") != 0) {
        entry->payload = chains->payloads[i];
        entry->n_payload = vector_read_hex(fields[11], chains->payloads[i]);
    }
    vector_read_hex(fields[13], entry->digest);
    vector_read_hex(fields[14], entry->hash);
}

static int read_chains(void **state)
{
    struct chains *chains = MEM_NEW(struct chains);
    FILE *file = vectors_open();

    while (vector_read(file, "entry", &chains->vectors[chains->n_entries])) {
        read_entry(chains, chains->n_entries);
        chains->n_entries++;
    }
    fclose(file);
    assert_int_equal(chains->n_entries, 8);
    for (int i = 0; i < PAYLOAD_KEY_BYTES; i++)
        chains->key[i] = (unsigned char)i;
    for (int i = 0; i < PAYLOAD_NONCE_BYTES; i++)
        chains->nonce[i] = (unsigned char)(100 + i);
    chains->findings = (struct findings){.tell = note_finding, .arg = chains};
    *state = chains;
    return 0;
}

static int free_chains(void **state)
{
    mem_free(*state);
    return 0;
}

/* ---- digest and hash */

static void test_digests_are_those_of_the_document(void **state)
{
    const struct chains *chains = *state;
    unsigned char digest[ENTRY_HASH_BYTES];

    for (size_t i = 0; i < chains->n_entries; i++) {
        entry_compute_digest(&chains->entries[i], digest);
        assert_memory_equal(digest, chains->entries[i].digest, sizeof(digest));
    }
}

static void test_hashes_are_those_of_the_document(void **state)
{
    const struct chains *chains = *state;
    unsigned char zero[ENTRY_HASH_BYTES] = {0}, hash[ENTRY_HASH_BYTES];

    for (size_t i = 0; i < chains->n_entries; i++) {
        const struct entry *entry = &chains->entries[i];

        entry_compute_hash(entry->number == 1 ? zero : entry[-1].hash, entry->number, entry->digest,
                           hash);
        assert_memory_equal(hash, entry->hash, sizeof(hash));
    }
}

static void test_the_same_bytes_cut_elsewhere_have_another_digest(void **state)
{
    struct entry a = {.topic = "ab", .type = "c", .source = "d", .subject = "e"};
    struct entry b = {.topic = "a", .type = "bc", .source = "d", .subject = "e"};
    unsigned char digest_a[ENTRY_HASH_BYTES], digest_b[ENTRY_HASH_BYTES];

    (void)state;
    entry_compute_digest(&a, digest_a);
    entry_compute_digest(&b, digest_b);
    assert_memory_not_equal(digest_a, digest_b, sizeof(digest_a));
}

static void test_no_payload_is_not_an_empty_one(void **state)
{
    struct entry none = {.topic = "t", .type = "t", .source = "s", .subject = "s"};
    struct entry empty = none;
    unsigned char digest_none[ENTRY_HASH_BYTES], digest_empty[ENTRY_HASH_BYTES];

    (void)state;
    empty.payload = (const unsigned char *)"";
    entry_compute_digest(&none, digest_none);
    entry_compute_digest(&empty, digest_empty);
    assert_memory_not_equal(digest_none, digest_empty, sizeof(digest_none));
}

/* ---- payload */

static void test_sealing_gives_the_payloads_of_the_document(void **state)
{
    const struct chains *chains = *state;
    char text[PAYLOAD_MAX];
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < chains->n_entries; i++) {
        struct entry sealed = chains->entries[i];

        if (sealed.payload == NULL)
            continue;
        text[vector_read_hex(chains->vectors[i].fields[12], (unsigned char *)text)] = '\0';
        payload_seal(&sealed, text, chains->key, chains->nonce, &arena);
        assert_int_equal(sealed.n_payload, chains->entries[i].n_payload);
        assert_memory_equal(sealed.payload, chains->entries[i].payload, sealed.n_payload);
        assert_string_equal(payload_open(&sealed, chains->key, &arena), text);
    }
    arena_clear(&arena);
}

static void test_a_payload_opens_with_no_other_key(void **state)
{
    struct chains *chains = *state;
    struct arena arena;

    arena_init(&arena);
    chains->key[31] ^= 1;
    assert_null(payload_open(&chains->entries[0], chains->key, &arena));
    arena_clear(&arena);
}

static void test_a_payload_opens_in_no_other_entry(void **state)
{
    struct chains *chains = *state;
    struct entry moved = chains->entries[1];
    struct arena arena;

    arena_init(&arena);
    moved.payload = chains->entries[0].payload;
    moved.n_payload = chains->entries[0].n_payload;
    assert_null(payload_open(&moved, chains->key, &arena));
    moved.n_payload = PAYLOAD_EXTRA_BYTES - 1;
    assert_null(payload_open(&moved, chains->key, &arena));
    arena_clear(&arena);
}

/* ---- walk */

/** Make the rows that the database would give: heads that fit, keys of accounts that live. */
static size_t make_rows(struct chains *chains, struct walk_row rows[ENTRIES_MAX])
{
    for (size_t i = 0; i < chains->n_entries; i++) {
        size_t last = i;

        while (last + 1 < chains->n_entries && strcmp(chains->entries[last + 1].owner_id.text,
                                                      chains->entries[i].owner_id.text) == 0)
            last++;
        rows[i] = (struct walk_row){
            .entry = chains->entries[i],
            .head = {.is_there = true, .number = chains->entries[last].number, .key = chains->key}};
        memcpy(rows[i].head.hash, chains->entries[last].hash, ENTRY_HASH_BYTES);
    }
    return chains->n_entries;
}

static void walk_rows(struct chains *chains, const struct walk_row *rows, size_t n_rows)
{
    struct walk walk;

    walk_init(&walk, &chains->findings);
    for (size_t i = 0; i < n_rows; i++)
        walk_add(&walk, &rows[i]);
    walk_end(&walk);
    assert_int_equal(walk.n_entries, n_rows);
}

static void assert_found(const struct chains *chains, size_t i, const struct uuid *owner_id,
                         int64_t number, const char *part)
{
    assert_true(i < chains->n_found);
    assert_int_equal(chains->found[i].kind, FINDING_FAULT);
    assert_string_equal(chains->found[i].owner_id.text, owner_id->text);
    assert_int_equal(chains->found[i].number, number);
    assert_non_null(strstr(chains->found[i].text, part));
}

static void test_chains_as_they_were_appended_have_no_fault(void **state)
{
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(*state, rows);
    struct chains *chains = *state;

    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 0);
}

static void test_a_changed_field_is_found_where_it_is(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    rows[2].head.key = NULL; /* leave the payload out of it */
    rows[2].head.is_erased = true;
    rows[2].entry.occurred_at++;
    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 1);
    assert_found(chains, 0, &rows[2].entry.owner_id, 3, "a field was changed");
}

static void test_a_changed_entry_with_a_fitting_digest_breaks_the_link(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    rows[3].entry.subject = "another";
    entry_compute_digest(&rows[3].entry, rows[3].entry.digest);
    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 1);
    assert_found(chains, 0, &rows[3].entry.owner_id, 4, "does not follow");
}

static void test_a_missing_entry_is_named(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    memmove(&rows[1], &rows[3], (n_rows - 3) * sizeof(rows[0]));
    walk_rows(chains, rows, n_rows - 2);
    assert_int_equal(chains->n_found, 1);
    assert_found(chains, 0, &rows[0].entry.owner_id, 2, "from here to 3 are missing");
}

static void test_two_swapped_entries_are_named(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX], swap;
    size_t n_rows = make_rows(chains, rows);

    swap = rows[3];
    rows[3] = rows[4];
    rows[4] = swap;
    rows[3].entry.number = 4;
    rows[4].entry.number = 5;
    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 3);
    assert_found(chains, 0, &rows[3].entry.owner_id, 4, "does not follow");
    assert_found(chains, 1, &rows[3].entry.owner_id, 5, "does not follow");
    assert_found(chains, 2, &rows[3].entry.owner_id, 5, "hash of the head");
}

static void test_a_cut_tail_is_found_by_the_head(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    walk_rows(chains, rows, n_rows - 1);
    assert_int_equal(chains->n_found, 1);
    assert_found(chains, 0, &rows[n_rows - 2].entry.owner_id, 3, "the tail is missing");
}

static void test_an_entry_beyond_the_head_is_found(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    for (size_t i = 5; i < n_rows; i++)
        rows[i].head.number = 2;
    walk_rows(chains, rows, n_rows);
    assert_found(chains, 0, &rows[5].entry.owner_id, 3, "beyond the head");
}

static void test_a_chain_without_a_head_is_found(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    for (size_t i = 5; i < n_rows; i++)
        rows[i].head = (struct walk_head){0};
    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 1);
    assert_found(chains, 0, &rows[5].entry.owner_id, 0, "no head");
}

static void test_keys_are_there_exactly_while_accounts_are(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    for (size_t i = 0; i < n_rows; i++) {
        rows[i].head.is_erased = i < 5;
        rows[i].head.key = i < 5 ? chains->key : NULL;
    }
    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 2);
    assert_found(chains, 0, &rows[0].entry.owner_id, 0, "key is still there");
    assert_found(chains, 1, &rows[5].entry.owner_id, 0, "key is gone");
}

static void test_a_changed_key_is_found(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    chains->key[0] ^= 1;
    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 5); /* one for each payload */
    assert_found(chains, 0, &rows[0].entry.owner_id, 1, "does not open");
}

static void test_a_malformed_row_is_a_fault_and_no_crash(void **state)
{
    struct chains *chains = *state;
    struct walk_row rows[ENTRIES_MAX];
    size_t n_rows = make_rows(chains, rows);

    rows[1].is_malformed = true;
    walk_rows(chains, rows, n_rows);
    assert_int_equal(chains->n_found, 1);
    assert_found(chains, 0, &rows[1].entry.owner_id, 2, "wrong size");
}

#define CHAIN_TEST(test) cmocka_unit_test_setup_teardown(test, read_chains, free_chains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_TEST(test_digests_are_those_of_the_document),
        CHAIN_TEST(test_hashes_are_those_of_the_document),
        cmocka_unit_test(test_the_same_bytes_cut_elsewhere_have_another_digest),
        cmocka_unit_test(test_no_payload_is_not_an_empty_one),
        CHAIN_TEST(test_sealing_gives_the_payloads_of_the_document),
        CHAIN_TEST(test_a_payload_opens_with_no_other_key),
        CHAIN_TEST(test_a_payload_opens_in_no_other_entry),
        CHAIN_TEST(test_chains_as_they_were_appended_have_no_fault),
        CHAIN_TEST(test_a_changed_field_is_found_where_it_is),
        CHAIN_TEST(test_a_changed_entry_with_a_fitting_digest_breaks_the_link),
        CHAIN_TEST(test_a_missing_entry_is_named),
        CHAIN_TEST(test_two_swapped_entries_are_named),
        CHAIN_TEST(test_a_cut_tail_is_found_by_the_head),
        CHAIN_TEST(test_an_entry_beyond_the_head_is_found),
        CHAIN_TEST(test_a_chain_without_a_head_is_found),
        CHAIN_TEST(test_keys_are_there_exactly_while_accounts_are),
        CHAIN_TEST(test_a_changed_key_is_found),
        CHAIN_TEST(test_a_malformed_row_is_a_fault_and_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
