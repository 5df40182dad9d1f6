/* network_words.h - what `up`, `down` and `test` say while they work, and how they are stopped
 *
 * Progress goes to stderr, only on a terminal and only when it lasts longer
 * than a second.  SIGINT, SIGTERM and SIGHUP end the work and undo it.
 */
#pragma once
#include "net/network.h"

extern const struct network_how network_words;

/* network_words_begin - catch the signals; `command` is put in front of notes */
void network_words_begin(const char *command);

/* network_words_end - clear the progress from the terminal */
void network_words_end(void);

/* network_words_fail - say the error on one line; returns the exit status: 1, or 128 + the signal
 */
int network_words_fail(const char *command, const struct error *e);
