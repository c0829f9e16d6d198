/* SPDX-License-Identifier: MIT */
/*
 * conf.h: the settings that a process reads once, at its start.
 *
 * They come from the environment or from $POLLUX_HOME/pollux.conf (lines
 * NAME=value; the environment wins). One table in conf.c holds name, type,
 * default, unit and help; `--help`, the sample file and the README's table are
 * printed from it. What an operator changes while Pollux runs is not here but
 * in the database (pollux.setting).
 */
#ifndef POLLUX_BASE_CONF_H
#define POLLUX_BASE_CONF_H

#include "base/fault.h"
#include "base/net.h"

#include <stdbool.h>
#include <stdio.h>

struct conf {
    const char *home;           /* directory of everything Pollux writes */
    const char *listen;         /* address:port of the web server (used by the run scripts) */
    const char *server;         /* lighttpd or apache (used by the run scripts) */
    const char *database;       /* libpq connection string of the workers */
    const char *database_owner; /* libpq connection string of migrate and the command line */
    const char *upstream;       /* scheme://host[:port] of the Gemini API, without a slash at the end */
    const char *code_assist;    /* where Code Assist is, up to its version */
    const char *oauth_auth_url, *oauth_token_url, *oauth_userinfo_url; /* Google's OAuth endpoints */
    const char *proxy;          /* http://, socks5:// or socks5h:// proxy for all upstream calls, or "" */
    const char *socket;         /* path of the FastCGI socket */
    const char *prefix;         /* path prefix below which everything is served, "" or "/x" */
    const char *master_key_file;
    const char *keys; /* GEMINI_API_KEYS, imported at start */
    const char *keys_dir;
    const char *cors_origins; /* comma separated origins, "*", or "" for none */
    const char *log_level;
    const char *status_file; /* where the status is written to, or "" */
    const char *trusted_proxies, *forwarded_header;
    struct network_list trusted; /* trusted_proxies, read */
    bool forwarded;              /* the header is Forwarded, not X-Forwarded-For */
    bool fetch_urls; /* may http(s) image URLs of clients be fetched? */
    long long workers, threads, db_connections;
    long long body_max, body_budget, answer_max; /* bytes */
    long long heartbeat, drain, write_timeout;   /* seconds */
};

/* The settings of this process; valid after conf_load(). */
extern struct conf conf;

/* Reads and checks the settings. On failure false, and the fault says which setting and what it may be. */
bool conf_load(struct fault *f);

/* Print the table: as help for a terminal, as a sample file, as Markdown rows, as NAME=value in force
 * (secrets masked). */
void conf_print_help(FILE *out);
void conf_print_sample(FILE *out);
void conf_print_markdown(FILE *out);
void conf_print_values(FILE *out);

/* A path below the installation (the directory above the executable's), e.g. "sql": new. */
char *conf_install_path(const char *below);

#endif
