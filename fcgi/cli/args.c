/* SPDX-License-Identifier: MIT */
/*
 * args.c: a command line, split by its row of the command table.
 *
 * Options stand anywhere among the arguments, as `--x v` or `--x=v`; `--` ends
 * them. A lone `-` is an argument. Mistyped words get the nearest right one.
 */
#include "cli/cli.h"

#include "base/auto.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static const struct cli_option json_option = {.name = "json", .help = "print JSON"};
static const struct cli_option help_option = {.name = "help", .help = "explain this command"};

/* ---- nearest word ---- */

enum { WORD_MAX = 32 };

/* How many letters have to be changed, added, dropped or swapped with their neighbour. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1] = {{0}}, an = strlen(a), bn = strlen(b);
    if (an > WORD_MAX || bn > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= bn; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[an % 3][bn];
}

const char *cli_nearest(const char *typed, const char *const *words, size_t n, size_t stride)
{
    const char *best = NULL;
    size_t least = strlen(typed) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        const char *word = *(const char *const *)(const void *)((const char *)words + i * stride);
        size_t d = word != NULL ? distance(typed, word) : WORD_MAX;
        if (d < least && d < strlen(typed)) {
            best = word;
            least = d;
        }
    }
    return best;
}

/* ---- usage ---- */

static size_t options_of(const struct cli_command *c)
{
    size_t n = 0;
    while (n < CLI_OPTIONS_MAX && c->options[n].name != NULL)
        n++;
    return n;
}

static void put_name(const struct cli_command *c, FILE *out)
{
    fprintf(out, "pollux %s%s%s", c->noun, c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "");
}

static void put_synopsis(const struct cli_command *c, FILE *out)
{
    fputs("usage: ", out);
    put_name(c, out);
    for (size_t i = 0; i < options_of(c); i++) {
        const struct cli_option *o = &c->options[i];
        fprintf(out, " [--%s%s%s]", o->name, o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    }
    fputs(" [--json]", out);
    fprintf(out, "%s%s\n", c->arguments != NULL ? " " : "", c->arguments != NULL ? c->arguments : "");
}

static void put_option(const struct cli_option *o, FILE *out)
{
    auto_buf left = {0};
    buf_printf(&left, "--%s%s%s", o->name, o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    fprintf(out, "  %-24s %s\n", buf_str(&left), o->help);
}

void cli_usage(const struct cli_command *c, FILE *out)
{
    put_synopsis(c, out);
    fprintf(out, "\n%s\n\n", c->summary);
    for (size_t i = 0; i < options_of(c); i++)
        put_option(&c->options[i], out);
    put_option(&json_option, out);
    put_option(&help_option, out);
    if (c->help != NULL)
        fprintf(out, "\n%s\n", c->help);
}

int cli_wrong(const struct cli *cli, const char *why, ...)
{
    auto_buf text = {0};
    va_list ap;
    va_start(ap, why);
    buf_vprintf(&text, why, ap);
    va_end(ap);
    cli_say("%s", buf_str(&text));
    put_synopsis(cli->command, stderr);
    return CLI_WRONG;
}

/* ---- splitting ---- */

static bool unknown_option(const struct cli *cli, const char *name, size_t n)
{
    const char *words[CLI_OPTIONS_MAX + 2];
    size_t count = options_of(cli->command);
    for (size_t i = 0; i < count; i++)
        words[i] = cli->command->options[i].name;
    words[count++] = "json";
    words[count++] = "help";
    auto_str typed = xstrndup(name, n);
    const char *near = cli_nearest(typed, words, count, sizeof *words);
    if (near != NULL)
        cli_wrong(cli, "there is no option --%s; did you mean --%s?", typed, near);
    else
        cli_wrong(cli, "there is no option --%s", typed);
    return false;
}

static const struct cli_option *find_option(const struct cli_command *c, const char *name, size_t n)
{
    const struct cli_option *common[] = {&json_option, &help_option};
    for (size_t i = 0; i < options_of(c); i++)
        if (strlen(c->options[i].name) == n && strncmp(c->options[i].name, name, n) == 0)
            return &c->options[i];
    for (size_t i = 0; i < 2; i++)
        if (strlen(common[i]->name) == n && strncmp(common[i]->name, name, n) == 0)
            return common[i];
    return NULL;
}

/* What JSON takes as a text. */
static bool is_text(const char *value)
{
    json_auto_t *text = json_string(value);
    return text != NULL;
}

static bool keep(struct cli *cli, const struct cli_option *o, const char *value)
{
    if (o == &json_option)
        cli->json = true;
    else if (o == &help_option)
        cli->help = true;
    else if (cli->given_count == CLI_GIVEN_MAX)
        return cli_wrong(cli, "those are too many options") == CLI_OK;
    else if (value != NULL && !is_text(value))
        return cli_wrong(cli, "--%s: texts are written in UTF-8", o->name) == CLI_OK;
    else {
        cli->given[cli->given_count].option = o;
        cli->given[cli->given_count++].value = value;
    }
    return true;
}

/* Takes the option at argv[*i], and its value, which may be the next word. */
static bool take_option(struct cli *cli, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *eq = strchr(name, '=');
    size_t n = eq != NULL ? (size_t)(eq - name) : strlen(name);
    const struct cli_option *o = find_option(cli->command, name, n);
    if (o == NULL)
        return unknown_option(cli, name, n);
    if (o->value == NULL && eq != NULL)
        return cli_wrong(cli, "--%s takes no value", o->name) == CLI_OK;
    if (o->value == NULL)
        return keep(cli, o, NULL);
    if (eq == NULL && *i + 1 >= argc)
        return cli_wrong(cli, "--%s needs a value: --%s %s", o->name, o->name, o->value) == CLI_OK;
    return keep(cli, o, eq != NULL ? eq + 1 : argv[++*i]);
}

static bool count_ok(const struct cli *cli)
{
    const struct cli_command *c = cli->command;
    if (cli->help)
        return true;
    if (cli->count < c->least)
        return cli_wrong(cli, "there is something missing: %s", c->arguments) == CLI_OK;
    if (c->most >= 0 && cli->count > c->most)
        return cli_wrong(cli, "%d arguments are too many: %s", cli->count,
                         c->arguments != NULL ? c->arguments : "this command takes none") == CLI_OK;
    return true;
}

bool cli_parse(struct cli *cli, int argc, char **argv)
{
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && strcmp(argv[i], "-h") == 0)
            cli->help = true;
        else if (options && strncmp(argv[i], "--", 2) == 0) {
            if (!take_option(cli, argc, argv, &i))
                return false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0')
            return cli_wrong(cli, "there is no option %s (what begins with a dash goes after `--`)", argv[i])
                   == CLI_OK;
        else
            cli->arguments[cli->count++] = argv[i];
    }
    return count_ok(cli);
}

/* ---- values ---- */

const char *cli_option(const struct cli *cli, const char *name)
{
    for (int i = cli->given_count; i-- > 0;)
        if (strcmp(cli->given[i].option->name, name) == 0)
            return cli->given[i].value;
    return NULL;
}

bool cli_flag(const struct cli *cli, const char *name)
{
    for (int i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].option->name, name) == 0)
            return true;
    return false;
}

static bool whole_number(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= 15 && strspn(text, "0123456789") == n;
}

bool cli_number(struct cli *cli, const char *name, const char **ret)
{
    const char *text = cli_option(cli, name);
    *ret = NULL;
    if (text == NULL || strcmp(text, "none") == 0)
        return true;
    if (!whole_number(text))
        return cli_wrong(cli, "--%s is a whole number or `none`, not `%s`", name, text) == CLI_OK;
    *ret = text;
    return true;
}

bool cli_limit(struct cli *cli, const char *name, json_t *patch, const char *field)
{
    const char *number;
    if (cli_option(cli, name) == NULL)
        return true;
    if (!cli_number(cli, name, &number))
        return false;
    json_object_set_new(patch, field, number != NULL ? json_integer(atoll(number)) : json_null());
    return true;
}

bool cli_price(struct cli *cli, const char *name, json_t *patch, const char *field)
{
    const char *text = cli_option(cli, name);
    if (text == NULL)
        return true;
    size_t whole = strspn(text, "0123456789");
    size_t more = text[whole] == '.' ? 1 + strspn(text + whole + 1, "0123456789") : 0;
    bool none = strcmp(text, "none") == 0;
    if (!none && (whole == 0 || whole > 9 || more == 1 || more > 10 || text[whole + more] != '\0'))
        return cli_wrong(cli, "--%s is a number such as 2.5, or `none`, not `%s`", name, text) == CLI_OK;
    json_object_set_new(patch, field, none ? json_null() : json_real(strtod(text, NULL)));
    return true;
}

void cli_word(struct cli *cli, const char *name, json_t *patch, const char *field)
{
    const char *text = cli_option(cli, name);
    if (text == NULL)
        return;
    if (strcmp(text, "none") == 0)
        json_object_set_new(patch, field, json_null());
    else if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)
        json_object_set_new(patch, field, json_boolean(strcmp(text, "on") == 0));
    else
        json_object_set_new(patch, field, json_string(text));
}

/* "30d" as "30 days"; false if it is no such thing. */
static bool read_span(const char *text, char out[static 32])
{
    static const struct {
        char letter;
        const char *word;
    } units[] = {{'h', "hours"}, {'d', "days"}, {'w', "weeks"}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || text[digits] == '\0' || text[digits + 1] != '\0')
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].letter == text[digits]) {
            snprintf(out, 32, "%.*s %s", (int)digits, text, units[i].word);
            return true;
        }
    return false;
}

/* Whether it begins like 2027-01-01: the rest is for the database to judge. */
static bool looks_dated(const char *text)
{
    static const char shape[] = "0000-00-00";
    for (size_t i = 0; shape[i] != '\0'; i++)
        if (shape[i] == '-' ? text[i] != '-' : strchr("0123456789", text[i]) == NULL || text[i] == '\0')
            return false;
    return strlen(text) < 40;
}

/* Whether a zone stands behind the time: "Z", "+02", "Europe/Rome". */
static bool names_zone(const char *text)
{
    for (const char *p = text + 10; *p != '\0'; p++)
        if (strchr("+-", *p) != NULL || (isalpha((unsigned char)*p) && *p != 'T'))
            return true;
    return false;
}

bool cli_moment(struct cli *cli, const char *name, struct cli_moment *m)
{
    const char *text = cli_option(cli, name);
    *m = (struct cli_moment){0};
    if (text == NULL || strcmp(text, "none") == 0)
        return true;
    if (read_span(text, m->span)) {
        m->away = m->span;
        return true;
    }
    if (!looks_dated(text))
        return cli_wrong(cli, "--%s is a date like 2027-01-01 or a span like 30d, not `%s`", name, text)
               == CLI_OK;
    snprintf(m->text, sizeof m->text, "%s%s", text, names_zone(text) ? "" : " UTC");
    m->at = m->text;
    return true;
}

static void add_words(json_t *list, const char *text)
{
    auto_str copy = xstrdup(text);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, ", ")) != NULL;)
        if (*word != '\0' && strcmp(word, "none") != 0)
            json_array_append_new(list, json_string(word));
}

bool cli_list(struct cli *cli, const char *name, json_t **ret)
{
    json_t *list = NULL;
    bool none = false;
    for (int i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, name) != 0)
            continue;
        if (list == NULL)
            list = json_array();
        none |= strcmp(cli->given[i].value, "none") == 0;
        add_words(list, cli->given[i].value);
    }
    *ret = list;
    if (list == NULL || none || json_array_size(list) > 0)
        return true;
    json_decref(list);
    *ret = NULL;
    return cli_wrong(cli, "--%s names nothing; `none` says that on purpose", name) == CLI_OK;
}
