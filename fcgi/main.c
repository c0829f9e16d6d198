/* SPDX-License-Identifier: MIT */
/*
 * main.c: pollux.fcgi, the worker.
 *
 *   pollux.fcgi --serve   supervisor of POLLUX_WORKERS workers on POLLUX_SOCKET; SIGHUP starts it anew
 *   pollux.fcgi --check   whether settings and master key are such that it could
 *   pollux.fcgi           one worker, when descriptor 0 is a listening socket (a web server started it); one
 *                         request, when a web server runs it as a CGI program
 *   pollux.fcgi --help    the settings; --settings-sample, --settings-markdown, --settings print them, --routes the
 *                         table of routes as JSON
 */
#include "admin/reporter.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/streams.h"
#include "db/ledger.h"
#include "gateway/gateway.h"
#include "http/supervise.h"
#include "http/worker.h"
#include "jobs/jobs.h"
#include "routes.h"
#include "upstream/rules.h"
#include "upstream/upstream.h"
#include "vault/vault.h"

#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int die(const struct fault *f)
{
    fprintf(stderr, "pollux.fcgi: %s%s%s\n", f->said, *f->meant ? ": " : "", f->meant);
    return 1;
}

/* Two descriptors a stream and libcurl's two more; core files would hold keys; a log or spool that may not grow any
 * more is an error of its write, not the end of the worker. */
static void set_limits(void)
{
    struct rlimit files, none = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGXFSZ, SIG_IGN);
}

static char worker_id[VAULT_UUID_MAX];

/* Takes up the key file if it has changed (`pollux rotate-key`), and says which keys there are. */
static const char *master_keys(void)
{
    static char ids[(VAULT_OLD_MAX + 2) * VAULT_ID_MAX];
    static bool said;
    struct fault f = {0};
    struct vault_keys keys;
    bool ok = vault_refresh(&f);
    if (!ok && !said)
        log_error("the master keys stay as they were: %s", f.said);
    said = !ok;
    vault_keys(&keys);
    int n = snprintf(ids, sizeof ids, "%s%s%s", keys.seals, *keys.next != '\0' ? "," : "", keys.next);
    for (size_t i = 0; i < keys.old_n; i++)
        n += snprintf(ids + n, sizeof ids - (size_t)n, ",%s", keys.old[i]);
    return ids;
}

/* Everything a worker needs, in order; after forking, before threads. */
static bool set_up(int connections, struct fault *f)
{
    set_limits();
    worker_signals_block();
    json_set_alloc_funcs(xmalloc, free);
    if (!vault_open(conf.master_key_file, f))
        return false;
    upstream_init();
    vault_uuid7(worker_id);
    auto_buf spool = {0};
    buf_printf(&spool, "%s/spool", conf.home);
    const struct ledger_options o = {
        .conninfo = conf.database,
        .connections = connections,
        .worker_id = worker_id,
        .spool_dir = buf_str(&spool),
        .version = POLLUX_VERSION,
        .on_errors = rules_set,
        .master_keys = master_keys,
    };
    return ledger_start(&o, f);
}

static void tear_down(void)
{
    ledger_stop();
    upstream_end_all();
    vault_close();
}

static int work(int listen_fd)
{
    struct fault f = {0};
    if (!set_up((int)conf.db_connections, &f))
        return die(&f);
    const struct jobs_options o = {
        .conninfo = conf.database, .worker_id = worker_id, .keys_dir = conf.keys_dir, .leaving = worker_draining};
    if (!jobs_start(&o, &f))
        return die(&f);
    reporter_start();
    log_info("worker is ready");
    gateway_warn();
    bool drained = worker_serve(listen_fd, routes_serve);
    reporter_stop();
    jobs_stop();
    ledger_stop();
    if (!drained) {
        log_warn("%ld requests were cut off after %lld s", worker_busy(), conf.drain);
        _exit(1); /* their threads still use what tear_down() would free */
    }
    upstream_end_all();
    vault_close();
    return 0;
}

static int serve_cgi(void)
{
    struct fault f = {0};
    if (!set_up(1, &f)) {
        printf("Status: 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n"
               "{\"error\":{\"code\":503,\"message\":\"the gateway is not set up; see the server's log\","
               "\"status\":\"UNAVAILABLE\"}}\n");
        fflush(stdout);
        return die(&f);
    }
    worker_cgi(routes_serve);
    tear_down();
    return 0;
}

static int check(void)
{
    struct fault f = {0};
    if (!vault_open(conf.master_key_file, &f)) /* rather here, once, than in every worker */
        return die(&f);
    vault_close();
    return 0;
}

static int supervise(const char *program)
{
    struct fault f = {0};
    if (check() != 0)
        return 1;
    int fd = supervise_listen(conf.socket, &f);
    if (fd < 0)
        return die(&f);
    int status = supervise_run(fd, (int)conf.workers, work, program);
    unlink(conf.socket);
    return status;
}

static int print_help(void)
{
    puts("usage: pollux.fcgi --serve | --check | --help | --settings | --settings-sample | --settings-markdown | "
         "--routes | --version\n\n"
         "The worker of Pollux, a gateway for the Gemini API. Settings come from the environment or from\n"
         "$POLLUX_HOME/pollux.conf:\n");
    conf_print_help(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    streams_fill();
    if (strcmp(option, "--help") == 0)
        return print_help();
    if (strcmp(option, "--version") == 0)
        return puts("pollux " POLLUX_VERSION) < 0;
    if (strcmp(option, "--settings-sample") == 0)
        return conf_print_sample(stdout), 0;
    if (strcmp(option, "--routes") == 0)
        return routes_print(stdout), 0;
    if (strcmp(option, "--settings-markdown") == 0)
        return conf_print_markdown(stdout), 0;
    struct fault f = {0};
    if (!conf_load(&f))
        return die(&f);
    if (!log_level_set(conf.log_level)) {
        fault_set(&f, FAULT_BAD_REQUEST, "POLLUX_LOG_LEVEL is '%s': write error, warn, info or debug",
                  conf.log_level);
        return die(&f);
    }
    if (strcmp(option, "--settings") == 0)
        return conf_print_values(stdout), 0;
    if (strcmp(option, "--serve") == 0)
        return supervise(argv[0]);
    if (strcmp(option, "--check") == 0)
        return check();
    if (worker_fd_listens(STDIN_FILENO))
        return work(STDIN_FILENO);
    if (getenv("GATEWAY_INTERFACE") != NULL)
        return serve_cgi();
    print_help();
    return 2;
}
