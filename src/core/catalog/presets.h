/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * presets - default effects for the tools of any service, by what a tool does:
 * read, write or destroy. They are printed as a policy file, which is what is
 * stored: a later version of a preset changes no vault.
 */

#include "core/catalog/service.h"

struct preset;

/* NULL if there is none. */
const struct preset *presets_find(struct bytes name);
const struct preset *presets_at(size_t n);
const char *presets_name(const struct preset *preset);
const char *presets_says(const struct preset *preset);
/* "allow", "approve", "step_up" or "block". */
const char *presets_effect(const struct preset *preset, const struct service *service,
			   const struct service_tool *tool);
/* Appends what stands below `services` of a policy file for @service. */
void presets_print(const struct preset *preset, const struct service *service, struct dynbuf *out);
