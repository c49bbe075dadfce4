/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* graphql_lexer - the tokens of GraphQL (section 2.1); for graphql.c alone. */

#include "codec/graphql.h"

enum graphql_token {
	GRAPHQL_END = 1,
	GRAPHQL_NAME,
	GRAPHQL_INT,
	GRAPHQL_FLOAT,
	GRAPHQL_STRING, /* of either form */
	GRAPHQL_SPREAD, /* ... */
	GRAPHQL_BANG = '!',
	GRAPHQL_DOLLAR = '$',
	GRAPHQL_AMP = '&',
	GRAPHQL_OPEN = '(',
	GRAPHQL_CLOSE = ')',
	GRAPHQL_COLON = ':',
	GRAPHQL_EQUALS = '=',
	GRAPHQL_AT = '@',
	GRAPHQL_BRACKET = '[',
	GRAPHQL_BRACKET_END = ']',
	GRAPHQL_BRACE = '{',
	GRAPHQL_PIPE = '|',
	GRAPHQL_BRACE_END = '}',
};

struct graphql_lexer {
	struct bytes rest;
	size_t tokens;
	enum graphql_token token; /* the current one */
	struct bytes text;	  /* of a name */
};

/* Goes on to the next token. ERR_MALFORMED, ERR_TOO_LARGE. */
must_check enum err graphql_lexer_next(struct graphql_lexer *lexer);
