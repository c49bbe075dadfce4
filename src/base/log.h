/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log - what the operator reads: one JSON object per line on standard error.
 * Not the audit log, which is keeper's. No secret and no personal text goes in
 * (I10): callers print ids, numbers, names of ours and of services.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Names the process in every line; called once, first. */
void log_init(const char *role, enum log_level least);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
