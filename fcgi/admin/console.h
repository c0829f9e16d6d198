/* SPDX-License-Identifier: MIT */
/*
 * console.h: everything below /admin/api, which the console's pages talk to.
 *
 * HOW IT WORKS
 *
 * A call is a row of the table in console_routes.c (method, path, action) and a
 * row in sql/functions/console.sql (action, least role, does it change
 * anything); the work is done by the SQL function admin.console_<action>(p
 * jsonb). Session and role are checked in the database in the same transaction,
 * and so is the row of pollux.audit written. To add a call: the function, the
 * two rows; C code only where a secret has to be made or sealed on the way
 * (console_secrets.c).
 *
 * REQUESTS
 *
 * - p holds the body's members, the query's pairs (as texts) and the {words} of
 *   the path (as texts; these win). Also _session and _admin, ids. Read them with
 *   pollux.param_text, _number, _bool, _choice, _time, _ids: they refuse what is
 *   malformed with words for the person.
 * - A GET changes nothing. All other methods need a body that is a JSON object
 *   (or none), Content-Type: application/json, the header X-CSRF-Token with the
 *   "csrf" of GET /session, and, if the browser sent an Origin, our own.
 * - POST /login {"name", "password"} opens a session: cookie pollux_session
 *   (HttpOnly, SameSite=Strict, Secure on https, Path .../admin) and the same
 *   answer as GET /session: {"name", "role": viewer|operator|owner, "csrf",
 *   "signed_in_at", "expires_at", "idle_minutes", "password_at", "now",
 *   "version", "time_zone"}. 401 wrong, 429 too many attempts (Retry-After).
 * - A page that asks by itself while nobody is at it sends the header X-Pollux-Idle: such a request does not put
 *   off the end of a session in which nothing is done.
 *
 * ANSWERS
 *
 * - 200 and what the function answered; a null is 404. Times are ISO 8601 with
 *   their zone, durations name their unit (_ms, _s).
 * - Lists: {"items": [...], "next": text or null, "total": n, "total_exact": bool}.
 *   Parameters: limit (1 to 500, default 50), after (the "next" of the page
 *   before, as it came), sort (a name, or -name for descending), q (search), and
 *   filters by the name of the field. "total" counts the filtered list; it may be
 *   an estimate, absent, or ("total_more": true) what there is at least. A page may
 *   be short and yet have a next: what takes long to find is looked for a moment.
 * - Long work is done in parts: the answer says {"done": n, "left": n, "next":
 *   cursor or null}; call again with after = next until it is null.
 * - Failures are those of answer.h: {"error": {"code", "message", "hint"}} with
 *   the HTTP status; "hint" is null or says what to do. 401: sign in; 403: role, CSRF
 *   token or Origin; 404: no such thing; 409: in the way of something; 429 and 503:
 *   again after Retry-After seconds.
 */
#ifndef POLLUX_ADMIN_CONSOLE_H
#define POLLUX_ADMIN_CONSOLE_H

#include "http/request.h"
#include "http/uri.h"

/* Serves a request whose path begins with /admin/api/. */
void console_serve(struct request *r, const struct uri *u);

/* The table, for those who list all routes: called with each row's method and path ("/admin/api/clients/{id}"),
 * and whether it changes anything. */
void console_routes_each(void (*see)(void *ctx, const char *method, const char *path, bool changes), void *ctx);

#endif
