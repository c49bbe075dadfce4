/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* unify_body - what unify needs of the body of a request, and what that needs of unify. Inside
 * tools only. */

#include "core/tools/unify.h"

/* UNIFY_EXACT or UNIFY_NEAR. FAULT_NOMEM, ERR_TOO_LARGE. */
must_check enum err unify_body(struct unify *unify, const struct service_step *step,
			       enum unify_fit *ret);
/* Whether a request of the tool may lack what @node makes: it names an argument. */
bool unify_may_lack(const struct unify *unify, const struct yaml_node *node);

enum unify_fit unify_text(struct unify *unify, struct bytes template, struct bytes text);
bool unify_take(struct unify *unify, struct unify_capture capture);
