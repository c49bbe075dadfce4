/* SPDX-License-Identifier: Apache-2.0 */
/* A remote MCP server: what it says of its tools, and which of that a person has accepted. */
#include <stdlib.h>

#include "codec/doc.h"
#include "core/catalog/section.h"

#define LISTED(member) offsetof(struct service_listed, member)

enum { DEFINITION_MAX = 32 * 1024, PIN_LEN = 64, SAYS_MAX = 500 };

static enum err read_definition(const struct reader *r, const struct yaml_node *node,
				const struct reader_key *key, void *to)
{
	struct bytes *text = to;

	if (!yaml_str(node, text) || text->n == 0 || text->n > DEFINITION_MAX)
		return READER_REFUSE(r, node, "'%s' is the JSON of a tool's definition", key->name);
	return OK;
}

static enum err read_pin(const struct reader *r, const struct yaml_node *node,
			 const struct reader_key *key, void *to)
{
	struct bytes *pin = to;

	bool good = yaml_str(node, pin) && pin->n == PIN_LEN;
	for (size_t i = 0; good && i < PIN_LEN; i++)
		good = (pin->p[i] >= '0' && pin->p[i] <= '9') ||
		       (pin->p[i] >= 'a' && pin->p[i] <= 'f');
	return good ? OK : READER_REFUSE(r, node, "'%s' is a SHA-256 in hexadecimal", key->name);
}

static enum err read_hidden(const struct reader *r, const struct yaml_node *node,
			    const struct reader_key *key, void *to)
{
	int64_t *hidden = to;

	if (!yaml_int(node, hidden) || *hidden < 0)
		return READER_REFUSE(r, node, "'%s' is a number of characters", key->name);
	return OK;
}

static enum err read_listed(const struct reader *r, const struct yaml_node *node,
			    struct service_listed *ret)
{
	static const struct reader_key keys[] = {
		{ "name", reader_name, LISTED(name), true, NULL },
		{ "pin", read_pin, LISTED(pin), false, NULL },
		{ "definition", read_definition, LISTED(definition), false, NULL },
		{ "offered_pin", read_pin, LISTED(offered_pin), false, NULL },
		{ "offered", read_definition, LISTED(offered), false, NULL },
		{ "hidden", read_hidden, LISTED(hidden), false, NULL },
		{ "gone", reader_bool, LISTED(gone), false, NULL },
	};

	TRY(reader_map(r, node, keys, ARRAY_LEN(keys), ret));
	if ((ret->pin.n > 0) != (ret->definition.n > 0) ||
	    (ret->offered_pin.n > 0) != (ret->offered.n > 0) ||
	    (ret->pin.n == 0 && ret->offered_pin.n == 0))
		return READER_REFUSE(r, node, "a tool is accepted or offered, each with its pin");
	return OK;
}

static enum err read_listing(const struct reader *r, const struct yaml_node *node,
			     const struct reader_key *key, void *to)
{
	struct service_mcp *mcp = to;

	if (node->kind != YAML_LIST)
		return READER_REFUSE(r, node, "'tools' must be a list");
	mcp->listed = calloc(SERVICE_TOOLS_MAX, sizeof *mcp->listed);
	if (mcp->listed == NULL)
		return FAULT_NOMEM;
	for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
		if (mcp->listed_n == SERVICE_TOOLS_MAX)
			return READER_REFUSE(r, child, "more than %d tools", SERVICE_TOOLS_MAX);
		TRY(read_listed(r, child, &mcp->listed[mcp->listed_n]));
		mcp->listed_n++;
	}
	return OK;
}

enum err section_mcp(const struct reader *r, const struct yaml_node *node,
		     const struct reader_key *key, void *to)
{
	static const struct reader_key keys[] = {
		{ "url", reader_url, offsetof(struct service_mcp, url), true, NULL },
		{ "tools", read_listing, 0, false, NULL },
	};

	return reader_map(r, node, keys, ARRAY_LEN(keys), to);
}

/* Its own word is believed where it warns; that a tool only reads was accepted with the rest. */
static enum service_effect effect_of(const struct doc *doc)
{
	if (doc_kind(doc, doc_pointer(doc, str("/annotations/destructiveHint"))) == DOC_TRUE)
		return SERVICE_DESTRUCTIVE;
	if (doc_kind(doc, doc_pointer(doc, str("/annotations/readOnlyHint"))) == DOC_TRUE)
		return SERVICE_READ;
	return SERVICE_WRITE;
}

/* The first of these places where there is a text, cut; *@ret stands in @out, which grows no more
 * than it was made for. */
static size_t put_text(const struct doc *doc, const char *const *places, size_t n,
		       struct dynbuf *out)
{
	const size_t began = out->n;

	for (size_t i = 0; i < n; i++) {
		struct bytes letters = doc_letters(doc, doc_pointer(doc, str(places[i])));
		while (letters.p != NULL && letters.n > 0 && out->n - began < SAYS_MAX) {
			const uint32_t point = doc_letter(&letters);
			dynbuf_u8(out, point < ' ' ? ' ' : point < 0x80 ? (uint8_t)point : '?');
		}
		if (out->n > began)
			break;
	}
	return out->n - began;
}

/* What is printed elsewhere as text of ours: the definition itself is passed on as it is. */
static enum err put_words(const struct doc *doc, struct service_tool *tool)
{
	static const char *const titles[] = { "/title", "/annotations/title", "/name" };
	static const char *const says[] = { "/description", "/name" };
	scoped(dynbuf_done) struct dynbuf text;

	dynbuf_init(&text, 4 * SAYS_MAX);
	const size_t title = put_text(doc, titles, ARRAY_LEN(titles), &text);
	const size_t about = put_text(doc, says, ARRAY_LEN(says), &text);
	dynbuf_str(&text, "Call ");
	dynbuf_bytes(&text, tool->name);
	TRY(dynbuf_err(&text));
	TRY(buf_dup(dynbuf_view(&text), &tool->words));
	const uint8_t *p = tool->words->p;
	tool->title = (struct bytes){ p, title };
	tool->says = (struct bytes){ p + title, about };
	tool->summary = (struct bytes){ p + title + about, tool->words->n - title - about };
	return OK;
}

static enum err read_tool(const struct service_listed *listed, struct service_tool *tool)
{
	struct doc doc = { 0 };

	TRY(doc_read(listed->definition, &doc));
	tool->name = listed->name;
	tool->remote = listed->definition;
	tool->pin = listed->pin;
	tool->effect = effect_of(&doc);
	const uint32_t input = doc_member(&doc, 0, str("inputSchema"));
	tool->remote_input = doc_raw(&doc, input);
	enum err err =
		doc_is(&doc, doc_member(&doc, 0, str("name")), listed->name) &&
				doc_is(&doc, doc_member(&doc, input, str("type")), str("object"))
			? OK
			: ERR_MALFORMED;
	if (err == OK)
		err = put_words(&doc, tool);
	doc_done(&doc);
	return err;
}

enum err section_mcp_tools(const struct reader *r, const struct yaml_node *node,
			   struct service *service)
{
	const struct service_mcp *mcp = &service->mcp;

	service->tools = calloc(SERVICE_TOOLS_MAX, sizeof *service->tools);
	if (service->tools == NULL)
		return FAULT_NOMEM;
	for (size_t i = 0; i < mcp->listed_n; i++) {
		const struct service_listed *listed = &mcp->listed[i];
		for (size_t k = 0; k < i; k++)
			if (bytes_eq(mcp->listed[k].name, listed->name))
				return READER_REFUSE(r, node, "the tool '%.*s' is there twice",
						     (int)listed->name.n, listed->name.p);
		if (service_listed_state(listed) != SERVICE_LISTED_LIVE)
			continue;
		if (read_tool(listed, &service->tools[service->tools_n]) != OK)
			return READER_REFUSE(r, node, "the definition of '%.*s' is none",
					     (int)listed->name.n, listed->name.p);
		service->tools_n++;
	}
	return OK;
}

enum service_listed_state service_listed_state(const struct service_listed *listed)
{
	if (listed->pin.n == 0)
		return SERVICE_LISTED_NEW;
	if (listed->offered_pin.n > 0)
		return SERVICE_LISTED_CHANGED;
	return listed->gone ? SERVICE_LISTED_GONE : SERVICE_LISTED_LIVE;
}

enum service_effect service_listed_effect(const struct service_listed *listed)
{
	enum service_effect effect = SERVICE_WRITE;
	struct doc doc = { 0 };

	if (doc_read(listed->offered.n > 0 ? listed->offered : listed->definition, &doc) == OK)
		effect = effect_of(&doc);
	doc_done(&doc);
	return effect;
}
