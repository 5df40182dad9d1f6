/* interrupt.h - for commands that run until ^C: the signal as something to wait for
 *
 * SIGINT, SIGTERM and SIGHUP are blocked and make the descriptor readable, so
 * that none comes at a bad moment; SIGPIPE is ignored, and a reader that has
 * gone is seen as EPIPE.
 */
#pragma once

/* interrupt_open - the descriptor, or -errno */
int interrupt_open(void);
