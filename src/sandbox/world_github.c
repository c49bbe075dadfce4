/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/call.h"

static const struct person *me(const struct call *call)
{
	return &persons[call->grant->person];
}

static json_t *user_json(const struct person *person)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:s}", "login", person->login, "id",
			 atoi(person->number), "name", person->name, "email", person->email, "type",
			 "User");
}

void world_github_user(struct call *call)
{
	call_json(call, 200, user_json(me(call)));
}

void world_github_repos(struct call *call)
{
	call_json(call, 200, json_deep_copy(call->box->world.repos));
}

/* "owner/name" of the route. False when it is too long to be one of ours. */
static bool repo_name(const struct call *call, char to[static 128])
{
	const int n = snprintf(to, 128, "%.*s/%.*s", (int)call->params[0].n,
			       (const char *)call->params[0].p, (int)call->params[1].n,
			       (const char *)call->params[1].p);

	return n > 0 && n < 128;
}

static json_t *find_repo(struct call *call)
{
	char name[128];
	json_t *repo;
	size_t i;

	if (!repo_name(call, name))
		return NULL;
	json_array_foreach(call->box->world.repos, i, repo)
	{
		if (bytes_is(json_str(repo, "full_name"), name))
			return repo;
	}
	return NULL;
}

void world_github_repo(struct call *call)
{
	json_t *repo = find_repo(call);

	if (repo == NULL)
		call_refuse(call, 404, "Not Found");
	else
		call_json(call, 200, json_deep_copy(repo));
}

static json_t *issues_of(struct call *call)
{
	const struct bytes name = json_str(find_repo(call), "full_name");

	return name.p == NULL ? NULL
			      : json_object_get(call->box->world.issues, (const char *)name.p);
}

static json_t *find_issue(struct call *call)
{
	json_t *issues = issues_of(call), *issue;
	uint64_t number;
	size_t i;

	if (bytes_u64(call->params[2], INT32_MAX, &number) != OK)
		return NULL;
	json_array_foreach(issues, i, issue)
	{
		if ((uint64_t)json_integer_value(json_object_get(issue, "number")) == number)
			return issue;
	}
	return NULL;
}

void world_github_issues(struct call *call)
{
	const struct bytes state = call_param(call, "state");
	json_t *issues = issues_of(call), *issue, *shown;
	size_t i;

	if (issues == NULL) {
		call_refuse(call, 404, "Not Found");
		return;
	}
	shown = json_array();
	json_array_foreach(issues, i, issue)
	{
		if (bytes_is(state, "all") ||
		    bytes_eq(json_str(issue, "state"), state.p == NULL ? str("open") : state))
			json_array_append(shown, issue);
	}
	call_json(call, 200, shown);
}

void world_github_issue(struct call *call)
{
	json_t *issue = find_issue(call);

	if (issue == NULL)
		call_refuse(call, 404, "Not Found");
	else
		call_json(call, 200, json_deep_copy(issue));
}

void world_github_issue_new(struct call *call)
{
	json_t *issues = issues_of(call), *issue;
	const struct bytes title = json_str(call->json, "title");

	if (issues == NULL) {
		call_refuse(call, 404, "Not Found");
		return;
	}
	if (title.n == 0 || json_array_size(issues) >= CALL_LIST_MAX) {
		call_refuse(call, 422, "Validation Failed");
		return;
	}
	issue = json_pack("{s:I, s:s, s:s, s:o, s:i}", "number",
			  (json_int_t)json_array_size(issues) + 1, "title", (const char *)title.p,
			  "state", "open", "user", user_json(me(call)), "comments", 0);
	if (json_str(call->json, "body").p != NULL)
		json_object_set(issue, "body", json_object_get(call->json, "body"));
	json_array_append(issues, issue);
	call_json(call, 201, issue);
}

void world_github_issue_edit(struct call *call)
{
	static const char *const names[] = { "title", "body", "state" };
	json_t *issue = find_issue(call);

	if (issue == NULL) {
		call_refuse(call, 404, "Not Found");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (json_str(call->json, names[i]).p != NULL)
			json_object_set(issue, names[i], json_object_get(call->json, names[i]));
	}
	call_json(call, 200, json_deep_copy(issue));
}

/* The comments of the route's issue; made when @make and not there. */
static json_t *comments_of(struct call *call, bool make)
{
	json_t *found, *issue = find_issue(call);
	char key[160], name[128];

	if (issue == NULL || !repo_name(call, name))
		return NULL;
	snprintf(key, sizeof(key), "%s#%" JSON_INTEGER_FORMAT, name,
		 json_integer_value(json_object_get(issue, "number")));
	found = json_object_get(call->box->world.comments, key);
	if (found == NULL && make) {
		found = json_array();
		json_object_set_new(call->box->world.comments, key, found);
	}
	return found;
}

void world_github_comments(struct call *call)
{
	json_t *comments = comments_of(call, false);

	if (find_issue(call) == NULL)
		call_refuse(call, 404, "Not Found");
	else
		call_json(call, 200, comments == NULL ? json_array() : json_deep_copy(comments));
}

void world_github_comment_new(struct call *call)
{
	json_t *comments = comments_of(call, true), *comment;
	const struct bytes body = json_str(call->json, "body");

	if (comments == NULL) {
		call_refuse(call, 404, "Not Found");
		return;
	}
	if (body.n == 0 || json_array_size(comments) >= CALL_LIST_MAX) {
		call_refuse(call, 422, "Validation Failed");
		return;
	}
	comment = json_pack("{s:I, s:s, s:o}", "id", call->box->world.next++, "body",
			    (const char *)body.p, "user", user_json(me(call)));
	json_array_append(comments, comment);
	call_json(call, 201, comment);
}
