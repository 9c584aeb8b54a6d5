#include "services/backend/domain/email.h"

#include <string.h>

/* RFC 5322 §3.2.3 atext, less what is never seen but in attacks on mail headers */
static const char LOCAL_MARKS[] = "!#$%&'*+-/=?^_`{|}~";

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool check_local(const char *local, size_t n_bytes, struct err *err)
{
    if (n_bytes == 0 || n_bytes > EMAIL_LOCAL_MAX)
        return err_add_field(err, "email", "has %zu characters before the @; 1 to %d", n_bytes,
                             EMAIL_LOCAL_MAX);
    for (size_t i = 0; i < n_bytes; i++) {
        char c = local[i];
        bool is_dot_inside = c == '.' && i > 0 && i + 1 < n_bytes && local[i - 1] != '.';

        if (!is_dot_inside && !is_alnum(c) && (c == '\0' || strchr(LOCAL_MARKS, c) == NULL))
            return err_add_field(err, "email", "has a character before the @ that is not allowed");
    }
    return true;
}

static bool is_label(const char *label, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > EMAIL_LABEL_MAX || label[0] == '-' || label[n_bytes - 1] == '-')
        return false;
    for (size_t i = 0; i < n_bytes; i++)
        if (!is_alnum(label[i]) && label[i] != '-')
            return false;
    return true;
}

static bool check_domain(const char *domain, struct err *err)
{
    const char *label = domain;
    size_t n_labels = 0;

    for (;;) {
        size_t n_bytes = strcspn(label, ".");

        if (!is_label(label, n_bytes))
            break;
        n_labels++;
        if (label[n_bytes] == '\0') {
            bool is_name = n_labels >= 2 && strspn(label, "0123456789") != n_bytes;

            if (is_name)
                return true;
            break;
        }
        label += n_bytes + 1;
    }
    return err_add_field(err, "email",
                         "has no domain name like example.org after the @ (ASCII form, labels of "
                         "1 to %d characters)",
                         EMAIL_LABEL_MAX);
}

bool email_normalise(const char *text, struct arena *arena, const char **email, struct err *err)
{
    size_t n_bytes = strlen(text);
    char *lower = arena_copy_text(arena, text);

    if (n_bytes > EMAIL_MAX)
        return err_add_field(err, "email", "is %zu bytes long; at most %d", n_bytes, EMAIL_MAX);
    for (char *c = lower; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    const char *at = strrchr(lower, '@');

    if (at == NULL)
        return err_add_field(err, "email", "has no @");
    if (!check_local(lower, (size_t)(at - lower), err) || !check_domain(at + 1, err))
        return false;
    *email = lower;
    return true;
}
