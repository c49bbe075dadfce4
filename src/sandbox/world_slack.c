/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "sandbox/call.h"

void world_slack_test(struct call *call)
{
	const struct person *me = &persons[call->grant->person];

	call_json(call, 200,
		  json_pack("{s:b, s:s, s:s, s:s, s:s, s:s}", "ok", 1, "url",
			    "https://sandbox.invalid/", "team", "Sandbox", "user", me->login,
			    "team_id", "T-SANDBOX", "user_id", me->number));
}

void world_slack_channels(struct call *call)
{
	call_json(call, 200,
		  json_pack("{s:b, s:O, s:{s:s}}", "ok", 1, "channels", call->box->world.channels,
			    "response_metadata", "next_cursor", ""));
}

static json_t *messages_of(struct call *call)
{
	const struct bytes channel = call_param(call, "channel");
	json_t *one;
	size_t i;

	json_array_foreach(call->box->world.channels, i, one)
	{
		if (channel.n != 0 && bytes_eq(json_str(one, "id"), channel))
			return json_object_get(call->box->world.messages,
					       (const char *)json_str(one, "id").p);
	}
	return NULL;
}

void world_slack_history(struct call *call)
{
	json_t *messages = messages_of(call);

	if (messages == NULL)
		call_refuse(call, 200, "channel_not_found");
	else
		call_json(
			call, 200,
			json_pack("{s:b, s:O, s:b}", "ok", 1, "messages", messages, "has_more", 0));
}

void world_slack_post(struct call *call)
{
	json_t *messages = messages_of(call), *message, *text;
	const struct bytes said = call_param(call, "text");
	char ts[32];

	if (messages == NULL) {
		call_refuse(call, 200, "channel_not_found");
		return;
	}
	text = said.n == 0 ? NULL : json_of(said);
	if (text == NULL || json_array_size(messages) >= CALL_LIST_MAX) {
		json_decref(text);
		call_refuse(call, 200, said.n == 0 ? "no_text" : "restricted_action");
		return;
	}
	snprintf(ts, sizeof(ts), "1700000000.%06" JSON_INTEGER_FORMAT, call->box->world.next++);
	message = json_pack("{s:s, s:s, s:o, s:s}", "type", "message", "ts", ts, "text", text,
			    "user", persons[call->grant->person].number);
	json_array_insert(messages, 0, message);
	call_json(call, 200, json_pack("{s:b, s:s, s:o}", "ok", 1, "ts", ts, "message", message));
}

void world_slack_users(struct call *call)
{
	json_t *members = json_array();

	for (unsigned i = 0; i < PERSON_COUNT; i++)
		json_array_append_new(members,
				      json_pack("{s:s, s:s, s:s}", "id", persons[i].number, "name",
						persons[i].login, "real_name", persons[i].name));
	call_json(call, 200, json_pack("{s:b, s:o}", "ok", 1, "members", members));
}

void world_slack_channel_new(struct call *call)
{
	struct world *world = &call->box->world;
	const struct bytes name = call_param(call, "name");
	json_t *text = name.n == 0 ? NULL : json_of(name);
	json_t *channel;
	char id[32];

	if (text == NULL || json_array_size(world->channels) >= CALL_LIST_MAX) {
		json_decref(text);
		call_refuse(call, 200, "invalid_name");
		return;
	}
	snprintf(id, sizeof(id), "C%" JSON_INTEGER_FORMAT, world->next++);
	channel = json_pack("{s:s, s:o, s:b}", "id", id, "name", text, "is_archived", 0);
	json_array_append(world->channels, channel);
	json_object_set_new(world->messages, id, json_array());
	call_json(call, 200, json_pack("{s:b, s:o}", "ok", 1, "channel", channel));
}
