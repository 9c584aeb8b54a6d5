#include "services/backend/domain/task_text.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Capitals in runs: each `step`th character from `first` to `last` has its small letter `to_small`
 * further on. */
static const struct fold_run {
    uint32_t first, last;
    uint32_t step;
    int32_t to_small;
} fold_runs[] = {
    {0x41, 0x5A, 1, 32},        /* Latin */
    {0xC0, 0xD6, 1, 32},        /* with accents */
    {0xD8, 0xDE, 1, 32},        /* from Ø to Þ */
    {0x100, 0x12E, 2, 1},       /* Latin Extended-A */
    {0x132, 0x136, 2, 1},       /* Ĳ, Ĵ, Ķ */
    {0x139, 0x147, 2, 1},       /* from Ĺ to Ň */
    {0x14A, 0x176, 2, 1},       /* from Ŋ to Ŷ */
    {0x178, 0x178, 1, -121},    /* Ÿ */
    {0x179, 0x17D, 2, 1},       /* Ź, Ż, Ž */
    {0x18F, 0x18F, 1, 202},     /* Azerbaijani Ə */
    {0x1A0, 0x1A0, 1, 1},       /* Vietnamese Ơ */
    {0x1AF, 0x1AF, 1, 1},       /* Vietnamese Ư */
    {0x1CD, 0x1DB, 2, 1},       /* Pinyin */
    {0x1DE, 0x1EE, 2, 1},       /* Sami and others */
    {0x1F8, 0x21E, 2, 1},       /* Romanian and others */
    {0x386, 0x386, 1, 38},      /* Greek */
    {0x388, 0x38A, 1, 37},      /* with tonos */
    {0x38C, 0x38C, 1, 64},      /* with tonos */
    {0x38E, 0x38F, 1, 63},      /* with tonos */
    {0x391, 0x3A1, 1, 32},      /* from Alpha to Rho */
    {0x3A3, 0x3AB, 1, 32},      /* from Sigma on */
    {0x3C2, 0x3C2, 1, 1},       /* final sigma */
    {0x400, 0x40F, 1, 80},      /* Cyrillic */
    {0x410, 0x42F, 1, 32},      /* Russian */
    {0x460, 0x480, 2, 1},       /* Church Slavonic */
    {0x48A, 0x4BE, 2, 1},       /* Kazakh and others */
    {0x4C0, 0x4C0, 1, 15},      /* Palochka */
    {0x4C1, 0x4CD, 2, 1},       /* Chukchi and others */
    {0x4D0, 0x52E, 2, 1},       /* Tatar and others */
    {0x531, 0x556, 1, 48},      /* Armenian */
    {0x1C90, 0x1CBA, 1, -3008}, /* Georgian */
    {0x1E00, 0x1E94, 2, 1},     /* Latin with marks */
    {0x1E9E, 0x1E9E, 1, -7615}, /* capital sharp s */
    {0x1EA0, 0x1EFE, 2, 1},     /* Vietnamese */
    {0xFF21, 0xFF3A, 1, 32},    /* full width Latin */
};
enum { N_FOLD_RUNS = sizeof(fold_runs) / sizeof(fold_runs[0]) };

/* Read the character at `*at` and step over it; 0 at the end. */
static uint32_t next_character(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    uint32_t lead = bytes[0];
    size_t n_more = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    uint32_t character = n_more == 0 ? lead : lead & (0x3Fu >> n_more);

    if (lead == 0)
        return 0;
    for (size_t i = 1; i <= n_more; i++)
        character = character << 6 | (bytes[i] & 0x3Fu);
    *at += n_more + 1;
    return character;
}

static char *put_character(uint32_t character, char *to)
{
    size_t n_more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};

    *to++ = (char)(leads[n_more] | character >> (6 * n_more));
    while (n_more-- > 0)
        *to++ = (char)(0x80 | (character >> (6 * n_more) & 0x3F));
    return to;
}

/* Source: Unicode, PropList.txt, White_Space. */
static bool is_space(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } spaces[] = {
        {0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
        {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
    };

    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0] && spaces[i].first <= character; i++)
        if (character <= spaces[i].last)
            return true;
    return false;
}

char *task_text_trim(const char *text, struct arena *arena)
{
    const char *from = text, *to = text;
    bool has_begun = false;

    for (const char *at = text; *at != '\0';) {
        const char *here = at;

        if (is_space(next_character(&at)))
            continue;
        if (!has_begun)
            from = here;
        has_begun = true;
        to = at;
    }
    return has_begun ? arena_copy_bytes(arena, from, (size_t)(to - from))
                     : arena_copy_text(arena, "");
}

bool task_text_is_one_line(const char *text)
{
    uint32_t character;

    while ((character = next_character(&text)) != 0)
        if ((character >= 0x0A && character <= 0x0D) || character == 0x85 || character == 0x2028 ||
            character == 0x2029)
            return false;
    return true;
}

static uint32_t fold_character(uint32_t character)
{
    for (size_t i = 0; i < N_FOLD_RUNS && fold_runs[i].first <= character; i++)
        if (character <= fold_runs[i].last &&
            (character - fold_runs[i].first) % fold_runs[i].step == 0)
            return (uint32_t)((int32_t)character + fold_runs[i].to_small);
    return character;
}

char *task_text_fold(const char *text, struct arena *arena)
{
    char *fold =
        arena_new(arena, strlen(text) + 1); /* no small letter is longer than its capital */
    char *to = fold;
    uint32_t character;

    while ((character = next_character(&text)) != 0)
        to = put_character(fold_character(character), to);
    return fold;
}

struct json_texts task_text_fold_all(const struct json_texts *texts, struct arena *arena)
{
    struct json_texts folds = {ARENA_NEW_ARRAY(arena, texts->n_items, const char *),
                               texts->n_items};

    for (size_t i = 0; i < texts->n_items; i++)
        folds.items[i] = task_text_fold(texts->items[i], arena);
    return folds;
}
