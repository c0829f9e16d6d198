/* SPDX-License-Identifier: MIT */
/*
 * conf.c: the settings, one row each.
 *
 * The table is the only place that knows a setting: the environment, the file,
 * --help, the sample file and the README's table all come from its rows.
 */
#include "base/conf.h"
#include "base/auto.h"
#include "base/proxy.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct conf conf;

enum setting_type { TEXT, NUMBER, SWITCH };

struct setting {
    const char *name;
    enum setting_type type;
    size_t at;              /* offsetof in struct conf */
    const char *preset;     /* default, as text; "" may be filled in by conf_derive() */
    const char *preset_doc; /* what the documentation says of it, when that differs */
    long long min, max;     /* NUMBER only */
    const char *unit;
    bool secret;
    const char *help;
};

#define AT(field) offsetof(struct conf, field)

/* clang-format off */
static const struct setting settings[] = {
    {.name = "POLLUX_HOME", .at = AT(home), .preset_doc = "var/ of the checkout",
     .help = "directory of everything Pollux writes: database, sockets, logs, master key"},
    {.name = "POLLUX_LISTEN", .at = AT(listen), .preset = "127.0.0.1:8080",
     .help = "address and port of the web server that make run and make start bring up"},
    {.name = "POLLUX_SERVER", .at = AT(server), .preset = "lighttpd",
     .help = "that web server: lighttpd or apache"},
    {.name = "POLLUX_UPSTREAM", .at = AT(upstream), .preset = "https://generativelanguage.googleapis.com",
     .help = "where the Gemini API is"},
    {.name = "POLLUX_CODE_ASSIST", .at = AT(code_assist),
     .preset = "https://cloudcode-pa.googleapis.com/v1internal",
     .help = "where Code Assist is, for OAuth accounts that use it"},
    {.name = "POLLUX_OAUTH_AUTH_URL", .at = AT(oauth_auth_url),
     .preset = "https://accounts.google.com/o/oauth2/v2/auth",
     .help = "where a browser logs an OAuth account in"},
    {.name = "POLLUX_OAUTH_TOKEN_URL", .at = AT(oauth_token_url),
     .preset = "https://oauth2.googleapis.com/token", .help = "where OAuth tokens come from"},
    {.name = "POLLUX_OAUTH_USERINFO_URL", .at = AT(oauth_userinfo_url),
     .preset = "https://www.googleapis.com/oauth2/v2/userinfo",
     .help = "where Google says whose an access token is"},
    {.name = "POLLUX_DATABASE", .at = AT(database), .preset_doc = "the private cluster", .secret = true,
     .help = "libpq connection string of the workers; empty: a private PostgreSQL under POLLUX_HOME"},
    {.name = "POLLUX_DATABASE_OWNER", .at = AT(database_owner), .preset_doc = "POLLUX_DATABASE",
     .secret = true, .help = "libpq connection string of `pollux migrate` and the command line"},
    {.name = "GEMINI_API_KEYS", .at = AT(keys), .secret = true,
     .help = "API keys to import at start, separated by commas, spaces or newlines"},
    {.name = "POLLUX_KEYS_DIR", .at = AT(keys_dir),
     .help = "directory whose files hold API keys; read at start and then every keys_folder_s seconds"},
    {.name = "POLLUX_MASTER_KEY_FILE", .at = AT(master_key_file), .preset_doc = "POLLUX_HOME/master.key",
     .help = "file with the key that seals the credentials in the database; back it up"},
    {.name = "POLLUX_PREFIX", .at = AT(prefix),
     .help = "path below which everything is served, such as /pollux"},
    {.name = "POLLUX_PROXY", .at = AT(proxy), .secret = true,
     .help = "http, https, socks5 or socks5h proxy for all upstream calls: socks5h://user:password@host:port"},
    {.name = "POLLUX_TRUSTED_PROXIES", .at = AT(trusted_proxies),
     .help = "addresses and networks of proxies in front of the web server, separated by commas: only they "
             "are believed when they say who the client is"},
    {.name = "POLLUX_FORWARDED_HEADER", .at = AT(forwarded_header), .preset = "X-Forwarded-For",
     .help = "the header in which they say it: X-Forwarded-For or Forwarded"},
    {.name = "POLLUX_CORS_ORIGINS", .at = AT(cors_origins),
     .help = "origins of web pages that may call, separated by commas, or *; empty: none"},
    {.name = "POLLUX_FETCH_URLS", .type = SWITCH, .at = AT(fetch_urls), .preset = "off",
     .help = "whether image URLs in OpenAI requests may be fetched (public addresses only)"},
    {.name = "POLLUX_WORKERS", .type = NUMBER, .at = AT(workers), .preset = "2", .min = 1, .max = 256,
     .help = "worker processes"},
    {.name = "POLLUX_THREADS", .type = NUMBER, .at = AT(threads), .preset = "2500", .min = 1, .max = 30000,
     .help = "requests that one worker serves at the same time at the most"},
    {.name = "POLLUX_DB_CONNECTIONS", .type = NUMBER, .at = AT(db_connections), .preset = "3", .min = 1,
     .max = 64, .help = "database connections of one worker for reservations (one more settles)"},
    {.name = "POLLUX_SOCKET", .at = AT(socket), .preset_doc = "POLLUX_HOME/run/pollux.sock",
     .help = "FastCGI socket between web server and workers"},
    {.name = "POLLUX_WRITE_TIMEOUT", .type = NUMBER, .at = AT(write_timeout), .preset = "60", .min = 1,
     .max = 3600, .unit = "s", .help = "time that a client may take to accept the next bytes"},
    {.name = "POLLUX_HEARTBEAT", .type = NUMBER, .at = AT(heartbeat), .preset = "15", .min = 0, .max = 3600,
     .unit = "s", .help = "silence on a stream after which a heartbeat is sent; 0: never"},
    {.name = "POLLUX_DRAIN", .type = NUMBER, .at = AT(drain), .preset = "600", .min = 0, .max = 86400,
     .unit = "s", .help = "time that running requests get to finish when Pollux is stopped"},
    {.name = "POLLUX_BODY_MAX", .type = NUMBER, .at = AT(body_max), .preset = "209715200", .min = 1024,
     .max = 1LL << 40, .unit = "bytes", .help = "largest request body (file uploads are not limited by it)"},
    {.name = "POLLUX_BODY_BUDGET", .type = NUMBER, .at = AT(body_budget), .preset = "2147483648",
     .min = 1024, .max = 1LL << 45, .unit = "bytes",
     .help = "request bodies that one worker holds in memory at the same time"},
    {.name = "POLLUX_ANSWER_MAX", .type = NUMBER, .at = AT(answer_max), .preset = "268435456",
     .min = 65536, .max = 1LL << 40, .unit = "bytes",
     .help = "largest single answer or stream event that is held in memory"},
    {.name = "POLLUX_STATUS_FILE", .at = AT(status_file),
     .help = "file that /status.txt is written to from time to time, by one worker of each machine; empty: none"},
    {.name = "POLLUX_LOG_LEVEL", .at = AT(log_level), .preset = "info",
     .help = "error, warn, info or debug"},
};
/* clang-format on */

enum { SETTINGS = sizeof settings / sizeof *settings };

static char *values[SETTINGS]; /* the text in force; lives as long as the process */

/* What was a setting of the process once and is one of the database now, where it acts on running workers. */
static const struct {
    const char *name, *now;
} moved[] = {
    {"POLLUX_ATTEMPTS", "retries"},
    {"POLLUX_CONNECT_TIMEOUT", "connect_timeout_ms"},
    {"POLLUX_FIRST_BYTE_TIMEOUT", "first_byte_timeout_ms"},
    {"POLLUX_IDLE_TIMEOUT", "idle_timeout_ms"},
    {"POLLUX_TOTAL_TIMEOUT", "total_timeout_ms"},
};

/* Rather an error than a time-out that silently is another one. True if the name is not among them. */
static bool not_moved(const char *name, size_t n, struct fault *f)
{
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        if (strlen(moved[i].name) == n && strncmp(moved[i].name, name, n) == 0)
            return fault_set(f, FAULT_BAD_REQUEST,
                             "%s is not read any more: remove it, and use `pollux setting set %s VALUE`",
                             moved[i].name, moved[i].now);
    return true;
}

static const char *preset_of(const struct setting *s)
{
    return s->preset != NULL ? s->preset : "";
}

static size_t setting_index(const char *name, size_t n)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (strlen(settings[i].name) == n && strncmp(settings[i].name, name, n) == 0)
            return i;
    return SETTINGS;
}

char *conf_install_path(const char *below)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return xstrdup(below);
    exe[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(exe, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    auto_buf path = {0};
    buf_printf(&path, "%s/%s", exe, below);
    return buf_take(&path);
}

/* One line of the file: NAME=value, spaces around both are dropped, # begins a comment line. */
static bool read_line(char *line, const char *path, int number, struct fault *f)
{
    char *s = line + strspn(line, " \t");
    s[strcspn(s, "\r\n")] = '\0';
    if (*s == '\0' || *s == '#')
        return true;
    if (strncmp(s, "export ", 7) == 0)
        s += 7;
    char *eq = strchr(s, '=');
    if (eq == NULL)
        return fault_set(f, FAULT_BAD_REQUEST, "%s line %d: write NAME=value", path, number);
    size_t i = setting_index(s, (size_t)(eq - s));
    if (!not_moved(s, (size_t)(eq - s), f))
        return false;
    if (i == SETTINGS)
        return fault_set(f, FAULT_BAD_REQUEST, "%s line %d: there is no setting %.*s; see pollux.fcgi --help",
                         path, number, (int)(eq - s), s);
    char *value = eq + 1 + strspn(eq + 1, " \t");
    size_t n = strlen(value);
    while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        n--;
    if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
        value++;
        n -= 2;
    }
    free(values[i]);
    values[i] = xstrndup(value, n);
    return true;
}

static bool read_file(const char *path, struct fault *f)
{
    auto_file in = fopen(path, "re");
    if (in == NULL && errno == ENOENT)
        return true;
    if (in == NULL)
        return fault_set(f, FAULT_BAD_REQUEST, "cannot read %s: %s", path, strerror(errno));
    auto_str line = NULL;
    size_t cap = 0;
    for (int number = 1; getline(&line, &cap, in) >= 0; number++)
        if (!read_line(line, path, number, f))
            return false;
    return true;
}

static bool check_environment(struct fault *f)
{
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        if (getenv(moved[i].name) != NULL)
            return not_moved(moved[i].name, strlen(moved[i].name), f);
    return true;
}

static void read_environment(void)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *value = getenv(settings[i].name);
        if (value == NULL)
            continue;
        free(values[i]);
        values[i] = xstrdup(value);
    }
}

static bool store_number(const struct setting *s, const char *text, struct fault *f)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || v < s->min || v > s->max)
        return fault_set(f, FAULT_BAD_REQUEST, "%s is '%s': give a whole number from %lld to %lld%s%s",
                         s->name, text, s->min, s->max, s->unit ? " " : "", s->unit ? s->unit : "");
    memcpy((char *)&conf + s->at, &v, sizeof v);
    return true;
}

static bool store_switch(const struct setting *s, const char *text, struct fault *f)
{
    bool on = strcasecmp(text, "on") == 0 || strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
              strcasecmp(text, "yes") == 0;
    bool off = strcasecmp(text, "off") == 0 || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0 ||
               strcasecmp(text, "no") == 0 || *text == '\0';
    if (!on && !off)
        return fault_set(f, FAULT_BAD_REQUEST, "%s is '%s': write on or off", s->name, text);
    memcpy((char *)&conf + s->at, &on, sizeof on);
    return true;
}

static bool store(size_t i, struct fault *f)
{
    const struct setting *s = &settings[i];
    if (values[i] == NULL)
        values[i] = xstrdup(preset_of(s));
    if (s->type == NUMBER)
        return store_number(s, *values[i] ? values[i] : preset_of(s), f);
    if (s->type == SWITCH)
        return store_switch(s, values[i], f);
    const char *text = values[i];
    memcpy((char *)&conf + s->at, &text, sizeof text);
    return true;
}

/* Fills in a text setting that was left empty. */
static void derive(const char **field, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void derive(const char **field, const char *fmt, ...)
{
    if (**field != '\0')
        return;
    auto_buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    char *made = buf_take(&text);
    for (size_t i = 0; i < SETTINGS; i++)
        if ((const char **)(void *)((char *)&conf + settings[i].at) == field) {
            free(values[i]);
            values[i] = made;
        }
    *field = made;
}

static bool check_urls(struct fault *f)
{
    const struct {
        const char *name, *url;
    } urls[] = {
        {"POLLUX_UPSTREAM", conf.upstream},
        {"POLLUX_CODE_ASSIST", conf.code_assist},
        {"POLLUX_OAUTH_AUTH_URL", conf.oauth_auth_url},
        {"POLLUX_OAUTH_TOKEN_URL", conf.oauth_token_url},
        {"POLLUX_OAUTH_USERINFO_URL", conf.oauth_userinfo_url},
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const char *url = urls[i].url;
        bool http = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
        if (!http || url[strlen(url) - 1] == '/')
            return fault_set(f, FAULT_BAD_REQUEST, "%s is '%s': write https://host without a slash at the end",
                             urls[i].name, url);
    }
    size_t n = strlen(conf.prefix);
    if (n > 0 && (conf.prefix[0] != '/' || conf.prefix[n - 1] == '/'))
        return fault_set(f, FAULT_BAD_REQUEST,
                         "POLLUX_PREFIX is '%s': begin it with a slash and end it without one", conf.prefix);
    return *conf.proxy == '\0' || proxy_check("POLLUX_PROXY", conf.proxy, f);
}

static bool check_proxies(struct fault *f)
{
    conf.forwarded = strcasecmp(conf.forwarded_header, "Forwarded") == 0;
    if (!conf.forwarded && strcasecmp(conf.forwarded_header, "X-Forwarded-For") != 0)
        return fault_set(f, FAULT_BAD_REQUEST,
                         "POLLUX_FORWARDED_HEADER is '%s': write X-Forwarded-For or Forwarded",
                         conf.forwarded_header);
    return network_list_parse("POLLUX_TRUSTED_PROXIES", conf.trusted_proxies, &conf.trusted, f);
}

/* The home as an absolute path: new. It also follows the link that an unreachable checkout gets. */
static char *absolute_home(const char *given)
{
    auto_str preset = conf_install_path("var");
    const char *path = *given != '\0' ? given : preset;
    char *real = realpath(path, NULL);
    auto_str here = getcwd(NULL, 0);
    if (real != NULL)
        return real;
    if (path[0] == '/' || here == NULL)
        return xstrdup(path);
    auto_buf absolute = {0};
    buf_printf(&absolute, "%s/%s", here, path);
    return buf_take(&absolute);
}

/* A value for a libpq connection string: in quotes, with what would end them escaped. New. */
static char *quoted(const char *value, const char *more)
{
    auto_buf text = {0};
    buf_putc(&text, '\'');
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\'' || *p == '\\')
            buf_putc(&text, '\\');
        buf_putc(&text, *p);
    }
    buf_printf(&text, "%s'", more);
    return buf_take(&text);
}

bool conf_load(struct fault *f)
{
    if (!check_environment(f))
        return false;
    read_environment();
    size_t home = setting_index("POLLUX_HOME", strlen("POLLUX_HOME"));
    auto_str where = absolute_home(values[home] != NULL ? values[home] : "");
    auto_buf path = {0};
    buf_printf(&path, "%s/pollux.conf", where);
    if (!read_file(buf_str(&path), f))
        return false;
    read_environment();
    free(values[home]);
    values[home] = xstrdup(where); /* the file cannot move the place where it was found */
    for (size_t i = 0; i < SETTINGS; i++)
        if (!store(i, f))
            return false;
    derive(&conf.socket, "%s/run/pollux.sock", conf.home);
    derive(&conf.master_key_file, "%s/master.key", conf.home);
    bool private_cluster = *conf.database == '\0';
    auto_str host = quoted(conf.home, "/run");
    derive(&conf.database, "host=%s port=5432 dbname=pollux user=pollux_app", host);
    if (private_cluster)
        derive(&conf.database_owner, "host=%s port=5432 dbname=pollux user=pollux_owner", host);
    else
        derive(&conf.database_owner, "%s", conf.database);
    return check_urls(f) && check_proxies(f);
}

static const char *shown_preset(const struct setting *s)
{
    return s->preset_doc != NULL ? s->preset_doc : preset_of(s);
}

void conf_print_help(FILE *out)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        fprintf(out, "  %-26s %s", s->name, s->help);
        if (*shown_preset(s) != '\0')
            fprintf(out, " [%s%s%s]", shown_preset(s), s->unit ? " " : "", s->unit ? s->unit : "");
        fputc('\n', out);
    }
}

void conf_print_sample(FILE *out)
{
    fputs("# pollux.conf: lines NAME=value. The environment wins over this file.\n", out);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        if (strcmp(s->name, "POLLUX_HOME") == 0)
            continue;
        fprintf(out, "\n# %s%s%s%s\n#%s=%s\n", s->help, s->unit ? " (" : "", s->unit ? s->unit : "",
                s->unit ? ")" : "", s->name, preset_of(s));
    }
}

void conf_print_markdown(FILE *out)
{
    fputs("| setting | default | what it is |\n|---|---|---|\n", out);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        const char *preset = shown_preset(s);
        fprintf(out, "| `%s` | %s%s%s | %s |\n", s->name, preset, s->unit ? " " : "", s->unit ? s->unit : "",
                s->help);
    }
}

void conf_print_values(FILE *out)
{
    for (size_t i = 0; i < SETTINGS; i++)
        fprintf(out, "%s=%s\n", settings[i].name,
                settings[i].secret && *values[i] != '\0' ? "(set)" : values[i]);
}
