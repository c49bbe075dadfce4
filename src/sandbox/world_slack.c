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
	const struct world *world = &call->box->world;
	const bool dms = bytes_is(call_param(call, "types"), "im");
	const bool live = bytes_is(call_param(call, "exclude_archived"), "true");
	json_t *shown = json_array(), *one;
	size_t i;

	json_array_foreach(dms ? world->dms : world->channels, i, one)
	{
		if (!live || !json_is_true(json_object_get(one, "is_archived")))
			json_array_append(shown, one);
	}
	call_json(call, 200,
		  json_pack("{s:b, s:o, s:{s:s}}", "ok", 1, "channels", shown, "response_metadata",
			    "next_cursor", ""));
}

static json_t *find_channel(json_t *list, struct bytes id)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (id.n != 0 && bytes_eq(json_str(one, "id"), id))
			return one;
	}
	return NULL;
}

/* The conversation that the request names, or NULL when it is answered. */
static json_t *channel_of(struct call *call)
{
	const struct bytes id = call_param(call, "channel");
	json_t *found = find_channel(call->box->world.channels, id);

	if (found == NULL)
		found = find_channel(call->box->world.dms, id);
	if (found == NULL)
		call_refuse(call, 200, "channel_not_found");
	return found;
}

/* Its messages, or NULL when the request is answered. */
static json_t *messages_of(struct call *call)
{
	const json_t *channel = channel_of(call);

	return channel == NULL ? NULL
			       : json_object_get(call->box->world.messages,
						 (const char *)json_str(channel, "id").p);
}

void world_slack_channel(struct call *call)
{
	json_t *channel = channel_of(call);

	if (channel != NULL)
		call_json(call, 200, json_pack("{s:b, s:O}", "ok", 1, "channel", channel));
}

void world_slack_archive(struct call *call)
{
	json_t *channel = channel_of(call);

	if (channel == NULL)
		return;
	if (json_is_true(json_object_get(channel, "is_archived"))) {
		call_refuse(call, 200, "already_archived");
		return;
	}
	json_object_set_new(channel, "is_archived", json_true());
	call_json(call, 200, json_pack("{s:b}", "ok", 1));
}

void world_slack_rename(struct call *call)
{
	json_t *channel = channel_of(call);
	const struct bytes name = call_param(call, "name");

	if (channel == NULL)
		return;
	if (name.n == 0) {
		call_refuse(call, 200, "invalid_name_required");
		return;
	}
	json_object_set_new(channel, "name", json_of(name));
	call_json(call, 200, json_pack("{s:b, s:O}", "ok", 1, "channel", channel));
}

/* Timestamps have one length here, so their texts are in their order. */
static bool is_after(const json_t *message, struct bytes ts)
{
	const struct bytes own = json_str(message, "ts");

	return ts.n == 0 || own.n != ts.n || memcmp(own.p, ts.p, ts.n) > 0;
}

static json_t *find_message(json_t *messages, struct bytes ts)
{
	json_t *message;
	size_t i;

	json_array_foreach(messages, i, message)
	{
		if (bytes_eq(json_str(message, "ts"), ts))
			return message;
	}
	return NULL;
}

void world_slack_replies(struct call *call)
{
	json_t *messages = messages_of(call), *message;
	const struct bytes ts = call_param(call, "ts");
	json_t *shown;
	size_t i;

	if (messages == NULL)
		return;
	if (find_message(messages, ts) == NULL) {
		call_refuse(call, 200, "thread_not_found");
		return;
	}
	shown = json_array();
	json_array_foreach(messages, i, message)
	{
		if (bytes_eq(json_str(message, "ts"), ts) ||
		    bytes_eq(json_str(message, "thread_ts"), ts))
			json_array_insert(shown, 0, message);
	}
	call_json(call, 200,
		  json_pack("{s:b, s:o, s:b}", "ok", 1, "messages", shown, "has_more", 0));
}

void world_slack_react(struct call *call)
{
	json_t *messages = messages_of(call), *message, *reactions;
	const struct bytes name = call_param(call, "name");

	if (messages == NULL)
		return;
	message = find_message(messages, call_param(call, "timestamp"));
	if (message == NULL || name.n == 0) {
		call_refuse(call, 200, message == NULL ? "message_not_found" : "invalid_name");
		return;
	}
	reactions = json_object_get(message, "reactions");
	if (reactions == NULL) {
		reactions = json_array();
		json_object_set_new(message, "reactions", reactions);
	}
	if (json_array_size(reactions) >= CALL_LIST_MAX) {
		call_refuse(call, 200, "too_many_reactions");
		return;
	}
	json_array_append_new(reactions, json_pack("{s:o, s:[s]}", "name", json_of(name), "users",
						   persons[call->grant->person].number));
	call_json(call, 200, json_pack("{s:b}", "ok", 1));
}

void world_slack_history(struct call *call)
{
	json_t *messages = messages_of(call), *message, *shown;
	size_t i;

	if (messages == NULL)
		return;
	shown = json_array();
	json_array_foreach(messages, i, message)
	{
		if (is_after(message, call_param(call, "oldest")))
			json_array_append(shown, message);
	}
	call_json(call, 200,
		  json_pack("{s:b, s:o, s:b}", "ok", 1, "messages", shown, "has_more", 0));
}

void world_slack_post(struct call *call)
{
	json_t *messages = messages_of(call), *message, *text;
	const struct bytes said = call_param(call, "text");
	char ts[32];

	if (messages == NULL)
		return;
	text = said.n == 0 ? NULL : json_of(said);
	if (text == NULL || json_array_size(messages) >= CALL_LIST_MAX) {
		json_decref(text);
		call_refuse(call, 200, said.n == 0 ? "no_text" : "restricted_action");
		return;
	}
	snprintf(ts, sizeof(ts), "1700000000.%06" JSON_INTEGER_FORMAT, call->box->world.next++);
	message = json_pack("{s:s, s:s, s:o, s:s}", "type", "message", "ts", ts, "text", text,
			    "user", persons[call->grant->person].number);
	if (call_param(call, "thread_ts").n > 0)
		json_object_set_new(message, "thread_ts", json_of(call_param(call, "thread_ts")));
	json_array_insert(messages, 0, message);
	call_json(call, 200,
		  json_pack("{s:b, s:s, s:o, s:o}", "ok", 1, "ts", ts, "channel",
			    json_of(call_param(call, "channel")), "message", message));
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
	channel = json_pack("{s:s, s:o, s:b, s:b}", "id", id, "name", text, "is_archived", 0,
			    "is_private", 0);
	json_array_append(world->channels, channel);
	json_object_set_new(world->messages, id, json_array());
	call_json(call, 200, json_pack("{s:b, s:o}", "ok", 1, "channel", channel));
}
