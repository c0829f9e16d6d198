/* SPDX-License-Identifier: MIT */
/*
 * oauth.h: logins of OAuth accounts, for scripts and browsers.
 *
 *     POST /admin/cli-auth/start     begins one: {"upstream", "project", "label", "redirect": "web" | "loopback"},
 *                                    all optional. Answers {"session", "url", "redirect_uri", "expires_at"}: open
 *                                    the url in a browser.
 *     GET  /admin/cli-auth/status    how it stands: ?session=..., or the latest one.
 *     POST /admin/cli-auth/import    ends one by hand: {"session", "code"}, or {"url": the address that the browser
 *                                    could not open}; or takes the file of another program: {"credentials": the
 *                                    file, "upstream", "project", "label"}, or the file as it is. Answers the
 *                                    account.
 *     GET  /admin/cli-auth/callback  where Google sends the browser, with "redirect": "web".
 *     GET  /oauth2/login             the same for a browser: asks for an admin token as the password, then leads
 *                                    to Google; ?upstream= and ?project= as above.
 *     GET  /oauth2/callback          and back.
 *
 * The callbacks need no token: the state is one. It was made for somebody who was let in, is random, good for
 * one time, and expires; begun in a browser, it is good in that browser alone.
 */
#ifndef POLLUX_ADMIN_OAUTH_H
#define POLLUX_ADMIN_OAUTH_H

#include "http/request.h"
#include "http/uri.h"

void oauth_start(struct request *r, const struct uri *u);
void oauth_status(struct request *r, const struct uri *u);
void oauth_import(struct request *r, const struct uri *u);
void oauth_login(struct request *r, const struct uri *u);
void oauth_callback(struct request *r, const struct uri *u);

#endif
