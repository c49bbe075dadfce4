/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "sandbox/call.h"

static const char cloud_id[] = "sandbox-cloud-1";

void world_jira_me(struct call *call)
{
	const struct person *me = &persons[call->grant->person];

	call_json(call, 200,
		  json_pack("{s:s, s:s, s:s}", "account_id", me->number, "name", me->name, "email",
			    me->email));
}

void world_jira_sites(struct call *call)
{
	call_json(call, 200,
		  json_pack("[{s:s, s:s, s:s, s:[s, s]}]", "id", cloud_id, "name", "sandbox", "url",
			    "https://sandbox.invalid", "scopes", "read:jira-work",
			    "write:jira-work"));
}

/* False: answered, for the route names another site. */
static bool at_home(struct call *call)
{
	if (bytes_is(call->params[0], cloud_id))
		return true;
	call_refuse(call, 404, "No such site.");
	return false;
}

/* The ticket of the route, or NULL when it is answered with 404. */
static json_t *ticket_of(struct call *call)
{
	json_t *ticket;
	size_t i;

	if (!at_home(call))
		return NULL;
	json_array_foreach(call->box->world.tickets, i, ticket)
	{
		if (bytes_eq(json_str(ticket, "key"), call->params[1]) ||
		    bytes_eq(json_str(ticket, "id"), call->params[1]))
			return ticket;
	}
	call_refuse(call, 404, "Issue does not exist or you do not have permission to see it.");
	return NULL;
}

void world_jira_search(struct call *call)
{
	const json_t *tickets = call->box->world.tickets;

	if (at_home(call))
		call_json(call, 200,
			  json_pack("{s:O, s:I, s:b}", "issues", tickets, "total",
				    (json_int_t)json_array_size(tickets), "isLast", 1));
}

void world_jira_issue(struct call *call)
{
	json_t *ticket = ticket_of(call);

	if (ticket != NULL)
		call_json(call, 200, json_deep_copy(ticket));
}

void world_jira_issue_new(struct call *call)
{
	json_t *fields = json_object_get(call->json, "fields"), *ticket;
	struct world *world = &call->box->world;
	char key[32], id[32];

	if (!at_home(call))
		return;
	if (json_str(fields, "summary").n == 0 ||
	    json_array_size(world->tickets) >= CALL_LIST_MAX) {
		call_refuse(call, 400, "You must specify a summary of the issue.");
		return;
	}
	snprintf(key, sizeof(key), "DEMO-%zu", json_array_size(world->tickets) + 1);
	snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT, world->next++);
	ticket = json_pack("{s:s, s:s, s:o}", "id", id, "key", key, "fields",
			   json_deep_copy(fields));
	json_object_set_new(json_object_get(ticket, "fields"), "status",
			    json_pack("{s:s}", "name", "To Do"));
	json_array_append_new(world->tickets, ticket);
	call_json(call, 201, json_pack("{s:s, s:s}", "id", id, "key", key));
}

static const struct {
	const char *id, *name;
} transitions[] = { { "11", "To Do" }, { "21", "In Progress" }, { "31", "Done" } };

void world_jira_transitions(struct call *call)
{
	json_t *list;

	if (ticket_of(call) == NULL)
		return;
	list = json_array();
	for (size_t i = 0; i < ARRAY_LEN(transitions); i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:{s:s}}", "id", transitions[i].id, "name",
					transitions[i].name, "to", "name", transitions[i].name));
	call_json(call, 200, json_pack("{s:o}", "transitions", list));
}

void world_jira_transition(struct call *call)
{
	json_t *ticket = ticket_of(call);
	const struct bytes id = json_str(json_object_get(call->json, "transition"), "id");

	if (ticket == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(transitions); i++) {
		if (!bytes_is(id, transitions[i].id))
			continue;
		json_object_set_new(json_object_get(ticket, "fields"), "status",
				    json_pack("{s:s}", "name", transitions[i].name));
		call_empty(call, 204);
		return;
	}
	call_refuse(call, 400, "The transition is not valid.");
}

void world_jira_comments(struct call *call)
{
	json_t *ticket = ticket_of(call), *comments;

	if (ticket == NULL)
		return;
	comments = json_object_get(ticket, "comments");
	comments = comments == NULL ? json_array() : json_deep_copy(comments);
	call_json(call, 200,
		  json_pack("{s:o, s:I}", "comments", comments, "total",
			    (json_int_t)json_array_size(comments)));
}

static json_t *project_json(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", "10000", "key", "DEMO", "name", "Demo",
			 "projectTypeKey", "software", "isPrivate", 0);
}

void world_jira_projects(struct call *call)
{
	if (at_home(call))
		call_json(call, 200,
			  json_pack("{s:[o], s:i, s:b}", "values", project_json(), "total", 1,
				    "isLast", 1));
}

void world_jira_project(struct call *call)
{
	if (!at_home(call))
		return;
	if (bytes_is(call->params[1], "DEMO"))
		call_json(call, 200, project_json());
	else
		call_refuse(call, 404, "No project could be found with that key.");
}

void world_jira_comment_new(struct call *call)
{
	json_t *ticket = ticket_of(call), *body = json_object_get(call->json, "body");
	json_t *comments, *comment;
	char id[32];

	if (ticket == NULL)
		return;
	comments = json_object_get(ticket, "comments");
	if (comments == NULL) {
		comments = json_array();
		json_object_set_new(ticket, "comments", comments);
	}
	if (body == NULL || json_array_size(comments) >= CALL_LIST_MAX) {
		call_refuse(call, 400, "Comment body can not be empty!");
		return;
	}
	snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT, call->box->world.next++);
	comment = json_pack("{s:s, s:O, s:{s:s}}", "id", id, "body", body, "author", "displayName",
			    persons[call->grant->person].name);
	json_array_append(comments, comment);
	call_json(call, 201, comment);
}
