/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* machine - what this machine offers a daemon, for doctor. */

#include <stdbool.h>
#include <stdint.h>

struct machine {
	bool seccomp;
	unsigned landlock; /* version of its interface, 0: not there */
	bool memfd_secret;
	bool clock_synchronised;
	uint64_t lockable_bytes; /* memory that one process may lock; UINT64_MAX: all */
};

void machine_look(struct machine *ret);
