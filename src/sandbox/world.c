/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/world.h"

#include "sandbox/call.h"

static json_t *first_repos(void)
{
	return json_pack("[{s:i,s:s,s:s,s:b,s:s}, {s:i,s:s,s:s,s:b,s:s}]", "id", 1, "name",
			 "engine", "full_name", "sandbox/engine", "private", 1, "description",
			 "An analytical engine", "id", 2, "name", "compiler", "full_name",
			 "sandbox/compiler", "private", 0, "description", "A compiler");
}

static json_t *first_issues(void)
{
	return json_pack("{s:[{s:i,s:s,s:s,s:s,s:{s:s}}, {s:i,s:s,s:s,s:s,s:{s:s}}], s:[]}",
			 "sandbox/engine", "number", 1, "title", "The mill jams on carry", "state",
			 "open", "body", "It happens with long numbers.", "user", "login", "grace",
			 "number", 2, "title", "Print the results", "state", "open", "body",
			 "On paper, in columns.", "user", "login", "alan", "sandbox/compiler");
}

static json_t *first_mails(void)
{
	return json_pack("[{s:s,s:s,s:s}, {s:s,s:s,s:s}]", "id", "mail-1", "threadId", "thread-1",
			 "snippet", "The drawings are ready.", "id", "mail-2", "threadId",
			 "thread-2", "snippet", "Found a moth in the relay.");
}

static json_t *first_events(void)
{
	return json_pack("[{s:s,s:s,s:{s:s},s:{s:s}}]", "id", "event-1", "summary", "Stand-up",
			 "start", "dateTime", "2026-11-23T09:00:00Z", "end", "dateTime",
			 "2026-11-23T09:15:00Z");
}

static json_t *first_tickets(void)
{
	return json_pack("[{s:s,s:s,s:{s:s,s:{s:s}}}]", "id", "10001", "key", "DEMO-1", "fields",
			 "summary", "Oil the gears", "status", "name", "To Do");
}

enum err world_init(struct world *world)
{
	*world = (struct world){ .next = 20001 };
	world->repos = first_repos();
	world->issues = first_issues();
	world->comments = json_object();
	world->mails = first_mails();
	world->events = first_events();
	world->files = json_pack("[{s:s,s:s,s:s}]", "id", "file-1", "name", "Notes.txt", "mimeType",
				 "text/plain");
	world->channels =
		json_pack("[{s:s,s:s,s:b}, {s:s,s:s,s:b}]", "id", "C1", "name", "general",
			  "is_archived", 0, "id", "C2", "name", "engine", "is_archived", 0);
	world->messages =
		json_pack("{s:[{s:s,s:s,s:s,s:s}], s:[]}", "C1", "type", "message", "ts",
			  "1700000000.000001", "text", "Good morning", "user", "1002", "C2");
	world->tickets = first_tickets();
	if (world->repos == NULL || world->issues == NULL || world->comments == NULL ||
	    world->mails == NULL || world->events == NULL || world->files == NULL ||
	    world->channels == NULL || world->messages == NULL || world->tickets == NULL) {
		world_done(world);
		return FAULT_NOMEM;
	}
	return OK;
}

void world_done(struct world *world)
{
	json_decref(world->repos);
	json_decref(world->issues);
	json_decref(world->comments);
	json_decref(world->mails);
	json_decref(world->events);
	json_decref(world->files);
	json_decref(world->channels);
	json_decref(world->messages);
	json_decref(world->tickets);
	*world = (struct world){ 0 };
}

void world_notes_me(struct call *call)
{
	const struct person *me = &persons[call->grant->person];

	call_json(call, 200,
		  json_pack("{s:s, s:s, s:s}", "sub", me->number, "name", me->name, "email",
			    me->email));
}

void world_notes_note(struct call *call)
{
	json_t *id = json_of(call->params[0]);

	call_json(call, 200,
		  json_pack("{s:o, s:s, s:{s:s}}", "id", id, "title", "A note", "author", "login",
			    persons[call->grant->person].login));
}
