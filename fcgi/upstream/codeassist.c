/* SPDX-License-Identifier: MIT */
/* codeassist.c: makes an account known to Code Assist; see codeassist.h. */
#include "upstream/codeassist.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "upstream/oauth.h"

#include <string.h>
#include <unistd.h>

enum { POLL_MS = 2000 };

/* One account on its way through the setup. */
struct setup {
    const char *token, *wanted, *proxy;
    struct codeassist *ret;
    int64_t deadline_ms;
};

static void copy(char *to, size_t room, const char *text)
{
    auto_buf masked = {0};
    log_redact(&masked, text, strnlen(text, 4000));
    size_t n = utf8_whole(buf_str(&masked), masked.n < room - 1 ? masked.n : room - 1);
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)masked.p[i] < 0x20 || masked.p[i] == 0x7f ? ' ' : masked.p[i];
    to[n] = '\0';
}

/* Links are shown to people to be clicked: nothing but the web. */
static void copy_link(char *to, size_t room, const char *url)
{
    *to = '\0';
    if (strncmp(url, "https://", 8) == 0 && strlen(url) < room && strpbrk(url, " \"'<>\\") == NULL)
        strcpy(to, url);
}

/* ------------------------------------------------------------------ refusals */

static const json_t *detail_of(const json_t *error, const char *type)
{
    size_t i;
    const json_t *detail;
    json_array_foreach(json_object_get(error, "details"), i, detail) {
        const char *slash = strchr(json_text_at(detail, "@type"), '/');
        if (slash != NULL && strcmp(slash + 1, type) == 0)
            return detail;
    }
    return NULL;
}

/* The page to open: Help's link that is not the help page, or what the metadata name. */
static const char *link_of(const json_t *error, const json_t *metadata)
{
    static const char *const names[] = {"validation_link", "validation_url", "appeal_url", NULL};
    size_t i;
    const json_t *link;
    json_array_foreach(json_object_get(detail_of(error, "google.rpc.Help"), "links"), i, link) {
        const char *url = json_text_at(link, "url");
        if (strcasecmp(json_text_at(link, "description"), "Learn more") != 0 &&
            strncmp(url, "https://support.google.com/", 27) != 0 && *url != '\0')
            return url;
    }
    for (const char *const *name = names; *name != NULL; name++)
        if (*json_text_at(metadata, *name) != '\0')
            return json_text_at(metadata, *name);
    return "";
}

static const char *state_of(const char *reason)
{
    static const struct {
        const char *reason, *state;
    } known[] = {
        {"VALIDATION_REQUIRED", "needs_validation"}, {"UNSUPPORTED_CLIENT", "unsupported"},
        {"TOS_VIOLATION", "tos"},                    {"ACCOUNT_STATE_INVALID", "refused"},
        {"CONSUMER_INVALID", "no_project"},          {"SERVICE_DISABLED", "no_project"},
        {"USER_PROJECT_DENIED", "no_project"},       {"BILLING_DISABLED", "no_project"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(reason, known[i].reason) == 0)
            return known[i].state;
    return NULL;
}

bool codeassist_refusal(const json_t *answer, struct codeassist *ret)
{
    const json_t *error = json_object_get(json_is_array(answer) ? json_array_get(answer, 0) : answer, "error");
    const json_t *info = detail_of(error, "google.rpc.ErrorInfo");
    const char *state = state_of(json_text_at(info, "reason"));
    if (state == NULL)
        return false;
    copy(ret->state, sizeof ret->state, state);
    copy(ret->says, sizeof ret->says, json_text_at(error, "message"));
    copy_link(ret->link, sizeof ret->link, link_of(error, json_object_get(info, "metadata")));
    return true;
}

static enum codeassist_end refuse(struct setup *s, const char *state, const char *says, const char *link)
{
    copy(s->ret->state, sizeof s->ret->state, state);
    copy(s->ret->says, sizeof s->ret->says, says);
    copy_link(s->ret->link, sizeof s->ret->link, link);
    return CODEASSIST_REFUSED;
}

/* ------------------------------------------------------------------ calls */

/* What an answer that is no success means for the whole setup. */
static enum codeassist_end failed(struct setup *s, int status, const json_t *answer)
{
    if (status == 401)
        return CODEASSIST_EXPIRED;
    if (codeassist_refusal(answer, s->ret))
        return CODEASSIST_REFUSED;
    const char *message = json_text_at(json_object_get(answer, "error"), "message");
    if (status == 403 || status == 404 || status == 400 || status == 412)
        return refuse(s, "refused", *message != '\0' ? message : "Code Assist refuses the account", "");
    copy(s->ret->says, sizeof s->ret->says, *message != '\0' ? message : "Code Assist is not well");
    return CODEASSIST_AGAIN;
}

/* One call: `path` follows the base, `body` is taken (NULL: GET). *ret is new. */
static enum codeassist_end call(struct setup *s, const char *path, json_t *body, json_t **ret, int *status)
{
    auto_buf url = {0}, text = {0};
    auto_str request = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    buf_printf(&url, "%s%s", conf.code_assist, path);
    *status = oauth_call(buf_str(&url), s->proxy, s->token, "application/json", request, &text, s->ret->says);
    *ret = json_read(buf_str(&text), text.n);
    if (*status == 0)
        return CODEASSIST_AGAIN;
    return *status == 200 && json_is_object(*ret) ? CODEASSIST_READY : failed(s, *status, *ret);
}

static json_t *metadata(const char *project)
{
    json_t *m = json_pack("{s:s, s:s, s:s}", "ideType", "IDE_UNSPECIFIED", "platform", "PLATFORM_UNSPECIFIED",
                          "pluginType", "GEMINI");
    if (*project != '\0')
        json_object_set_new(m, "duetProject", json_string(project));
    return m;
}

static json_t *about(const char *project)
{
    json_t *body = json_pack("{s:o}", "metadata", metadata(project));
    if (*project != '\0')
        json_object_set_new(body, "cloudaicompanionProject", json_string(project));
    return body;
}

/* ------------------------------------------------------------------ the steps */

/* Code Assist behind a security perimeter answers 403, and is there all the same. */
static bool is_perimeter(const json_t *answer)
{
    const json_t *info = detail_of(json_object_get(answer, "error"), "google.rpc.ErrorInfo");
    return strcmp(json_text_at(info, "reason"), "SECURITY_POLICY_VIOLATED") == 0;
}

/* Every tier was refused: the reasons, joined; the one that somebody can do something about decides. */
static enum codeassist_end ineligible(struct setup *s, const json_t *tiers)
{
    auto_buf says = {0};
    const char *state = NULL, *link = "";
    size_t i;
    const json_t *tier;
    json_array_foreach(tiers, i, tier) {
        const char *reason = json_text_at(tier, "reasonCode");
        buf_printf(&says, "%s%s", i > 0 ? "; " : "", json_text_at(tier, "reasonMessage"));
        if (state == NULL || strcmp(reason, "VALIDATION_REQUIRED") == 0) {
            state = state_of(reason) != NULL ? state_of(reason) : "unsupported";
            link = json_text_at(tier, "validationUrl");
        }
    }
    if (state == NULL)
        return refuse(s, "no_project", "Code Assist needs a Google Cloud project for this account", "");
    return refuse(s, state, says.n > 0 ? buf_str(&says) : "Code Assist has no tier for this account", link);
}

static enum codeassist_end ready(struct setup *s, const char *project, const char *tier)
{
    if (*project == '\0')
        project = s->wanted;
    if (*project == '\0')
        return refuse(s, "no_project", "Code Assist needs a Google Cloud project for this account", "");
    copy(s->ret->project, sizeof s->ret->project, project);
    copy(s->ret->tier, sizeof s->ret->tier, tier);
    return CODEASSIST_READY;
}

/* The operation's end; it is asked for every two seconds. */
static enum codeassist_end wait_for(struct setup *s, json_t *operation, json_t **ret)
{
    *ret = json_incref(operation);
    while (!json_is_true(json_object_get(*ret, "done"))) {
        const char *name = json_text_at(*ret, "name");
        bool safe = *name != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                  "0123456789-_./~") == strlen(name) && strstr(name, "..") == NULL;
        if (!safe || clock_ms() + POLL_MS > s->deadline_ms) {
            copy(s->ret->says, sizeof s->ret->says, "Code Assist is still setting the account up");
            return CODEASSIST_AGAIN;
        }
        usleep(POLL_MS * 1000);
        auto_buf path = {0};
        buf_printf(&path, "/%s", name);
        json_t *next = NULL;
        int status;
        enum codeassist_end end = call(s, buf_str(&path), NULL, &next, &status);
        if (end == CODEASSIST_AGAIN && status != 0) { /* overloaded: the operation goes on */
            json_decref(next);
            continue;
        }
        json_decref(*ret);
        *ret = next;
        if (status == 404) { /* somebody else has begun anew meanwhile */
            copy(s->ret->says, sizeof s->ret->says, "Code Assist has forgotten the setup of the account");
            return CODEASSIST_AGAIN;
        }
        if (end != CODEASSIST_READY)
            return end;
    }
    if (json_object_get(*ret, "error") == NULL)
        return CODEASSIST_READY;
    return failed(s, (int)json_integer_value(json_object_get(json_object_get(*ret, "error"), "code")), *ret);
}

/* The tier to ask for: the default one; without a default "legacy-tier", which wants a project. */
static const char *tier_to_ask_for(const json_t *tiers)
{
    size_t i;
    const json_t *tier;
    json_array_foreach(tiers, i, tier) {
        if (json_is_true(json_object_get(tier, "isDefault")) && *json_text_at(tier, "id") != '\0')
            return json_text_at(tier, "id");
    }
    return "legacy-tier";
}

/* The free tier has a project of Google's own: naming one is an error. */
static enum codeassist_end onboard(struct setup *s, const char *tier)
{
    json_auto_t *operation = NULL, *done = NULL;
    int status;
    json_t *body = about(strcmp(tier, "free-tier") == 0 ? "" : s->wanted);
    json_object_set_new(body, "tierId", json_string(tier));
    enum codeassist_end end = call(s, ":onboardUser", body, &operation, &status);
    if (end == CODEASSIST_READY)
        end = wait_for(s, operation, &done);
    if (end != CODEASSIST_READY)
        return end;
    const json_t *project = json_object_get(json_object_get(done, "response"), "cloudaicompanionProject");
    return ready(s, json_text_at(project, "id"), tier);
}

static enum codeassist_end loaded(struct setup *s, const json_t *answer)
{
    const json_t *current = json_object_get(answer, "currentTier"), *allowed = json_object_get(answer, "allowedTiers");
    const json_t *refused = json_object_get(answer, "ineligibleTiers");
    const char *project = json_text_at(answer, "cloudaicompanionProject");
    const char *paid = json_text_at(json_object_get(answer, "paidTier"), "id");
    if (json_is_object(current)) {
        const char *tier = *paid != '\0' ? paid : json_text_at(current, "id");
        if (*project == '\0' && *s->wanted == '\0' && json_array_size(refused) > 0)
            return ineligible(s, refused);
        return ready(s, project, *tier != '\0' ? tier : "standard-tier");
    }
    if (json_array_size(refused) > 0 && json_array_size(allowed) == 0)
        return ineligible(s, refused);
    const char *tier = tier_to_ask_for(allowed);
    if (strcmp(tier, "legacy-tier") == 0 && *s->wanted == '\0')
        return ineligible(s, refused);
    return onboard(s, tier);
}

enum codeassist_end codeassist_setup(const char *access_token, const char *wanted, const char *proxy,
                                     int64_t deadline_ms, struct codeassist *ret)
{
    *ret = (struct codeassist){0};
    struct setup s = {.token = access_token, .wanted = wanted, .proxy = proxy, .ret = ret, .deadline_ms = deadline_ms};
    json_auto_t *answer = NULL;
    int status;
    enum codeassist_end end = call(&s, ":loadCodeAssist", about(wanted), &answer, &status);
    if (end == CODEASSIST_READY)
        return loaded(&s, answer);
    if (status == 403 && is_perimeter(answer))
        return ready(&s, "", "standard-tier");
    return end;
}
