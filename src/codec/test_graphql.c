/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/dynbuf.h"
#include "codec/graphql_request.h"

static struct graphql parsed;

/* "query a(x y) mutation (z)" */
static void facts_text(const struct graphql *graphql, char *to, size_t size)
{
	*to = 0;
	for (size_t i = 0; i < graphql->operations_n; i++) {
		const struct graphql_operation *op = &graphql->operations[i];
		snprintf(to + strlen(to), size - strlen(to), "%s%s %.*s(", i == 0 ? "" : " ",
			 graphql_type_name(op->type), (int)op->name.n,
			 op->name.n == 0 ? "" : (const char *)op->name.p);
		for (size_t k = 0; k < op->fields_n; k++)
			snprintf(to + strlen(to), size - strlen(to), "%s%.*s", k == 0 ? "" : " ",
				 (int)op->fields[k].n, (const char *)op->fields[k].p);
		snprintf(to + strlen(to), size - strlen(to), ")");
	}
}

static void the_fields_at_the_root_are_found(void **state)
{
	static const struct {
		const char *text, *facts;
		bool sound;
	} rows[] = {
		{ "{a}", "query (a)", true },
		{ "query Q($a:[Int!]!=[1]@d){x:a(b:$a){deep{er}}b}", "query Q(a b)", true },
		{ "mutation{read:issueDelete(id:1){ok}}", "mutation (issueDelete)", true },
		{ "{a a a:a b:a}", "query (a)", true },
		{ "{...F ...on Q@include(if:$x){c} ...@skip(if:true){d ...{e}}} fragment F on Q{a "
		  "...G}"
		  " fragment G on Q{b ...F}",
		  "query (a b c d e)", true },
		{ "query A{a} mutation B{b}", "query A(a) mutation B(b)", true },
		{ "subscription S{s}", "subscription S(s)", true },
		{ "{a{...F}} fragment F on T{x}", "query (a)", true },
		{ "{...F}", "query ()", false },
		{ "{a} query B{b}", "query (a) query B(b)", false },
		{ "query A{a} mutation A{b}", "query A(a) mutation A(b)", false },
		{ "{...F} fragment F on Q{a} fragment F on Q{b}", "query (a)", false },
		{ "# c\n\xef\xbb\xbf,{a(b:\"\\u{1F600}\\ud83d\\ude00\",c:\"\"\"x \\\"\"\" "
		  "\"y\"\"\","
		  "d:-1.5e+3,e:{f:[A,true,null]}),}",
		  "query (a)", true },
		{ "{query mutation fragment on:subscription}",
		  "query (query mutation fragment subscription)", true },
		{ "fragment F on T{a}", "", true },
	};
	char text[500];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (graphql_parse(str(rows[i].text), &parsed) != OK)
			fail_msg("%s is refused", rows[i].text);
		facts_text(&parsed, text, sizeof text);
		assert_string_equal(text, rows[i].facts);
		assert_int_equal(parsed.sound, rows[i].sound);
	}
}

static void what_is_no_executable_document_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"#",
		"{",
		"{}",
		"{a",
		"{a{}}",
		"{a()}",
		"{a(b)}",
		"{a(b:)}",
		"{a:}",
		"{a:b:c}",
		"query",
		"query(){a}",
		"query($a){a}",
		"query($a:Int=$b){a}",
		"query($a:Int@d(x:$b)){a}",
		"query Q R{a}",
		"querie{a}",
		"{...}",
		"{...on}",
		"{...on{a}}",
		"{..a}",
		"{a(b:01)}",
		"{a(b:1a)}",
		"{a(b:1.)}",
		"{a(b:.1)}",
		"{a(b:1.e1)}",
		"{a(b:--1)}",
		"{a(b:\"x)}",
		"{a(b:\"\n\")}",
		"{a(b:\"\\x\")}",
		"{a(b:\"\\u12\")}",
		"{a(b:\"\\ud800\")}",
		"{a(b:\"\\u{110000}\")}",
		"{a(b:\"\\u{}\")}",
		"{a(b:\"\"\"x\")}",
		"{a(b:[1)}",
		"{a(b:{c})}",
		"{a@}",
		"{a};",
		"{a}}",
		"{a?}",
		"fragment on on T{a}",
		"fragment F T{a}",
		"fragment F($a:Int) on T{a}",
		"{a} {",
		"query Q{a}\xc3\xa4",
	};
	static const char *const types[] = { "type Q{a:Int}",	      "schema{query:Q}",
					     "\"doc\" type Q{a:Int}", "extend type Q{a:Int}",
					     "{a} scalar X",	      "directive @d on FIELD" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (graphql_parse(str(bad[i]), &parsed) != ERR_MALFORMED)
			fail_msg("%s is not malformed", bad[i]);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (graphql_parse(str(types[i]), &parsed) != ERR_UNSUPPORTED)
			fail_msg("%s is not refused as types", types[i]);
	assert_int_equal(graphql_parse((struct bytes){ (const uint8_t *)"{a\0}", 4 }, &parsed),
			 ERR_MALFORMED);
}

static void documents_are_bounded(void **state)
{
	static const struct {
		const char *head, *each, *tail;
		int n;
	} rows[] = {
		{ "{a", "{a", "", GRAPHQL_DEPTH_MAX + 1 },
		{ "{a(b:", "[", "", GRAPHQL_DEPTH_MAX + 1 },
		{ "query($a:", "[", "", GRAPHQL_DEPTH_MAX + 1 },
		{ "{", "a ", "}", GRAPHQL_TOKENS_MAX },
		{ "", "query{a}", "", GRAPHQL_OPERATIONS_MAX + 1 },
		{ "", "fragment F on T{a}", "", GRAPHQL_FRAGMENTS_MAX + 1 },
	};
	scoped(dynbuf_done) struct dynbuf text = { .max = 2 * GRAPHQL_TEXT_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		dynbuf_reset(&text);
		dynbuf_str(&text, rows[i].head);
		for (int k = 0; k < rows[i].n; k++)
			dynbuf_str(&text, rows[i].each);
		dynbuf_str(&text, rows[i].tail);
		if (graphql_parse(dynbuf_view(&text), &parsed) != ERR_TOO_LARGE)
			fail_msg("row %zu is taken", i);
	}
	dynbuf_reset(&text);
	dynbuf_str(&text, "{");
	for (int k = 0; k <= GRAPHQL_FIELDS_MAX; k++)
		dynbuf_printf(&text, "a%d ", k);
	dynbuf_str(&text, "}");
	assert_int_equal(graphql_parse(dynbuf_view(&text), &parsed), ERR_TOO_LARGE);
	dynbuf_reset(&text);
	while (text.n <= GRAPHQL_TEXT_MAX)
		dynbuf_str(&text, "      {a}");
	assert_int_equal(graphql_parse(dynbuf_view(&text), &parsed), ERR_TOO_LARGE);
}

static void a_request_is_understood_or_counts_as_a_write(void **state)
{
	static const struct {
		const char *body;
		bool understood, reads;
		size_t fields;
	} rows[] = {
		{ "{\"query\":\"{a b}\"}", true, true, 2 },
		{ "{\"query\":\"{a}\",\"variables\":{\"x\":1},\"operationName\":null,"
		  "\"extensions\":{}}",
		  true, true, 1 },
		{ "{\"query\":\"query A{a} mutation B{b c}\",\"operationName\":\"A\"}", true, true,
		  1 },
		{ "{\"query\":\"query A{a} mutation B{b c}\",\"operationName\":\"B\"}", true, false,
		  2 },
		{ "{\"query\":\"query A{a} mutation B{b c}\"}", true, false, 3 },
		{ "[{\"query\":\"{a}\"},{\"query\":\"{b}\"}]", true, true, 2 },
		{ "[{\"query\":\"{a}\"},{\"query\":\"mutation{b}\"}]", true, false, 2 },
		{ "{\"query\":\"subscription{a}\"}", true, false, 1 },
		{ "{\"query\":\"\\u007ba}\"}", true, true, 1 },
		/* a name that is not there, an empty one, one that is no string */
		{ "{\"query\":\"query A{a}\",\"operationName\":\"B\"}", false, false, 0 },
		{ "{\"query\":\"query A{a}\",\"operationName\":\"\"}", false, false, 0 },
		{ "{\"query\":\"query A{a}\",\"operationName\":5}", false, false, 0 },
		/* persisted queries */
		{ "{\"extensions\":{\"persistedQuery\":{\"version\":1,\"sha256Hash\":\"x\"}}}",
		  false, false, 0 },
		{ "{\"query\":\"{a}\",\"extensions\":{\"persistedQuery\":{\"sha256Hash\":\"x\"}}}",
		  false, false, 0 },
		{ "{\"query\":\"{a}\",\"documentId\":\"x\"}", false, false, 0 },
		{ "{\"id\":\"x\"}", false, false, 0 },
		{ "{\"query\":\"{a}\",\"Query\":\"mutation{b}\"}", false, false, 0 },
		{ "{\"query\":\"{a}\",\"query\":\"mutation{b}\"}", false, false, 0 },
		{ "{\"query\":null}", false, false, 0 },
		{ "{\"query\":[\"{a}\"]}", false, false, 0 },
		{ "{}", false, false, 0 },
		{ "[]", false, false, 0 },
		{ "[[{\"query\":\"{a}\"}]]", false, false, 0 },
		{ "\"{a}\"", false, false, 0 },
		{ "{a}", false, false, 0 },
		{ "", false, false, 0 },
		{ "{\"query\":\"{a\"}", false, false, 0 },
		{ "{\"query\":\"{...F}\"}", false, false, 0 },
		{ "{\"query\":\"fragment F on T{a}\"}", false, false, 0 },
	};
	static struct graphql_facts facts;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		graphql_facts_init(&facts);
		assert_int_equal(graphql_request_json(str(rows[i].body), &facts), OK);
		if (facts.understood != rows[i].understood ||
		    graphql_only_reads(&facts) != rows[i].reads ||
		    (facts.understood && facts.fields_n != rows[i].fields))
			fail_msg("%s", rows[i].body);
		graphql_facts_done(&facts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fields_at_the_root_are_found),
		cmocka_unit_test(what_is_no_executable_document_is_refused),
		cmocka_unit_test(documents_are_bounded),
		cmocka_unit_test(a_request_is_understood_or_counts_as_a_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
