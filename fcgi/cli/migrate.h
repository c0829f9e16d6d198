/* SPDX-License-Identifier: MIT */
/*
 * migrate.h: what is in the folder sql/ against what is in the database.
 *
 * `pollux migrate` brings the database up to the folder; `pollux check` only
 * looks.
 */
#ifndef POLLUX_CLI_MIGRATE_H
#define POLLUX_CLI_MIGRATE_H

#include "db/db.h"

/* Compares the migrations of the folder with those recorded in the database. *ret is a new array, in order:
 * {"number", "name", "file", "sha256", "applied"}. False with a fault if the folder cannot be read, if an
 * applied file was changed since, or if the database knows a migration that the folder does not. */
bool migrate_compare(struct db *db, json_t **ret, struct fault *f);

#endif
