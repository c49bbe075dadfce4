/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "sandbox/call.h"

void world_google_userinfo(struct call *call)
{
	const struct person *me = &persons[call->grant->person];

	call_json(call, 200,
		  json_pack("{s:s, s:s, s:s, s:b}", "sub", me->number, "name", me->name, "email",
			    me->email, "email_verified", 1));
}

static json_t *find_by_id(json_t *list, struct bytes id, size_t *ret_at)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (bytes_eq(json_str(one, "id"), id)) {
			*ret_at = i;
			return one;
		}
	}
	return NULL;
}

static void answer_list(struct call *call, const char *name, json_t *list, size_t max)
{
	json_t *shown = json_array(), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (i < max)
			json_array_append(shown, one);
	}
	call_json(call, 200, json_pack("{s:o}", name, shown));
}

static void answer_one(struct call *call, json_t *list, struct bytes id)
{
	size_t at;
	json_t *one = find_by_id(list, id, &at);

	if (one == NULL)
		call_refuse(call, 404, "Not Found");
	else
		call_json(call, 200, json_deep_copy(one));
}

/* Gives @thing an id, keeps it and answers it. */
static void keep(struct call *call, json_t *list, json_t *thing, const char *prefix)
{
	char id[32];

	if (thing == NULL || json_array_size(list) >= CALL_LIST_MAX) {
		json_decref(thing);
		call_refuse(call, 400, "The sandbox takes no more of these.");
		return;
	}
	snprintf(id, sizeof(id), "%s%" JSON_INTEGER_FORMAT, prefix, call->box->world.next++);
	json_object_set_new(thing, "id", json_string(id));
	json_array_append(list, thing);
	call_json(call, 200, thing);
}

void world_google_mails(struct call *call)
{
	answer_list(call, "messages", call->box->world.mails,
		    call_number(call, "maxResults", 100, 500));
}

void world_google_mail(struct call *call)
{
	answer_one(call, call->box->world.mails, call->params[0]);
}

void world_google_send(struct call *call)
{
	const struct bytes raw = json_str(call->json, "raw");

	if (raw.n == 0) {
		call_refuse(call, 400, "'raw' is missing.");
		return;
	}
	keep(call, call->box->world.mails,
	     json_pack("{s:[s], s:s}", "labelIds", "SENT", "raw", (const char *)raw.p), "mail-");
}

void world_google_events(struct call *call)
{
	answer_list(call, "items", call->box->world.events,
		    call_number(call, "maxResults", 250, 2500));
}

void world_google_event_new(struct call *call)
{
	if (!json_is_object(call->json) || json_object_get(call->json, "start") == NULL)
		call_refuse(call, 400, "'start' is missing.");
	else
		keep(call, call->box->world.events, json_deep_copy(call->json), "event-");
}

void world_google_event_del(struct call *call)
{
	size_t at;

	if (find_by_id(call->box->world.events, call->params[1], &at) == NULL) {
		call_refuse(call, 404, "Not Found");
		return;
	}
	json_array_remove(call->box->world.events, at);
	call_empty(call, 204);
}

void world_google_files(struct call *call)
{
	answer_list(call, "files", call->box->world.files,
		    call_number(call, "pageSize", 100, 1000));
}

void world_google_file(struct call *call)
{
	answer_one(call, call->box->world.files, call->params[0]);
}

void world_google_file_new(struct call *call)
{
	if (json_str(call->json, "name").n == 0)
		call_refuse(call, 400, "'name' is missing.");
	else
		keep(call, call->box->world.files, json_deep_copy(call->json), "file-");
}
