/* SPDX-License-Identifier: MIT */
/* home.c: short addresses that lead to pages of the console; see admin.h. */
#include "admin/admin.h"
#include "base/auto.h"
#include "base/conf.h"

/* By a path and not a whole URL: what stands before it is known to the browser alone. */
static void lead_to(struct request *r, const char *page)
{
    auto_buf where = {0};
    buf_printf(&where, "%s/admin/%s", conf.prefix, page);
    response_begin(r, 302);
    response_header(r, "Location", buf_str(&where));
    response_header(r, "Cache-Control", "no-store");
    response_header(r, "Content-Length", "0");
    response_flush(r);
}

void admin_home(struct request *r, const struct uri *u)
{
    (void)u;
    lead_to(r, "");
}

void admin_docs(struct request *r, const struct uri *u)
{
    (void)u;
    lead_to(r, "docs.html");
}
