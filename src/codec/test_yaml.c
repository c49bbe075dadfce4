/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void it_remembers_names_kinds_and_lines(void **state)
{
	struct complaint complaint;
	struct yaml *yaml = NULL;
	struct bytes text;
	int64_t n;
	bool b;

	assert_int_equal(yaml_parse(str("# remark\na: true\nb: 'true'\nc:\n  - 7\n  - -3\n  - 07\n"
					"d: ~\ne: {f: g h}\n"),
				    "x.yaml", &complaint, &yaml),
			 OK);
	const struct yaml_node *root = yaml_root(yaml);
	assert_true(yaml_bool(yaml_find(root, "a"), &b) && b);
	assert_false(yaml_bool(yaml_find(root, "b"), &b));
	assert_true(yaml_str(yaml_find(root, "b"), &text) && bytes_is(text, "true"));
	const struct yaml_node *list = yaml_find(root, "c");
	assert_int_equal(list->kind, YAML_LIST);
	assert_int_equal(list->line, 4);
	assert_true(yaml_int(list->first, &n) && n == 7);
	assert_true(yaml_int(list->first->next, &n) && n == -3);
	assert_false(yaml_int(list->first->next->next, &n));
	assert_int_equal(list->first->next->next->line, 7);
	assert_int_equal(yaml_find(root, "d")->kind, YAML_NULL);
	assert_false(yaml_str(yaml_find(root, "d"), &text));
	assert_true(yaml_str(yaml_find(yaml_find(root, "e"), "f"), &text) && bytes_is(text, "g h"));
	assert_null(yaml_find(root, "z"));
	assert_int_equal(yaml_complain(yaml, list, &complaint, "no %s", "good"), ERR_MALFORMED);
	assert_string_equal(complaint.text, "x.yaml:4: no good");
	yaml_free(&yaml);
	assert_null(yaml);
}

static void it_refuses_what_it_does_not_read_with_the_line(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "a: 1\nb: &x 2\n", "f:2: anchors (&name) are not accepted" },
		{ "a: &x {b: 1}\n", "f:1: anchors (&name) are not accepted" },
		{ "a: *x\n", "f:1: aliases (*name) are not accepted" },
		{ "a: !!int 3\n", "f:1: tags (!name) are not accepted" },
		{ "a: !x [1]\n", "f:1: tags (!name) are not accepted" },
		{ "a: 1\n---\nb: 2\n", "f:2: the file holds a second document" },
		{ "%YAML 1.1\n---\na: 1\n", "f:1: directives (%) are not accepted" },
		{ "a: 1\nb: 2\n'a': 3\n", "f:3: this key is there twice" },
		{ "? [a]\n: b\n", "f:1: a key must be a simple text" },
		{ "a: \"x\\0y\"\n", "f:1: a text holds a NUL character" },
		{ "", "f:1: the file is empty" },
		{ "# nothing\n", "f:1: the file is empty" },
		{ "a: [1\n", NULL },
		{ "a: \xff\n", NULL },
		{ "\tb: 1\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct complaint complaint = { 0 };
		struct yaml *yaml = NULL;
		assert_int_equal(yaml_parse(str(cases[i].text), "f", &complaint, &yaml),
				 ERR_MALFORMED);
		assert_null(yaml);
		if (cases[i].complaint != NULL)
			assert_string_equal(complaint.text, cases[i].complaint);
		else
			assert_memory_equal(complaint.text, "f:", 2);
	}
}

static void it_ends_at_its_bounds(void **state)
{
	struct complaint complaint;
	struct yaml *yaml = NULL;
	struct dynbuf text;

	dynbuf_init(&text, 2 * YAML_TEXT_MAX);
	for (int i = 0; i < YAML_DEPTH_MAX; i++)
		dynbuf_u8(&text, '[');
	for (int i = 0; i < YAML_DEPTH_MAX; i++)
		dynbuf_u8(&text, ']');
	assert_int_equal(yaml_parse(dynbuf_view(&text), "f", &complaint, &yaml), OK);
	yaml_free(&yaml);
	dynbuf_reset(&text);
	for (int i = 0; i <= YAML_DEPTH_MAX; i++)
		dynbuf_u8(&text, '[');
	assert_int_equal(yaml_parse(dynbuf_view(&text), "f", &complaint, &yaml), ERR_TOO_LARGE);
	dynbuf_reset(&text);
	for (int i = 0; i <= YAML_NODES_MAX; i++)
		dynbuf_str(&text, "- 1\n");
	assert_int_equal(yaml_parse(dynbuf_view(&text), "f", &complaint, &yaml), ERR_TOO_LARGE);
	dynbuf_reset(&text);
	for (int i = 0; i <= YAML_MAP_MAX; i++)
		dynbuf_printf(&text, "k%d: 1\n", i);
	assert_int_equal(yaml_parse(dynbuf_view(&text), "f", &complaint, &yaml), ERR_TOO_LARGE);
	memset(dynbuf_grow(&text, YAML_TEXT_MAX), ' ', YAML_TEXT_MAX);
	assert_int_equal(yaml_parse(dynbuf_view(&text), "f", &complaint, &yaml), ERR_TOO_LARGE);
	dynbuf_done(&text);
}

static void a_complaint_cannot_drive_a_terminal(void **state)
{
	struct complaint complaint;
	struct yaml *yaml = NULL;

	assert_int_equal(yaml_parse(str("a: 1\n"), "f", &complaint, &yaml), OK);
	err_ignore(yaml_complain(yaml, NULL, &complaint, "odd '%s'", "\x1b[2J\n"));
	assert_string_equal(complaint.text, "f:1: odd '?[2J?'");
	yaml_free(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_remembers_names_kinds_and_lines),
		cmocka_unit_test(it_refuses_what_it_does_not_read_with_the_line),
		cmocka_unit_test(it_ends_at_its_bounds),
		cmocka_unit_test(a_complaint_cannot_drive_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
