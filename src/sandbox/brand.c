/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/brand.h"

const char brand_client_id[] = "sandbox";
const char brand_client_secret[] = "sandbox-secret-not-a-secret";

const struct brand_row brand_rows[BRAND_COUNT] = {
	[BRAND_GITHUB] = { "github", "github", "GitHub-like", " ", ",", ROTATION_NONE, 28800, 200,
			   "bad_refresh_token", "incorrect_client_credentials" },
	[BRAND_GOOGLE] = { "google", "google", "Google-like", " ", " ", ROTATION_STABLE, 3600, 400,
			   "invalid_grant", "invalid_client" },
	[BRAND_SLACK] = { "slack", "slack", "Slack-like", ",", ",", ROTATION_STRICT, 43200, 200,
			  "invalid_refresh_token", "bad_client_secret" },
	[BRAND_JIRA] = { "jira", "atlassian", "Jira-like", " ", " ", ROTATION_GRACE, 3600, 403,
			 "invalid_grant", "invalid_client" },
	[BRAND_NOTES] = { "notes", "notes", "Notes", " ", " ", ROTATION_STRICT, 3600, 400,
			  "invalid_grant", "invalid_client" },
};

const char *const rotation_names[ROTATION_COUNT] = {
	[ROTATION_NONE] = "none",   [ROTATION_STABLE] = "stable", [ROTATION_REPLACED] = "replaced",
	[ROTATION_GRACE] = "grace", [ROTATION_STRICT] = "strict",
};

const struct person persons[PERSON_COUNT] = {
	{ "ada", "Ada Sandbox", "ada@sandbox.invalid", "1001" },
	{ "grace", "Grace Sandbox", "grace@sandbox.invalid", "1002" },
	{ "alan", "Alan Sandbox", "alan@sandbox.invalid", "1003" },
};

enum err brand_by_folder(struct bytes folder, enum brand *ret)
{
	for (enum brand i = 0; i < BRAND_COUNT; i++) {
		if (bytes_is(folder, brand_rows[i].folder)) {
			*ret = i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

enum err brand_by_id(struct bytes id, enum brand *ret)
{
	for (enum brand i = 0; i < BRAND_COUNT; i++) {
		if (bytes_is(id, brand_rows[i].id)) {
			*ret = i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

enum err brand_person(struct bytes login, unsigned *ret)
{
	for (unsigned i = 0; i < PERSON_COUNT; i++) {
		if (bytes_is(login, persons[i].login)) {
			*ret = i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

enum err brand_rotation(struct bytes name, enum rotation *ret)
{
	for (enum rotation i = 0; i < ROTATION_COUNT; i++) {
		if (bytes_is(name, rotation_names[i])) {
			*ret = i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}
