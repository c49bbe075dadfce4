/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/machine.h"

#include <sys/resource.h>
#include <sys/timex.h>

#include "sys/sandbox.h"

void machine_look(struct machine *ret)
{
	struct timex clock = { .modes = 0 };
	struct sandbox_facts facts;
	struct rlimit lock;

	sandbox_look(&facts);
	*ret = (struct machine){
		.seccomp = facts.seccomp,
		.landlock = facts.landlock,
		.memfd_secret = facts.memfd_secret,
		.clock_synchronised = adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0,
		.lockable_bytes = getrlimit(RLIMIT_MEMLOCK, &lock) == 0 ? lock.rlim_cur : 0,
	};
}
