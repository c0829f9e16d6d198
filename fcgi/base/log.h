/* SPDX-License-Identifier: MIT */
/*
 * log.h: lines on stderr, each naming whose it is.
 *
 * `time level pid request-id message`. The request id is set once per request
 * and thread; no call site formats it. Control characters are escaped, and
 * anything that looks like a key or a token is masked here: this is the one
 * place that redacts (log_redact() is used for texts that go elsewhere).
 */
#ifndef POLLUX_BASE_LOG_H
#define POLLUX_BASE_LOG_H

#include "base/buf.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sets the lowest importance that is printed ("error", "warn", "info", "debug"); false if unknown. */
_Bool log_level_set(const char *name);

/* Names the request that this thread serves; "" or NULL for none. The text is copied. */
void log_request_set(const char *id);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Appends `text` (n bytes) with every secret-looking run masked: API keys ("AIza...", "AQ."), Pollux's
 * own tokens ("plx_"), OAuth tokens ("ya29."), "Bearer x", "key=x". Used for upstream error texts. */
void log_redact(struct buf *out, const char *text, size_t n);

#endif
