/* SPDX-License-Identifier: MIT */
/* generate_key.c: pollux generate-key: the file without which the database is unreadable. */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/conf.h"
#include "vault/vault.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The home of a new instance may not be there yet; deeper paths are the operator's business. */
static void make_parent(const char *path)
{
    auto_str dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash == NULL || slash == dir)
        return;
    *slash = '\0';
    mkdir(dir, 0750);
}

int generate_key(struct cli *cli)
{
    const char *path = cli->count > 0 ? cli->arguments[0] : conf.master_key_file;
    make_parent(path);
    if (!vault_generate(path, &cli->fault))
        return cli_failed(cli);
    if (cli->json) {
        json_auto_t *made = json_pack("{s:s}", "file", path);
        cli_json(made);
        return CLI_OK;
    }
    printf("%s\n", path);
    fflush(stdout);
    fputs("Back this file up, apart from the database: without it the stored keys are lost.\n", stderr);
    return CLI_OK;
}
