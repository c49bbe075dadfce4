/* SPDX-License-Identifier: Apache-2.0 */
/* What GitHub has beside issues: files, commits, pull requests, notifications. */
#include <stdio.h>

#include "sandbox/call.h"

enum { KEY_MAX = 256 };

/* "owner/name" of the route. False when it is too long to be one of ours. */
static bool repo_key(const struct call *call, char to[static KEY_MAX])
{
	const int n = snprintf(to, KEY_MAX, "%.*s/%.*s", (int)call->params[0].n,
			       (const char *)call->params[0].p, (int)call->params[1].n,
			       (const char *)call->params[1].p);

	return n > 0 && n < KEY_MAX;
}

/* The same with the path behind it. */
static bool file_key(const struct call *call, char to[static KEY_MAX])
{
	const size_t n = repo_key(call, to) ? strlen(to) : KEY_MAX;

	if (n + 1 + call->params[2].n + 1 > KEY_MAX)
		return false;
	to[n] = '/';
	*put((uint8_t *)to + n + 1, call->params[2].p, call->params[2].n) = 0;
	return true;
}

void world_github_file(struct call *call)
{
	char key[KEY_MAX];
	json_t *file = file_key(call, key) ? json_object_get(call->box->world.contents, key) : NULL;

	if (file == NULL)
		call_refuse(call, 404, "Not Found");
	else
		call_json(call, 200, json_deep_copy(file));
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static json_t *keep_commit(struct call *call, struct bytes message, char sha[static 32])
{
	json_t *commits = call->box->world.commits;

	snprintf(sha, 32, "sandbox%" JSON_INTEGER_FORMAT, call->box->world.next++);
	if (json_array_size(commits) >= CALL_LIST_MAX)
		return NULL;
	json_t *commit =
		json_pack("{s:s, s:{s:o, s:{s:s, s:s}}}", "sha", sha, "commit", "message",
			  json_of(message), "author", "name", persons[call->grant->person].name,
			  "date", "2026-11-23T10:00:00Z");
	json_array_insert(commits, 0, commit);
	return commit;
}

void world_github_file_put(struct call *call)
{
	json_t *files = call->box->world.contents, *file;
	const struct bytes content = json_str(call->json, "content");
	const struct bytes message = json_str(call->json, "message");
	char key[KEY_MAX], path[256], sha[32];

	if (content.p == NULL || message.n == 0 || !file_key(call, key) ||
	    bytes_str(call->params[2], path, sizeof(path)) != OK) {
		call_refuse(call, 422, "Invalid request.");
		return;
	}
	file = json_object_get(files, key);
	if (file != NULL && !bytes_eq(json_str(file, "sha"), json_str(call->json, "sha"))) {
		call_refuse(call, 409, "The file is at another sha.");
		return;
	}
	if ((file == NULL && json_object_size(files) >= CALL_LIST_MAX) ||
	    keep_commit(call, message, sha) == NULL) {
		call_refuse(call, 422, "The sandbox takes no more of these.");
		return;
	}
	json_object_set_new(files, key,
			    json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "type", "file", "name",
				      last_part(path), "path", path, "sha", sha, "encoding",
				      "base64", "content", json_object_get(call->json, "content")));
	call_json(call, file == NULL ? 201 : 200,
		  json_pack("{s:{s:s, s:s}, s:{s:s}}", "content", "path", path, "sha", sha,
			    "commit", "sha", sha));
}

void world_github_repo_del(struct call *call)
{
	struct world *world = &call->box->world;
	char key[KEY_MAX];
	json_t *repo;
	size_t i;

	if (repo_key(call, key))
		json_array_foreach(world->repos, i, repo)
		{
			if (!bytes_is(json_str(repo, "full_name"), key))
				continue;
			json_array_remove(world->repos, i);
			json_object_del(world->issues, key);
			json_object_del(world->pulls, key);
			call_empty(call, 204);
			return;
		}
	call_refuse(call, 404, "Not Found");
}

static bool has_word(struct bytes text, struct bytes word)
{
	return word.n == 0 || (text.n > 0 && memmem(text.p, text.n, word.p, word.n) != NULL);
}

/* Issues of all repositories, with the name of theirs. */
static json_t *all_issues(struct call *call, struct bytes word)
{
	json_t *found = json_array(), *issues, *issue;
	const char *name;
	size_t i;

	json_object_foreach(call->box->world.issues, name, issues)
	{
		json_array_foreach(issues, i, issue)
		{
			json_t *copy = json_deep_copy(issue);
			json_object_set_new(copy, "repository",
					    json_pack("{s:s}", "full_name", name));
			if (has_word(json_str(issue, "title"), word))
				json_array_append(found, copy);
			json_decref(copy);
		}
	}
	return found;
}

void world_github_my_issues(struct call *call)
{
	call_json(call, 200, all_issues(call, (struct bytes){ 0 }));
}

void world_github_search(struct call *call)
{
	json_t *found = all_issues(call, call_param(call, "q"));

	call_json(call, 200,
		  json_pack("{s:I, s:o}", "total_count", (json_int_t)json_array_size(found),
			    "items", found));
}

void world_github_commits(struct call *call)
{
	call_json(call, 200, json_deep_copy(call->box->world.commits));
}

void world_github_notifications(struct call *call)
{
	call_json(call, 200,
		  json_pack("[{s:s, s:s, s:b, s:s, s:{s:s, s:s}, s:{s:s}}]", "id", "1", "reason",
			    "mention", "unread", 1, "updated_at", "2026-11-23T08:00:00Z", "subject",
			    "title", "The mill jams on carry", "type", "Issue", "repository",
			    "full_name", "sandbox/engine"));
}

static json_t *pulls_of(const struct call *call)
{
	char key[KEY_MAX];

	return repo_key(call, key) ? json_object_get(call->box->world.pulls, key) : NULL;
}

static json_t *find_pull(struct call *call)
{
	json_t *pulls = pulls_of(call), *pull;
	uint64_t number;
	size_t i;

	if (bytes_u64(call->params[2], INT32_MAX, &number) == OK)
		json_array_foreach(pulls, i, pull)
		{
			if ((uint64_t)json_integer_value(json_object_get(pull, "number")) == number)
				return pull;
		}
	call_refuse(call, 404, "Not Found");
	return NULL;
}

void world_github_pulls(struct call *call)
{
	json_t *pulls = pulls_of(call);

	if (pulls == NULL)
		call_refuse(call, 404, "Not Found");
	else
		call_json(call, 200, json_deep_copy(pulls));
}

void world_github_pull(struct call *call)
{
	json_t *pull = find_pull(call);

	if (pull != NULL)
		call_json(call, 200, json_deep_copy(pull));
}

void world_github_merge(struct call *call)
{
	json_t *pull = find_pull(call);
	const struct bytes sha = json_str(call->json, "sha");
	char merged[32];

	if (pull == NULL)
		return;
	if (json_is_true(json_object_get(pull, "merged"))) {
		call_refuse(call, 405, "Pull Request is not mergeable");
		return;
	}
	if (sha.n > 0 && !bytes_eq(sha, json_str(json_object_get(pull, "head"), "sha"))) {
		call_refuse(call, 409, "Head branch was modified. Review and try the merge again.");
		return;
	}
	if (keep_commit(call, json_str(pull, "title"), merged) == NULL) {
		call_refuse(call, 405, "The sandbox takes no more of these.");
		return;
	}
	json_object_set_new(pull, "merged", json_true());
	json_object_set_new(pull, "state", json_string("closed"));
	call_json(call, 200,
		  json_pack("{s:b, s:s, s:s}", "merged", 1, "sha", merged, "message",
			    "Pull Request successfully merged"));
}
