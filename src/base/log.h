/* log.h - what a daemon says while it runs
 *
 * To stderr; with systemd's "<N>" level prefix when stderr is the journal
 * (JOURNAL_STREAM is set).  One line a call, never a secret.  Commands that
 * print results use stdout and stderr directly; libraries return errors
 * instead of logging.  Safe from any thread.
 */
#pragma once

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* log_open - begin; lines carry `name` in front (NULL: none), above `level` nothing is said */
void log_open(const char *name, enum log_level level);

void log_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_say(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_say(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_say(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_say(LOG_LEVEL_DEBUG, __VA_ARGS__)
