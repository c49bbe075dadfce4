/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* brand - the kinds of provider that the sandbox plays, as one table, and the made-up people. */

#include "base/bytes.h"

enum brand {
	BRAND_GITHUB,
	BRAND_GOOGLE,
	BRAND_SLACK,
	BRAND_JIRA,
	BRAND_NOTES, /* follows the RFCs to the letter */
	BRAND_COUNT,
};

enum rotation {
	ROTATION_NONE,	   /* no refresh token; the access token does not expire */
	ROTATION_STABLE,   /* the refresh token stays and is not sent again */
	ROTATION_REPLACED, /* a new one each time; the old one goes on working */
	ROTATION_GRACE,	   /* a new one each time; the old one works for a while */
	ROTATION_STRICT,   /* a new one each time; the old one, seen again, ends the family */
	ROTATION_COUNT,
};

struct brand_row {
	const char *id;	     /* as in the catalogue and in /sandbox/control */
	const char *folder;  /* first part of its paths */
	const char *name;    /* on its pages */
	const char *sep_in;  /* between scopes in a request; a space always works too */
	const char *sep_out; /* between scopes in an answer */
	enum rotation rotation;
	unsigned lifetime_s;
	unsigned refused_status;    /* HTTP status of OAuth errors */
	const char *invalid_grant;  /* its word for a dead code or refresh token */
	const char *invalid_client; /* its word for a wrong id or secret */
};

struct person {
	const char *login, *name, *email, *number;
};

extern const struct brand_row brand_rows[BRAND_COUNT];
extern const char *const rotation_names[ROTATION_COUNT];

enum { PERSON_COUNT = 3 };
extern const struct person persons[PERSON_COUNT];

extern const char brand_client_id[], brand_client_secret[];

/* By the first part of a path, or by id. ERR_NOT_FOUND. */
must_check enum err brand_by_folder(struct bytes folder, enum brand *ret);
must_check enum err brand_by_id(struct bytes id, enum brand *ret);
/* ERR_NOT_FOUND */
must_check enum err brand_person(struct bytes login, unsigned *ret);
must_check enum err brand_rotation(struct bytes name, enum rotation *ret);
