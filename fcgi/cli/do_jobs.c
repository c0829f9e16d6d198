/* SPDX-License-Identifier: MIT */
/* do_jobs.c: the command line does jobs itself, as workers do: for those that wait for them, or where no worker runs. */
#include "cli/cli.h"

#include "base/auto.h"
#include "base/conf.h"
#include "jobs/jobs.h"
#include "upstream/upstream.h"
#include "vault/vault.h"

enum { AT_ONCE = 8 };

bool cli_do_jobs(struct cli *cli, bool (*enough)(void *ctx), void *ctx)
{
    char id[VAULT_UUID_MAX];
    if (!vault_open(conf.master_key_file, &cli->fault))
        return false;
    vault_uuid7(id);
    upstream_init();
    const struct jobs_options o = {
        .conninfo = conf.database_owner, .worker_id = id, .keys_dir = conf.keys_dir, .at_once = AT_ONCE};
    jobs_help(&o, enough, ctx);
    upstream_end_all();
    vault_close();
    return cli->fault.kind == FAULT_NONE;
}
