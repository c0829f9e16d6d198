/* SPDX-License-Identifier: MIT */
/* log.c: lines on stderr, and the one place that masks secrets; see log.h. */
#include "base/log.h"
#include "base/auto.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum log_level log_limit = LOG_LEVEL_INFO;
static _Thread_local char log_request[40];

bool log_level_set(const char *name)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (strcasecmp(name, level_names[i]) == 0) {
            log_limit = (enum log_level)i;
            return true;
        }
    return false;
}

void log_request_set(const char *id)
{
    snprintf(log_request, sizeof log_request, "%s", id != NULL ? id : "");
}

/* Marks that begin a secret: what follows, as far as it consists of token characters, is masked. Those that
 * are the beginning of a secret themselves count wherever they stand, also after "%3D" or "\n"; the others
 * only where a word begins. */
static const struct {
    const char *mark;
    size_t least; /* a shorter run after the mark is no secret */
    bool anywhere;
} secret_marks[] = {
    {"AIza", 12, true},    {"plx_", 12, true},        {"plxa_", 12, true},       {"ya29.", 8, true},       {"GOCSPX-", 8, true},
    {"AQ.", 12, false},    {"1//", 16, false},        {"Bearer ", 8, false},    {"Basic ", 6, false},
    {"key=", 8, false},    {"api_key:", 8, false},    {"api-key: ", 8, false},  {"api-key:", 8, false},
    {"token=", 8, false},  {"token\": \"", 8, false}, {"token\":\"", 8, false}, {"upload_id=", 8, false},
    {"secret=", 8, false}, {"password=", 1, false},
    /* of others: people paste them into prompts */
    {"sk-", 20, false},    {"ghp_", 20, false},       {"github_pat_", 20, false}, {"glpat-", 16, false},
    {"xoxb-", 16, false},  {"xoxp-", 16, false},      {"AKIA", 16, false},      {"eyJ", 60, false},
};

static bool token_char(unsigned char c)
{
    return isalnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '/' || c == '=' || c == '%';
}

/* The length of the secret that starts at `text` after one of the marks, 0 if none does. */
static size_t secret_at(const char *text, size_t n, bool word_begins, size_t *mark_len)
{
    int first = n > 0 ? tolower((unsigned char)*text) : 0;
    for (size_t i = 0; i < sizeof secret_marks / sizeof *secret_marks; i++) {
        if (tolower((unsigned char)secret_marks[i].mark[0]) != first ||
            (!word_begins && !secret_marks[i].anywhere))
            continue;
        size_t m = strlen(secret_marks[i].mark);
        if (n <= m || strncasecmp(text, secret_marks[i].mark, m) != 0)
            continue;
        size_t run = 0;
        while (m + run < n && token_char((unsigned char)text[m + run]))
            run++;
        if (run >= secret_marks[i].least) {
            *mark_len = m;
            return m + run;
        }
    }
    return 0;
}

void log_redact(struct buf *out, const char *text, size_t n)
{
    size_t shown = 0; /* up to where it has been copied */
    buf_reserve(out, n);
    for (size_t i = 0; i < n;) {
        bool word_begins = i == 0 || !isalnum((unsigned char)text[i - 1]);
        size_t mark = 0, secret = secret_at(text + i, n - i, word_begins, &mark);
        if (secret == 0) {
            i++;
            continue;
        }
        buf_add(out, text + shown, i + mark - shown);
        buf_puts(out, "***");
        shown = i += secret;
    }
    buf_add(out, text + shown, n - shown);
}

/* Control characters (C0, DEL, and C1, which terminals obey too) and broken UTF-8 as \xNN. */
static void add_escaped(struct buf *out, const char *text, size_t n)
{
    for (size_t i = 0, len; i<n; i += len> 0 ? len : 1) {
        len = utf8_length(text + i, n - i);
        unsigned char c = (unsigned char)text[i];
        bool c1 = len == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;
        if (len == 0 || c1 || c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\x%02x", c);
            len = 0; /* byte by byte */
        } else {
            buf_add(out, text + i, len);
        }
    }
}

static void log_line(enum log_level level, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void log_line(enum log_level level, const char *fmt, va_list ap)
{
    if (level > log_limit)
        return;
    auto_buf raw = {0}, masked = {0}, line = {0};
    buf_vprintf(&raw, fmt, ap);
    log_redact(&masked, buf_str(&raw), raw.n);
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    buf_printf(&line, "%s.%03ldZ %s %d %s ", stamp, now.tv_nsec / 1000000, level_names[level], (int)getpid(),
               log_request[0] ? log_request : "-");
    add_escaped(&line, buf_str(&masked), masked.n);
    buf_putc(&line, '\n');
    ssize_t ignored = write(STDERR_FILENO, line.p, line.n);
    (void)ignored;
}

#define LOG_FUNCTION(name, level)   \
    void name(const char *fmt, ...) \
    {                               \
        va_list ap;                 \
        va_start(ap, fmt);          \
        log_line(level, fmt, ap);   \
        va_end(ap);                 \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
