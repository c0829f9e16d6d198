/* SPDX-License-Identifier: MIT */
/*
 * chat_own.h: what the chat_*.c files share, and nobody else sees.
 */
#ifndef POLLUX_TRANSLATE_CHAT_OWN_H
#define POLLUX_TRANSLATE_CHAT_OWN_H

#include "base/buf.h"
#include "translate/chat.h"
#include "translate/fence.h"
#include "translate/native.h"
#include "translate/thinking.h"

#include <limits.h>

/* A signature that Google accepts where the real one got lost. */
#define CHAT_NO_SIGNATURE "skip_thought_signature_validator"

enum {
    CHAT_CHOICES_MAX = 16,
    CHAT_PATH_MAX = 96, /* as long as fault.param */
};

/* One candidate of the answer, while it comes in. */
struct choice {
    bool opened;        /* seen; in a stream, its role was sent; in a whole answer, taken by a candidate */
    char finish[48];    /* Gemini's finish reason, "" while there is none */
    size_t calls;       /* tool calls so far: the index of the next one */
    bool in_line;       /* the text of the events before does not end a line */
    struct buf text;    /* what was said so far, kept only for the offsets of citations */
    struct fence fence; /* of JSON that was asked for in words */
};

struct chat {
    char *id;
    int64_t created;
    char *model;

    /* what the caller wants: chat_options() */
    bool stream;
    bool include_usage;
    bool legacy;   /* `functions`: the answer has function_call, not tool_calls */
    bool one_call; /* parallel_tool_calls is false, or legacy */
    bool pcm;      /* audio as raw PCM, not WAV */

    struct traits traits; /* what the operator wants of the model */

    /* what the last chat_request() made */
    json_t *own_names;   /* tool name on the wire -> as the caller wrote it */
    json_t *wire_names;  /* the other way round */
    unsigned adjustable; /* the adjustments that would change anything */
    bool cites;          /* built-in tools may ground the answer: keep its text for the offsets */
    bool fenced;         /* JSON was asked for in words: it may come between Markdown fences */

    /* the answer so far */
    struct choice choices[CHAT_CHOICES_MAX];
    char *blocked; /* why the prompt was blocked, NULL if it was not */
    size_t made_ids;
    struct usage usage;
    int64_t audio_in, audio_out; /* tokens of sound, part of the usage */
};

/* A request being drafted. Everything in it is borrowed but for `request`. */
struct draft {
    struct chat *c;
    const json_t *body;
    struct family family;
    unsigned adjust;
    struct fault *f;
    json_t *request;  /* what it becomes */
    json_t *config;   /* its generationConfig */
    json_t *contents; /* its contents */
    json_t *system;   /* parts of the system instruction */
    bool has_tools, has_functions;
};

/* chat.c */

/* Says what is wrong with `path` + `below`; returns false. */
bool chat_wrong(struct fault *f, const char *path, const char *below, const char *said, ...)
    __attribute__((format(printf, 4, 5)));

/* A member of extra_body.google, wherever the SDKs put it, in either spelling: borrowed. */
json_t *chat_google_option(const json_t *body, const char *camel, const char *snake);

/* The tool's name as Gemini accepts it, the same for the same name each time: borrowed. */
const char *chat_wire_name(struct chat *c, const char *name);

/* The name as the caller wrote it: borrowed. */
const char *chat_own_name(const struct chat *c, const char *wire_name);

/* chat_tools.c: tools and toolConfig. */
bool chat_draft_tools(struct draft *d);

/* chat_messages.c: contents, and the parts of the system instruction. */
bool chat_draft_messages(struct draft *d);

/* Puts the system parts where they go: a field of their own, or a user content when there is nothing
 * else to say or the model has no such field. */
void chat_place_system(struct draft *d);

/* chat_calls.c */

/* Adds the functionCall parts of an assistant message to `parts`, and to `calls` what chat_draft_results()
 * needs to answer them. */
bool chat_draft_calls(struct draft *d, const json_t *message, const char *path, json_t *parts,
                      json_t *calls);

/* The content that answers `calls`, from the tool messages among messages[from..to): new. */
json_t *chat_draft_results(struct draft *d, json_t *calls, size_t from, size_t to);

/* The signature of a tool call or message, at any of the places where it may stand: borrowed or NULL. */
const char *chat_signature(const json_t *holder);

/* chat_parts.c */

/* The Gemini part for one content part of a message: new; NULL without a fault when it is to be left out. */
json_t *chat_part(const struct draft *d, const json_t *part, const char *path);

/* chat_choice.c */

/* What one candidate's content comes to, in OpenAI's shapes. */
struct said {
    struct buf text;
    struct buf thoughts;
    json_t *calls;         /* tool calls, without `index` */
    json_t *images;        /* {"type":"image_url",...} */
    json_t *audio;         /* {"mimeType","data"} as they came, in order */
    const char *signature; /* of a part that is no call; borrowed from the candidate */
    size_t starts[64];     /* where the text of the n-th part begins, for citations */
};

/* Reads a candidate: usable until said_free(); counts the calls in `choice`, notes its finish reason. */
void chat_said(struct chat *c, struct choice *choice, const json_t *candidate, struct said *said);
void chat_said_free(struct said *said);

/* The candidate's choice, NULL when its index is out of all reason. `otherwise` when it has none. */
struct choice *chat_choice(struct chat *c, const json_t *candidate, size_t otherwise);

/* OpenAI's finish_reason for the choice. Static. */
const char *chat_finish_reason(const struct chat *c, const struct choice *choice);

/* logprobs of a candidate: new, JSON null if it has none. */
json_t *chat_logprobs(const json_t *candidate);

/* url_citation annotations of a candidate whose text is `text`: a new array. */
json_t *chat_annotations(const json_t *candidate, const struct buf *text, const size_t *starts,
                         size_t n_starts);

/* Sets extra_content.google.thought_signature; NULL sets nothing. */
void chat_set_signature(json_t *holder, const char *signature);

/* The message.audio object for sound that came in: new. */
json_t *chat_audio(const struct chat *c, const json_t *pieces);

/* chat_usage.c */

/* Adds what the answer says of tokens. */
void chat_count(struct chat *c, const json_t *answer);

/* The usage object: new. */
json_t *chat_usage(const struct chat *c);

/* Notes that the prompt was blocked, if the answer says so; whether it was. */
bool chat_note_block(struct chat *c, const json_t *answer);

#endif
