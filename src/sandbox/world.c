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

static json_t *first_contents(void)
{
	return json_pack("{s:{s:s,s:s,s:s,s:s,s:s,s:s}}", "sandbox/engine/docs/README.md", "type",
			 "file", "name", "README.md", "path", "docs/README.md", "sha", "sandbox1",
			 "encoding", "base64", "content", "VHVybiB0aGUgaGFuZGxlLgo=");
}

static json_t *first_commits(void)
{
	return json_pack("[{s:s,s:{s:s,s:{s:s,s:s}}}]", "sha", "sandbox1", "commit", "message",
			 "Turn the handle", "author", "name", "Grace Sandbox", "date",
			 "2026-11-20T12:00:00Z");
}

static json_t *first_pulls(void)
{
	return json_pack("{s:[{s:i,s:s,s:s,s:s,s:b,s:b,s:{s:s,s:s},s:{s:s},s:{s:s}}]}",
			 "sandbox/engine", "number", 3, "title", "Carry without jamming", "state",
			 "open", "body", "Mends the mill.", "draft", 0, "merged", 0, "head", "ref",
			 "carry", "sha", "sandbox2", "base", "ref", "main", "user", "login",
			 "grace");
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

/* All that a world has; the one list of it for making, looking and ending. */
static size_t parts_of(struct world *world, json_t **parts[static 16])
{
	json_t **const all[] = { &world->repos,	   &world->issues,  &world->comments,
				 &world->contents, &world->commits, &world->pulls,
				 &world->mails,	   &world->events,  &world->files,
				 &world->channels, &world->dms,	    &world->messages,
				 &world->tickets };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		parts[i] = all[i];
	return ARRAY_LEN(all);
}

static json_t *first_channels(void)
{
	return json_pack("[{s:s,s:s,s:b,s:b}, {s:s,s:s,s:b,s:b}]", "id", "C1", "name", "general",
			 "is_archived", 0, "is_private", 0, "id", "C2", "name", "engine",
			 "is_archived", 0, "is_private", 0);
}

static json_t *first_messages(void)
{
	return json_pack("{s:[{s:s,s:s,s:s,s:s}], s:[], s:[{s:s,s:s,s:s,s:s}, {s:s,s:s,s:s,s:s}]}",
			 "C1", "type", "message", "ts", "1700000000.000001", "text", "Good morning",
			 "user", "1002", "C2", "D1", "type", "message", "ts", "1700000000.000003",
			 "text", "Did you see the moth?", "user", "1002", "type", "message", "ts",
			 "1700000000.000002", "text", "Hello", "user", "1002");
}

enum err world_init(struct world *world)
{
	json_t **parts[16];

	*world = (struct world){ .next = 20001 };
	world->repos = first_repos();
	world->issues = first_issues();
	world->comments = json_object();
	world->contents = first_contents();
	world->commits = first_commits();
	world->pulls = first_pulls();
	world->mails = first_mails();
	world->events = first_events();
	world->files = json_pack("[{s:s,s:s,s:s}]", "id", "file-1", "name", "Notes.txt", "mimeType",
				 "text/plain");
	world->channels = first_channels();
	world->dms = json_pack("[{s:s,s:s,s:b,s:b,s:s}]", "id", "D1", "user", "1002", "is_im", 1,
			       "is_private", 1, "last_read", "1700000000.000002");
	world->messages = first_messages();
	world->tickets = first_tickets();
	for (size_t i = 0, n = parts_of(world, parts); i < n; i++)
		if (*parts[i] == NULL) {
			world_done(world);
			return FAULT_NOMEM;
		}
	return OK;
}

void world_done(struct world *world)
{
	json_t **parts[16];

	for (size_t i = 0, n = parts_of(world, parts); i < n; i++)
		json_decref(*parts[i]);
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
