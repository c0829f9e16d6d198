/* SPDX-License-Identifier: MIT */
/*
 * chat_choice.c: what one candidate says, in OpenAI's shapes.
 *
 * Shared by whole answers and streams: chat_said() sorts the parts of a
 * candidate into text, thoughts, tool calls, pictures and sound; the other
 * functions make the smaller objects around them.
 */
#include "base/auto.h"
#include "base/json.h"
#include "translate/base64.h"
#include "translate/chat_own.h"
#include "translate/media.h"
#include "translate/shape.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- which choice ----------------------------------------------------------------------------- */

struct choice *chat_choice(struct chat *c, const json_t *candidate, size_t otherwise)
{
    int64_t index = (int64_t)otherwise;
    shape_count(candidate, "index", &index);
    return index < CHAT_CHOICES_MAX ? &c->choices[index] : NULL;
}

static bool is_one_of(const char *word, const char *const words[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

const char *chat_finish_reason(const struct chat *c, const struct choice *choice)
{
    static const char *const filtered[] = {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    };
    if (strcmp(choice->finish, "MAX_TOKENS") == 0)
        return "length";
    if (choice->calls > 0)
        return c->legacy ? "function_call" : "tool_calls";
    if (is_one_of(choice->finish, filtered, sizeof filtered / sizeof *filtered))
        return "content_filter";
    if (c->blocked != NULL && choice->finish[0] == '\0')
        return "content_filter";
    return "stop";
}

/* --- calls ------------------------------------------------------------------------------------ */

void chat_set_signature(json_t *holder, const char *signature)
{
    if (signature != NULL)
        json_object_set_new(holder, "extra_content",
                            json_pack("{s:{s:s}}", "google", "thought_signature", signature));
}

/* An id for a call that came without: new. Known by its beginning when it comes back. */
static json_t *made_id(struct chat *c)
{
    auto_buf id = {0};
    size_t n = strlen(c->id);
    buf_puts(&id, "call_plx");
    for (const char *p = c->id + (n > 20 ? n - 20 : 0); *p != '\0'; p++)
        if (isalnum((unsigned char)*p))
            buf_putc(&id, *p);
    buf_printf(&id, "_%zu", c->made_ids++);
    return shape_string(id.p, id.n);
}

static json_t *call_arguments(const json_t *args)
{
    auto_str text = json_is_object(args) ? json_write(args) : NULL;
    return text != NULL ? shape_string(text, strlen(text)) : json_string("{}");
}

static void take_call(struct chat *c, struct choice *choice, const json_t *part, const json_t *call,
                      struct said *said)
{
    json_t *id = json_object_get(call, "id");
    const char *name = shape_text(call, "name");
    if (c->one_call && choice->calls > 0)
        return;
    choice->calls++;
    id = json_string_length(id) > 0 ? json_incref(id) : made_id(c);
    json_t *made = json_pack("{s:o, s:s, s:{s:s, s:o}}", "id", id, "type", "function", "function", "name",
                             name != NULL ? chat_own_name(c, name) : "", "arguments",
                             call_arguments(json_object_get(call, "args")));
    chat_set_signature(made, shape_text(part, "thoughtSignature"));
    json_array_append_new(said->calls, made);
}

/* --- the other parts -------------------------------------------------------------------------- */

static void add_text(struct buf *out, const json_t *text)
{
    if (json_is_string(text))
        buf_add(out, json_string_value(text), json_string_length(text));
}

/* "PYTHON" -> "python"; nothing that could leave the fence. It begins a line, also in a stream. */
static void add_fence(const struct choice *choice, struct buf *out, const char *language, const json_t *text)
{
    if (out->n > 0 ? out->p[out->n - 1] != '\n' : choice->in_line)
        buf_putc(out, '\n');
    buf_puts(out, "```");
    for (; language != NULL && isalnum((unsigned char)*language); language++)
        buf_putc(out, (char)tolower((unsigned char)*language));
    buf_putc(out, '\n');
    add_text(out, text);
    if (out->p[out->n - 1] != '\n')
        buf_putc(out, '\n');
    buf_puts(out, "```\n");
}

static void take_data(struct said *said, json_t *data)
{
    const char *mime = shape_text(data, "mimeType");
    const json_t *base64 = json_object_get(data, "data");
    if (mime == NULL || !json_is_string(base64))
        return;
    if (strncasecmp(mime, "audio/", 6) == 0) {
        json_array_append(said->audio, data);
        return;
    }
    auto_buf url = {0};
    buf_printf(&url, "data:%s;base64,", mime);
    add_text(&url, base64);
    json_array_append_new(said->images, json_pack("{s:s, s:{s:o}}", "type", "image_url", "image_url",
                                                  "url", shape_string(url.p, url.n)));
}

static void take_part(struct chat *c, struct choice *choice, const json_t *part, struct said *said)
{
    const json_t *call = json_object_get(part, "functionCall"),
                 *code = json_object_get(part, "executableCode");
    const json_t *result = json_object_get(part, "codeExecutionResult");
    json_t *data = json_object_get(part, "inlineData");
    bool thought = json_is_true(json_object_get(part, "thought"));
    if (json_is_object(call)) {
        take_call(c, choice, part, call, said);
        return;
    }
    const char *signature = shape_text(part, "thoughtSignature");
    if (signature != NULL)
        said->signature = signature;
    add_text(thought ? &said->thoughts : &said->text, json_object_get(part, "text"));
    if (json_is_object(data) && !thought)
        take_data(said, data);
    if (json_is_object(code))
        add_fence(choice, &said->text, shape_text(code, "language"), json_object_get(code, "code"));
    if (json_string_length(json_object_get(result, "output")) > 0)
        add_fence(choice, &said->text, NULL, json_object_get(result, "output"));
}

void chat_said(struct chat *c, struct choice *choice, const json_t *candidate, struct said *said)
{
    *said = (struct said){.calls = json_array(), .images = json_array(), .audio = json_array()};
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(json_object_get(candidate, "content"), "parts"), i, part) {
        if (i < sizeof said->starts / sizeof *said->starts)
            said->starts[i] = said->text.n;
        take_part(c, choice, part, said);
    }
    if (said->text.n > 0)
        choice->in_line = said->text.p[said->text.n - 1] != '\n';
    const char *reason = shape_text(candidate, "finishReason");
    if (reason != NULL && strcmp(reason, "FINISH_REASON_UNSPECIFIED") != 0)
        snprintf(choice->finish, sizeof choice->finish, "%s", reason);
}

void chat_said_free(struct said *said)
{
    buf_free(&said->text);
    buf_free(&said->thoughts);
    json_decref(said->calls);
    json_decref(said->images);
    json_decref(said->audio);
}

/* --- logprobs --------------------------------------------------------------------------------- */

static json_t *token_logprob(const json_t *one)
{
    json_t *token = json_object_get(one, "token"), *value = json_object_get(one, "logProbability");
    json_t *bytes = json_array();
    for (size_t i = 0; i < json_string_length(token); i++)
        json_array_append_new(bytes, json_integer((unsigned char)json_string_value(token)[i]));
    json_t *made = json_object();
    json_object_set_new(made, "token", json_is_string(token) ? json_incref(token) : json_string(""));
    json_object_set_new(made, "logprob", json_is_number(value) ? json_incref(value) : json_real(0.0));
    json_object_set_new(made, "bytes", bytes);
    return made;
}

json_t *chat_logprobs(const json_t *candidate)
{
    const json_t *given = json_object_get(candidate, "logprobsResult");
    const json_t *chosen = json_object_get(given, "chosenCandidates"),
                 *tops = json_object_get(given, "topCandidates");
    if (!json_is_array(chosen))
        return json_null();
    json_t *content = json_array(), *one, *top;
    size_t i, k;
    json_array_foreach(chosen, i, one) {
        json_t *made = token_logprob(one), *others = json_array();
        json_array_foreach(json_object_get(json_array_get(tops, i), "candidates"), k, top) {
            json_array_append_new(others, token_logprob(top));
        }
        json_object_set_new(made, "top_logprobs", others);
        json_array_append_new(content, made);
    }
    return json_pack("{s:o, s:n}", "content", content, "refusal");
}

/* --- citations -------------------------------------------------------------------------------- */

/* How many characters (code points) the first n bytes of the text are. */
static size_t characters(const struct buf *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n && i < text->n; i++)
        count += ((unsigned char)text->p[i] & 0xc0) != 0x80;
    return count;
}

/* The chunk's source, whatever kind it is: {"uri","title"}, borrowed. */
static const json_t *source_of(const json_t *chunk)
{
    static const char *const kinds[] = {"web", "maps", "retrievedContext", "image"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const json_t *source = json_object_get(chunk, kinds[i]);
        if (shape_text(source, "uri") != NULL)
            return source;
    }
    return NULL;
}

static void cite(json_t *out, const json_t *source, size_t from, size_t to)
{
    const char *title = shape_text(source, "title");
    json_array_append_new(out, json_pack("{s:s, s:{s:I, s:I, s:s, s:s}}", "type", "url_citation",
                                         "url_citation", "start_index", (json_int_t)from, "end_index",
                                         (json_int_t)to, "title", title != NULL ? title : "", "url",
                                         shape_text(source, "uri")));
}

json_t *chat_annotations(const json_t *candidate, const struct buf *text, const size_t *starts,
                         size_t n_starts)
{
    enum { CITATIONS_MAX = 1000 };
    const json_t *grounding = json_object_get(candidate, "groundingMetadata");
    const json_t *chunks = json_object_get(grounding, "groundingChunks");
    json_t *out = json_array(), *support, *index;
    size_t i, k;
    json_array_foreach(json_object_get(grounding, "groundingSupports"), i, support) {
        const json_t *segment = json_object_get(support, "segment");
        if (json_array_size(out) >= CITATIONS_MAX)
            break;
        int64_t from = 0, to = 0, part = 0;
        shape_count(segment, "startIndex", &from);
        shape_count(segment, "endIndex", &to);
        shape_count(segment, "partIndex", &part);
        size_t base = (uint64_t)part < n_starts ? starts[part] : 0;
        if (to < from)
            continue;
        size_t start = characters(text, base + (size_t)from), end = characters(text, base + (size_t)to);
        json_array_foreach(json_object_get(support, "groundingChunkIndices"), k, index) {
            int64_t number;
            bool known = shape_whole(index, &number) && number >= 0;
            const json_t *source = known ? source_of(json_array_get(chunks, (size_t)number)) : NULL;
            if (source != NULL && json_array_size(out) < CITATIONS_MAX)
                cite(out, source, start, end);
        }
    }
    return out;
}

/* --- sound ------------------------------------------------------------------------------------ */

/* The pieces as one stretch of base64: PCM in a WAV file unless raw PCM was asked for. */
static json_t *whole_sound(const struct chat *c, const json_t *pieces)
{
    unsigned rate = 0;
    auto_buf pcm = {0}, file = {0}, base64 = {0};
    bool raw = media_is_pcm(shape_text(json_array_get(pieces, 0), "mimeType"), &rate);
    size_t i;
    json_t *piece;
    json_array_foreach(pieces, i, piece) {
        const json_t *data = json_object_get(piece, "data");
        base64_decode(&pcm, json_string_value(data), json_string_length(data));
    }
    if (raw && !c->pcm)
        media_wav_header(&file, pcm.n, rate);
    if (pcm.n > 0)
        buf_add(&file, pcm.p, pcm.n);
    base64_encode(&base64, buf_str(&file), file.n);
    return json_stringn_nocheck(buf_str(&base64), base64.n);
}

json_t *chat_audio(const struct chat *c, const json_t *pieces)
{
    auto_buf id = {0};
    buf_printf(&id, "audio_%s", c->id);
    json_t *made = json_pack("{s:o, s:o, s:s}", "id", shape_string(id.p, id.n), "data",
                             whole_sound(c, pieces), "transcript", "");
    json_object_set_new(made, "expires_at", json_integer(c->created + 3600));
    return made;
}
