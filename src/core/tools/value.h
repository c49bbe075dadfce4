/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* value - what stands at the {places} of a tool's texts. */

#include "base/clock.h"
#include "codec/doc.h"
#include "core/catalog/service.h"
#include "core/catalog/template.h"

/* Where values come from; all borrowed. */
struct tools_values {
	const struct doc *args; /* an object, valid by the tool's schema */
	const struct doc *answers[SERVICE_STEPS_MAX - 1]; /* to earlier requests; NULL: none */
	const struct doc *variables;			  /* the connection's; NULL: none */
	usec_t now;					  /* 0: no time is to be told */
};

enum value_kind { VALUE_ABSENT = 1, VALUE_DOC, VALUE_DEFAULT, VALUE_TEXT };

struct value {
	enum value_kind kind;
	const struct doc *doc; /* of VALUE_DOC */
	uint32_t node;
	const struct yaml_node *yaml; /* of VALUE_DEFAULT: a scalar */
	struct bytes text;	      /* of VALUE_TEXT */
	char time[CLOCK_TEXT_LEN + 1];
};

struct value_scope {
	const struct service *service;
	const struct service_tool *tool;
	const struct tools_values *values;
	struct bytes mail; /* p = NULL: the request has none */
};

/* ERR_NOT_FOUND: the connection lacks the variable, or nobody told the time. ERR_MALFORMED: an
 * argument cannot be counted in days. */
must_check enum err value_find(const struct value_scope *scope, const struct template_part *part,
			       struct value *ret);
/* Appends the value as text; the elements of an array with @join between them (NULL: an array is
 * refused). ERR_MALFORMED: it has no one text: an object, a number such as 1e3, an element with
 * @join in it. Not for VALUE_ABSENT. */
must_check enum err value_text(const struct value *value, const char *join, struct dynbuf *out);
/* Appends a text with its places filled. *@ret_absent: one of them had no value; @out is then as it
 * was. Errors of both. */
must_check enum err value_render(const struct value_scope *scope, struct bytes template,
				 const char *join, struct dynbuf *out, bool *ret_absent);
/* The connection's variable; p = NULL: it has none. */
struct bytes value_variable(const struct service *service, const struct doc *variables,
			    struct bytes name);
/* The argument's own schema, or NULL if the tool has no such argument. */
const struct yaml_node *value_property(const struct service_tool *tool, struct bytes name);
