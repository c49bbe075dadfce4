/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * scrub - single rows that were put back (I4).
 *
 * A row's MAC says that we wrote it, not when. Each record of a change carries
 * the revision and the digest of the row that it changed; a row with a lower
 * revision than the log knows of, or another digest at the same one, was put
 * back. Then nothing is released until an operator decides, as for a whole
 * database. All rows are looked at again and again, some each second.
 */

#include "core/flow/flow.h"

/* Named number of the store: not 0 from the finding to the operator's decision. */
#define SCRUB_MARK "suspect"

/* The next few; called each second. A finding is marked, and flow->suspected set: the next start
 * serves nothing before the decision. */
must_check enum err scrub_some(struct flow *flow);
