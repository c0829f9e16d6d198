/* SPDX-License-Identifier: MIT */
/*
 * print.c: JSON for programs, aligned columns for people.
 *
 * What comes from the database may have been written by a client (a name, a
 * model): control characters (C0, DEL, and C1, which terminals obey too) are
 * never sent to the terminal.
 */
#include "cli/cli.h"

#include "base/auto.h"

#include <string.h>

/* ---- one cell ---- */

static void put_clean(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        bool c1 = (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
        buf_putc(out, c1 || (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
        text += c1;
    }
}

/* 2026-11-20T22:45:10.123456+00:00 becomes 2026-11-20 22:45:10. */
static void put_time(struct buf *out, const char *text)
{
    size_t n = strlen(text);
    if (n < 19 || text[10] != 'T') {
        put_clean(out, text);
        return;
    }
    const char *zone = text + 19 + strspn(text + 19, ".0123456789");
    buf_printf(out, "%.10s %.8s", text, text + 11);
    if (strcmp(zone, "+00:00") != 0 && strcmp(zone, "Z") != 0)
        put_clean(out, zone);
}

static void put_scalar(struct buf *out, const json_t *value, enum cli_format format)
{
    if (json_is_string(value) && format == CLI_TIME)
        put_time(out, json_string_value(value));
    else if (json_is_string(value))
        put_clean(out, json_string_value(value));
    else if (json_is_integer(value))
        buf_printf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        buf_printf(out, "%.10g", json_real_value(value));
    else if (json_is_boolean(value))
        buf_puts(out, json_is_true(value) ? "yes" : "no");
    else {
        auto_str text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        put_clean(out, text != NULL ? text : "");
    }
}

static void put_list(struct buf *out, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (i > 0)
            buf_putc(out, ',');
        put_scalar(out, item, CLI_TEXT);
    }
}

static void put_cell(struct buf *out, const struct cli_column *c, const json_t *row)
{
    const json_t *value = json_object_get(row, c->field);
    size_t before = out->n;
    if (json_is_array(value))
        put_list(out, value);
    else if (value != NULL && !json_is_null(value))
        put_scalar(out, value, c->format);
    if (out->n == before)
        buf_puts(out, c->absent != NULL ? c->absent : "-");
}

/* ---- tables ---- */

static size_t columns_of(const struct cli_column *columns)
{
    size_t n = 0;
    while (n < 16 && columns[n].title != NULL)
        n++;
    return n;
}

/* Characters, not bytes, of UTF-8. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void settle_widths(struct cli_table *t, const struct cli_column *columns, const json_t *rows)
{
    for (size_t c = 0; c < columns_of(columns); c++) {
        size_t i;
        json_t *row;
        t->width[c] = width_of(columns[c].title);
        if (t->pages && columns[c].least > t->width[c])
            t->width[c] = columns[c].least;
        json_array_foreach(rows, i, row) {
            auto_buf cell = {0};
            put_cell(&cell, &columns[c], row);
            size_t width = width_of(buf_str(&cell));
            if (width > t->width[c])
                t->width[c] = width;
        }
    }
}

/* Adds a cell and the blanks that line it up: before a number, behind a text that is not the last. */
static void put_padded(struct buf *line, const char *text, size_t width, bool right, bool last)
{
    size_t w = width_of(text);
    int pad = w < width ? (int)(width - w) : 0;
    if (line->n > 0)
        buf_puts(line, "  ");
    if (right)
        buf_printf(line, "%*s", pad, "");
    buf_puts(line, text);
    if (!right && !last)
        buf_printf(line, "%*s", pad, "");
}

static void put_row(const struct cli_table *t, const struct cli_column *columns, const json_t *row)
{
    auto_buf line = {0};
    size_t n = columns_of(columns);
    for (size_t c = 0; c < n; c++) {
        auto_buf cell = {0};
        if (row != NULL)
            put_cell(&cell, &columns[c], row);
        put_padded(&line, row != NULL ? buf_str(&cell) : columns[c].title, t->width[c],
                   columns[c].format == CLI_NUMBER, c + 1 == n);
    }
    puts(buf_str(&line));
}

void cli_table(struct cli_table *t, const struct cli_column *columns, const json_t *rows)
{
    size_t i;
    json_t *row;
    if (!t->begun) {
        settle_widths(t, columns, rows);
        put_row(t, columns, NULL);
        t->begun = true;
    }
    json_array_foreach(rows, i, row)
        put_row(t, columns, row);
}

void cli_object(const struct cli_column *columns, const json_t *object)
{
    size_t width = 0;
    for (size_t c = 0; c < columns_of(columns); c++)
        if (width_of(columns[c].title) > width)
            width = width_of(columns[c].title);
    for (size_t c = 0; c < columns_of(columns); c++) {
        auto_buf cell = {0};
        put_cell(&cell, &columns[c], object);
        printf("%-*s  %s\n", (int)width, columns[c].title, buf_str(&cell));
    }
}

/* ---- JSON ---- */

void cli_json_open(struct cli_table *t)
{
    t->begun = false;
    fputs("[", stdout);
}

void cli_json_rows(struct cli_table *t, const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        fputs(t->begun ? ",\n  " : "\n  ", stdout);
        json_dumpf(row, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        t->begun = true;
    }
}

void cli_json_close(struct cli_table *t)
{
    puts(t->begun ? "\n]" : "]");
}

void cli_json(const json_t *value)
{
    struct cli_table t = {0};
    if (json_is_array(value)) {
        cli_json_open(&t);
        cli_json_rows(&t, value);
        cli_json_close(&t);
        return;
    }
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    putchar('\n');
}

/* ---- CSV ---- */

static void put_csv_text(struct buf *line, const char *text)
{
    bool formula = strchr("=+-@\t\r", *text) != NULL && *text != '\0' && text[1] != '\0';
    if (!formula && strpbrk(text, ",\"\r\n") == NULL) {
        buf_puts(line, text);
        return;
    }
    buf_puts(line, formula ? "\"'" : "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buf_putc(line, '"');
        buf_putc(line, *text);
    }
    buf_putc(line, '"');
}

void cli_csv(struct cli_table *t, const struct cli_column *columns, const json_t *rows)
{
    size_t i, n = columns_of(columns);
    json_t *row;
    for (size_t c = 0; c < n && !t->begun; c++)
        printf("%s%s", columns[c].field, c + 1 < n ? "," : "\r\n");
    t->begun = true;
    json_array_foreach(rows, i, row) {
        auto_buf line = {0};
        for (size_t c = 0; c < n; c++) {
            const json_t *value = json_object_get(row, columns[c].field);
            if (c > 0)
                buf_putc(&line, ',');
            if (json_is_string(value))
                put_csv_text(&line, json_string_value(value));
            else if (!json_is_null(value))
                put_scalar(&line, value, CLI_TEXT);
        }
        printf("%s\r\n", buf_str(&line));
    }
}

int cli_rows(const struct cli *cli, const struct cli_column *columns, const json_t *rows, const char *none)
{
    struct cli_table t = {0};
    if (cli->json)
        cli_json(rows);
    else if (json_array_size(rows) == 0)
        puts(none);
    else
        cli_table(&t, columns, rows);
    return CLI_OK;
}

/* One page; false at the end of the list or when it failed. *rows is the page before, then this one. */
static bool put_page(struct cli *cli, struct cli_table *t, const struct cli_column *columns, json_t **rows,
                     bool (*page)(struct cli *cli, json_t **rows, const json_t *last))
{
    json_auto_t *before = *rows;
    *rows = NULL;
    if (!page(cli, rows, json_array_get(before, json_array_size(before) - 1)))
        return false;
    size_t n = json_array_size(*rows);
    if (cli->json && before == NULL)
        cli_json_open(t);
    if (cli->json)
        cli_json_rows(t, *rows);
    t->pages = n == CLI_PAGE;
    if (!cli->json && n > 0)
        cli_table(t, columns, *rows);
    return t->pages;
}

int cli_pages(struct cli *cli, const struct cli_column *columns, const char *none,
              bool (*page)(struct cli *cli, json_t **rows, const json_t *last))
{
    struct cli_table t = {0};
    json_auto_t *rows = NULL;
    if (cli_db(cli) == NULL)
        return cli_failed(cli);
    while (put_page(cli, &t, columns, &rows, page))
        continue;
    if (cli->fault.kind != FAULT_NONE)
        return cli_failed(cli);
    if (cli->json)
        cli_json_close(&t);
    else if (!t.begun)
        puts(none);
    return CLI_OK;
}
