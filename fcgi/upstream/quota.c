/* SPDX-License-Identifier: MIT */
/*
 * quota.c: which limit a 429 is about; see quota.h.
 *
 * A 429 may say it in four ways, and often in several at once: QuotaFailure
 * with its quotaIds, RetryInfo, ErrorInfo with metadata (an older form, and
 * that of Code Assist), and the text of the message.
 */
#include "upstream/quota.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_MS = 7 * 24 * 3600 * 1000 };

static bool holds_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcasestr(text, *words) != NULL)
            return true;
    return false;
}

/* A limit: a JSON string or number; -1 if there is none. */
static int64_t limit_of(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value);
    const char *text = json_string_value(value);
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return -1;
    return strtoll(text, NULL, 10);
}

/* Limits too large for the ledger's integers are none. */
static void learn(int64_t *known, int64_t limit)
{
    if (limit > 0 && limit <= INT32_MAX && (*known == 0 || limit < *known))
        *known = limit;
}

/* One violation: `id` is a quotaId ("GenerateRequestsPerDayPerProjectPerModel-FreeTier") or, where there is
 * none, a metric. `limit` is -1 when it is not given. Limits on images and the like rest as others do, but
 * are not learned: we count requests and tokens. */
static void note_violation(struct quota *q, const char *id, int64_t limit, const char *location)
{
    static const char *const tools[] = {"grounding", "search", "maps", "urlcontext", NULL};
    static const char *const things[] = {"image", "video", NULL};
    static const char *const days[] = {"PerDay", "per_day", "daily", NULL};
    static const char *const minutes[] = {"PerMinute", "per_minute", NULL};
    if (holds_one_of(id, tools)) {
        q->tool = true;
        return;
    }
    bool day = holds_one_of(id, days), minute = holds_one_of(id, minutes) && !day;
    bool tokens = strcasestr(id, "token") != NULL;
    bool requests = !tokens && strcasestr(id, "request") != NULL && !holds_one_of(id, things);
    q->day |= day;
    q->minute |= minute;
    q->tokens |= tokens;
    q->requests |= requests;
    if (limit == 0)
        *(location[0] == '\0' || strcmp(location, "global") == 0 ? &q->zero : &q->zero_region) = true;
    if (day && requests)
        learn(&q->rpd, limit);
    if (minute && requests)
        learn(&q->rpm, limit);
    if (minute && tokens)
        learn(&q->tpm, limit);
}

static void note_quota_failure(struct quota *q, const json_t *detail)
{
    size_t i;
    const json_t *violation;
    json_array_foreach(json_object_get(detail, "violations"), i, violation) {
        const char *id = json_text_at(violation, "quotaId");
        const char *location = json_text_at(json_object_get(violation, "quotaDimensions"), "location");
        note_violation(q, id[0] ? id : json_text_at(violation, "quotaMetric"),
                       limit_of(json_object_get(violation, "quotaValue")), location);
    }
}

static void note_delay(struct quota *q, int64_t ms)
{
    if (ms > q->delay_ms)
        q->delay_ms = ms;
}

/* The older form (metadata quota_limit ...), and that of Code Assist (quotaResetDelay). */
static void note_error_info(struct quota *q, const json_t *detail)
{
    const json_t *metadata = json_object_get(detail, "metadata");
    const char *limit = json_text_at(metadata, "quota_limit");
    if (limit[0] != '\0')
        note_violation(q, limit, limit_of(json_object_get(metadata, "quota_limit_value")),
                       json_text_at(metadata, "quota_location"));
    q->exhausted |= strcmp(json_text_at(detail, "reason"), "QUOTA_EXHAUSTED") == 0;
    note_delay(q, quota_duration_ms(json_text_at(metadata, "quotaResetDelay")));
}

/* google.protobuf.Duration: "56s", or an object of seconds and nanos. */
static void note_retry_info(struct quota *q, const json_t *detail)
{
    const json_t *delay = json_object_get(detail, "retryDelay");
    if (json_is_object(delay)) {
        int64_t seconds = limit_of(json_object_get(delay, "seconds"));
        int64_t nanos = limit_of(json_object_get(delay, "nanos"));
        seconds = seconds < 0 ? 0 : seconds > LONGEST_MS / 1000 ? LONGEST_MS / 1000 : seconds;
        note_delay(q, seconds * 1000 + (nanos > 0 && nanos < 1000000000 ? nanos / 1000000 : 0));
    } else if (json_is_string(delay)) {
        note_delay(q, quota_duration_ms(json_string_value(delay)));
    }
}

static void note_details(struct quota *q, const json_t *details)
{
    static const struct {
        const char *type;
        void (*note)(struct quota *, const json_t *);
    } types[] = {
        {"/google.rpc.QuotaFailure", note_quota_failure},
        {"/google.rpc.RetryInfo", note_retry_info},
        {"/google.rpc.ErrorInfo", note_error_info},
    };
    size_t i;
    const json_t *detail;
    json_array_foreach(details, i, detail) {
        const char *type = strchr(json_text_at(detail, "@type"), '/');
        for (size_t t = 0; type != NULL && t < sizeof types / sizeof *types; t++)
            if (strcmp(type, types[t].type) == 0)
                types[t].note(q, detail);
    }
}

/* "* Quota exceeded for metric: M, limit: N, model: X", for each such line. It names no window, but also a
 * limit of 0, which QuotaFailure leaves out like all zeros. */
static void note_message_lines(struct quota *q, const char *message)
{
    static const char metric_mark[] = "Quota exceeded for metric: ", limit_mark[] = ", limit: ";
    for (const char *at = message; (at = strstr(at, metric_mark)) != NULL;) {
        at += sizeof metric_mark - 1;
        char metric[128] = "";
        size_t n = strcspn(at, ",\n");
        memcpy(metric, at, n < sizeof metric ? n : sizeof metric - 1);
        int64_t limit = -1;
        const char *digits = at + n + sizeof limit_mark - 1;
        if (strncmp(at + n, limit_mark, sizeof limit_mark - 1) == 0 && *digits >= '0' && *digits <= '9')
            limit = strtoll(digits, NULL, 10);
        note_violation(q, metric, limit, "");
        at += n;
    }
}

/* "Please retry in 56.18s." and "Your quota will reset after 19h14m47s." */
static int64_t delay_in_message(const char *message)
{
    static const char *const marks[] = {"retry in ", "reset after ", "resets in "};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = strcasestr(message, marks[i]);
        if (at == NULL)
            continue;
        char word[48] = "";
        at += strlen(marks[i]);
        size_t n = strspn(at, "0123456789.hms");
        memcpy(word, at, n < sizeof word ? n : sizeof word - 1);
        n = strlen(word);
        if (n > 0 && word[n - 1] == '.')
            word[n - 1] = '\0';
        return quota_duration_ms(word);
    }
    return -1;
}

void quota_read(const json_t *details, const char *message, struct quota *ret)
{
    *ret = (struct quota){.delay_ms = -1};
    note_details(ret, details);
    note_message_lines(ret, message);
    if (ret->delay_ms < 0)
        ret->delay_ms = delay_in_message(message);
}

int64_t quota_duration_ms(const char *text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"h", 3600e3}, {"m", 60e3}, {"s", 1e3}};
    double total = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9') {
        char *end;
        double number = strtod(at, &end);
        size_t u = 0;
        while (u < 4 && strncmp(end, units[u].unit, strlen(units[u].unit)) != 0)
            u++;
        if (u == 4 || strpbrk(text, "xXpP") != NULL)
            return -1;
        total += number * units[u].ms;
        at = end + strlen(units[u].unit);
    }
    if (at == text || *at != '\0')
        return -1;
    if (total >= LONGEST_MS)
        return LONGEST_MS;
    int64_t ms = (int64_t)total;
    return ms + ((double)ms < total);
}
