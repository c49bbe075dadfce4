/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * process - children that are this same program in a fresh address space, and
 * the signals of their parent.
 */
enum { PROCESS_CONTROL = 3 };

/* Runs this program again with the words @argv (NULL at the end). The child has /dev/null as
 * descriptor 0, our standard error as 1 and 2, @control (-1: nothing) as PROCESS_CONTROL and no
 * other; it is killed when we end. FAULT_SYSTEM. */
must_check enum err process_spawn(const char *const argv[], int control, pid_t *ret);
/* Whether @pid has ended; then *ret_status is as of waitpid(2). */
bool process_ended(pid_t pid, int *ret_status);
/* "exit 3", "signal 9 (Killed)" … Answers @to. */
char *process_status_print(int status, char *to, size_t size);

/* Blocks the signals of a supervisor (TERM, INT, HUP, CHLD) and answers a descriptor that becomes
 * readable when one is there. FAULT_SYSTEM. */
must_check enum err process_signals(int *ret_fd);
/* The next one, or 0. */
int process_signal_next(int fd);

/* Two connected, close-on-exec sockets that keep messages whole, for handover_send().
 * FAULT_SYSTEM. */
must_check enum err process_control_pair(int ret[2]);
