/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * fault - how the sandbox misbehaves on demand: a table of failure modes, and
 * what is armed at present. One mode may be armed per service and endpoint; it
 * lets @skip requests pass, then takes @times of them.
 */

#include <jansson.h>

#include "base/dynbuf.h"
#include "sandbox/brand.h"

enum fault_endpoint {
	FAULT_AT_TOKEN,	  /* any request to the token endpoint */
	FAULT_AT_CODE,	  /* redemption of a code */
	FAULT_AT_REFRESH, /* refresh */
	FAULT_AT_REVOKE,
	FAULT_AT_ACCOUNT,
	FAULT_AT_API,
	FAULT_AT_COUNT,
};

enum fault_how {
	FAULT_ANSWER, /* a fixed answer instead of the work */
	FAULT_OAUTH,  /* an OAuth error in the service's own form */
	FAULT_HANG,   /* nothing, until the client goes away */
	FAULT_RESET,  /* the request is read, then the connection is reset */
	FAULT_DROP,   /* the work is done, then the connection is reset */
	FAULT_CHANGE, /* the work is done and its JSON answer changed */
	FAULT_CUT,    /* the work is done and only half of its answer's text sent */
};

struct fault_row {
	const char *name, *says;
	enum fault_how how;
	unsigned status; /* FAULT_ANSWER */
	const char *type, *encoding;
	void (*body)(struct dynbuf *to); /* FAULT_ANSWER */
	void (*change)(json_t *answer);	 /* FAULT_CHANGE */
	const char *error;		 /* FAULT_OAUTH; NULL: the service's invalid_grant */
};

struct fault_armed {
	const struct fault_row *row; /* NULL: nothing */
	unsigned skip, times;
	unsigned status; /* overrides the row's */
	char retry_after[64];
};

enum { FAULT_BODY_MAX = 104 * 1024 * 1024 };

struct faults {
	struct fault_armed armed[BRAND_COUNT][FAULT_AT_COUNT];
};

/* ERR_NOT_FOUND */
must_check enum err fault_find(struct bytes name, const struct fault_row **ret);
must_check enum err fault_endpoint_find(struct bytes name, enum fault_endpoint *ret);
/* The next row of the table after @row, the first after NULL; NULL at the end. */
const struct fault_row *fault_next(const struct fault_row *row);
/* What is to go wrong with this request; it is then used up. False: nothing. */
bool fault_take(struct faults *faults, enum brand brand, enum fault_endpoint endpoint,
		struct fault_armed *ret);
