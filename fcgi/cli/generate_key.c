/* SPDX-License-Identifier: MIT */
/* generate_key.c: pollux generate-key: the file without which the database is unreadable. */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/conf.h"
#include "vault/vault.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory of the file; it is made if only it is missing: a new instance has no home yet. New. */
static char *parent_of(const char *path)
{
    char *dir = xstrdup(path), *slash = strrchr(dir, '/');
    if (slash == NULL || slash == dir) {
        free(dir);
        return xstrdup(slash == NULL ? "." : "/");
    }
    *slash = '\0';
    mkdir(dir, 0750);
    return dir;
}

/* What root makes in the home of another user is for that user: the workers have to read it. */
static void give_to_owner_of(const char *dir, const char *path)
{
    struct stat st;
    if (geteuid() == 0 && stat(dir, &st) == 0 && st.st_uid != 0 && lchown(path, st.st_uid, st.st_gid) != 0)
        cli_say("%s belongs to root: give it to the user of the workers", path);
}

int generate_key(struct cli *cli)
{
    const char *path = cli->count > 0 ? cli->arguments[0] : conf.master_key_file;
    auto_str dir = parent_of(path);
    if (!vault_generate(path, &cli->fault))
        return cli_failed(cli);
    give_to_owner_of(dir, path);
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
