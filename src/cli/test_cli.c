/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/show.h"

/* What was written to a memory stream. */
struct memory {
	FILE *out;
	char *text;
	size_t n;
};

static void memory_open(struct memory *m)
{
	*m = (struct memory){ 0 };
	m->out = open_memstream(&m->text, &m->n);
	assert_non_null(m->out);
}

static const char *memory_text(struct memory *m)
{
	fflush(m->out);
	return m->text;
}

static void memory_done(struct memory *m)
{
	fclose(m->out);
	free(m->text);
}

struct words {
	char *v[16];
	int n;
	struct command_line line;
	struct memory said;
	enum cli_exit done;
};

/* Reads "valetkey" and the words of @text, which a space separates. */
static void read_line(struct words *w, char *text)
{
	*w = (struct words){ .n = 1 };
	w->v[0] = text;
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
		w->v[w->n++] = word;
	memory_open(&w->said);
	w->done = command_parse(w->n, w->v, w->said.out, &w->line);
	memory_text(&w->said);
}

static void a_command_is_read_with_its_options_and_operand(void **state)
{
	char text[] = "vault bind vault_1 --service=github --connection conn_2 --default --json";
	struct words w;

	read_line(&w, text);
	assert_int_equal(w.done, CLI_DONE);
	assert_string_equal(w.line.command->verb, "bind");
	assert_string_equal(w.line.operand, "vault_1");
	assert_string_equal(w.line.options[OPTION_SERVICE].v[0], "github");
	assert_string_equal(w.line.options[OPTION_CONNECTION].v[0], "conn_2");
	assert_int_equal(w.line.options[OPTION_DEFAULT].n, 1);
	assert_int_equal(w.line.options[OPTION_JSON].n, 1);
	assert_int_equal(w.said.n, 0);
	memory_done(&w.said);
}

static void an_option_that_may_be_repeated_keeps_the_order(void **state)
{
	char text[] = "connection start --user u --service s --scope a --scope b";
	struct words w;

	read_line(&w, text);
	assert_int_equal(w.done, CLI_DONE);
	assert_int_equal(w.line.options[OPTION_SCOPE].n, 2);
	assert_string_equal(w.line.options[OPTION_SCOPE].v[1], "b");
	memory_done(&w.said);
}

static void one_name_means_what_the_command_says(void **state)
{
	char search[] = "audit search --from 2h", restore[] = "backup restore --from D --data N";
	struct words w;

	read_line(&w, search);
	assert_int_equal(w.done, CLI_DONE);
	assert_int_equal(w.line.options[OPTION_SINCE].n, 1);
	memory_done(&w.said);
	read_line(&w, restore);
	assert_int_equal(w.done, CLI_DONE);
	assert_int_equal(w.line.options[OPTION_FROM].n, 1);
	memory_done(&w.said);
}

static void a_verb_may_be_two_words_and_take_several_operands(void **state)
{
	char two[] = "vault policy explain vault_1 a.b {} --context public";
	char one[] = "vault policy vault_1", fewer[] = "vault policy explain vault_1 a.b";
	struct words w;

	read_line(&w, two);
	assert_int_equal(w.done, CLI_DONE);
	assert_string_equal(w.line.command->verb, "policy explain");
	assert_string_equal(w.line.operand, "vault_1");
	assert_int_equal(w.line.operands_n, 3);
	assert_string_equal(w.line.operands[2], "{}");
	memory_done(&w.said);
	read_line(&w, one);
	assert_int_equal(w.done, CLI_DONE);
	assert_string_equal(w.line.command->verb, "policy");
	assert_string_equal(w.line.operand, "vault_1");
	memory_done(&w.said);
	read_line(&w, fewer);
	assert_int_equal(w.done, CLI_DONE);
	assert_null(w.line.operands[2]);
	memory_done(&w.said);
}

static void after_two_dashes_a_word_is_no_option(void **state)
{
	char text[] = "tenant create -- --odd";
	struct words w;

	read_line(&w, text);
	assert_int_equal(w.done, CLI_DONE);
	assert_string_equal(w.line.operand, "--odd");
	memory_done(&w.said);
}

static void what_is_not_understood_is_said_with_the_nearest_word(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{ "valut list", "Did you mean 'vault'?" },
		{ "vault lst", "Did you mean 'list'?" },
		{ "vault list --usr x", "Did you mean '--user'?" },
		{ "zzzzzzzz", "'valetkey help' lists the commands." },
		{ "vault", "needs one of: create list" },
		{ "vault list extra", "one word too many" },
		{ "vault list --json=1", "takes no value" },
		{ "vault list --user", "needs a value" },
		{ "vault list --user a --user b", "given too often" },
		{ "user add", "--subject SUBJECT is missing" },
		{ "vault show", "name the VAULT" },
		{ "vault policy explain vault_1", "name the VAULT TOOL [ARGUMENTS]" },
		{ "vault policy explain a b c d", "'d' is one word too many" },
		{ "vault list --policy x", "the option '--policy' is not known" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[64];
		struct words w;
		snprintf(text, sizeof text, "%s", rows[i].text);
		read_line(&w, text);
		assert_int_equal(w.done, CLI_USAGE);
		if (strstr(w.said.text, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].text, w.said.text);
		memory_done(&w.said);
	}
}

static void help_is_asked_for_in_any_place(void **state)
{
	static const char *const texts[] = { "",
					     "help",
					     "--help",
					     "-h",
					     "help vault",
					     "vault --help",
					     "vault help",
					     "doctor --help",
					     "help vault create",
					     "vault create -h" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char text[64];
		struct words w;
		snprintf(text, sizeof text, "%s", texts[i]);
		read_line(&w, text);
		if (w.done != CLI_DONE || !w.line.help)
			fail_msg("'%s': %s", texts[i], w.said.text);
		memory_done(&w.said);
	}
}

static void every_row_of_the_table_can_be_asked_for(void **state)
{
	for (size_t i = 0; i < command_count; i++) {
		char text[128];
		struct words w;
		snprintf(text, sizeof text, "%s %s --help", command_rows[i].noun,
			 command_rows[i].verb);
		read_line(&w, text);
		assert_int_equal(w.done, CLI_DONE);
		assert_ptr_equal(w.line.command, &command_rows[i]);
		memory_done(&w.said);
	}
}

static void no_option_takes_a_secret_itself(void **state)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strstr(option_rows[i].name, "secret") != NULL ||
		    strstr(option_rows[i].name, "passphrase") != NULL)
			assert_string_equal(option_rows[i].argument, "FILE");
}

static const struct show_column columns[] = {
	{ "ID", "id", SHOW_TEXT },	   { "ACCOUNT", "account.name", SHOW_TEXT },
	{ "STATE", "state", SHOW_STATE },  { "WHEN", "when", SHOW_TIME },
	{ "SCOPES", "scopes", SHOW_TEXT },
};

static json_t *json_text(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_parse(str(text), &json_request_limits, &value), OK);
	return value;
}

static void a_table_is_aligned_by_characters_not_bytes(void **state)
{
	scoped(json_free) json_t *items = json_text(
		"[{\"id\":\"a\",\"account\":{\"name\":\"J\u00f6rg\"},\"state\":\"reauth_required\","
		"\"when\":\"2026-11-22T21:45:46.123456Z\",\"scopes\":[\"x\",{\"name\":\"y\","
		"\"risk\":\"low\"}]},"
		"{\"id\":\"bbbb\",\"account\":{\"name\":\"Ann\"},\"state\":\"odd\"}]");
	struct memory m;

	memory_open(&m);
	show_table(&(struct show){ .out = m.out }, items, columns, ARRAY_LEN(columns));
	assert_string_equal(
		memory_text(&m),
		"ID    ACCOUNT  STATE                    WHEN                     SCOPES\n"
		"a     J\u00f6rg     must be connected again  2026-11-22 21:45:46 UTC  x y\n"
		"bbbb  Ann      odd\n");
	memory_done(&m);
}

static void what_a_terminal_would_obey_is_made_visible(void **state)
{
	static const char text[] = "a\033[2Jb\xe2\x80\xae"
				   "c\xc2\x9b"
				   "d\x07\ne";
	struct memory m;

	memory_open(&m);
	show_text(m.out, str(text));
	assert_string_equal(memory_text(&m), "a[U+001B][2Jb[U+202E]c[U+009B]d[U+0007][U+000A]e");
	memory_done(&m);
}

static void colour_is_only_used_where_it_is_asked_for(void **state)
{
	scoped(json_free) json_t *object = json_text("{\"state\":\"active\"}");
	struct memory m;

	memory_open(&m);
	show_fields(&(struct show){ .out = m.out }, object, columns, ARRAY_LEN(columns));
	assert_null(strchr(memory_text(&m), '\033'));
	memory_done(&m);
	memory_open(&m);
	show_fields(&(struct show){ .out = m.out, .colour = true }, object, columns,
		    ARRAY_LEN(columns));
	assert_non_null(strstr(memory_text(&m), "\033[32mactive\033[0m"));
	memory_done(&m);
}

static void print_help(FILE *out)
{
	struct command_line line = { .help = true };
	const char *noun = "";

	help_print(&line, out);
	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(command_rows[i].noun, noun) != 0 && command_rows[i].verb[0] != 0) {
			noun = command_rows[i].noun;
			fprintf(out, "\n==> %s\n", noun);
			help_print(&(struct command_line){ .noun = noun, .help = true }, out);
		}
		line.command = &command_rows[i];
		fprintf(out, "\n==> %s %s\n", command_rows[i].noun, command_rows[i].verb);
		help_print(&line, out);
	}
}

static void print_bash(FILE *out)
{
	assert_int_equal(help_completion("bash", out), OK);
}

/* Compares with the file, or writes it where VALETKEY_SNAPSHOT is set. */
static void same_as_file(void (*print)(FILE *out), const char *name)
{
	char path[1024], *kept = NULL;
	size_t n = 0;
	struct memory m;

	snprintf(path, sizeof path, "%s/%s", getenv("VALETKEY_ROOT"), name);
	if (getenv("VALETKEY_SNAPSHOT") != NULL) {
		FILE *out = fopen(path, "w");
		assert_non_null(out);
		print(out);
		assert_int_equal(fclose(out), 0);
	}
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	memory_open(&m);
	print(m.out);
	memory_text(&m);
	assert_true(getdelim(&kept, &n, 0, in) > 0);
	fclose(in);
	if (strcmp(kept, m.text) != 0)
		fail_msg("%s is not current: run this test with VALETKEY_SNAPSHOT=1", name);
	free(kept);
	memory_done(&m);
}

static void the_help_is_the_one_that_was_looked_at(void **state)
{
	same_as_file(print_help, "tests/snapshots/help.txt");
}

static void the_manual_page_is_current(void **state)
{
	same_as_file(help_manual, "docs/man/valetkey.1");
}

static void the_completion_is_the_one_that_was_looked_at(void **state)
{
	same_as_file(print_bash, "tests/snapshots/completion.bash");
}

static void every_shell_is_served_and_no_other(void **state)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	struct memory m;

	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		memory_open(&m);
		assert_int_equal(help_completion(shells[i], m.out), OK);
		assert_non_null(strstr(memory_text(&m), "rotate-secret"));
		memory_done(&m);
	}
	memory_open(&m);
	assert_int_equal(help_completion("tcsh", m.out), ERR_NOT_FOUND);
	memory_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_read_with_its_options_and_operand),
		cmocka_unit_test(an_option_that_may_be_repeated_keeps_the_order),
		cmocka_unit_test(one_name_means_what_the_command_says),
		cmocka_unit_test(a_verb_may_be_two_words_and_take_several_operands),
		cmocka_unit_test(after_two_dashes_a_word_is_no_option),
		cmocka_unit_test(what_is_not_understood_is_said_with_the_nearest_word),
		cmocka_unit_test(help_is_asked_for_in_any_place),
		cmocka_unit_test(every_row_of_the_table_can_be_asked_for),
		cmocka_unit_test(no_option_takes_a_secret_itself),
		cmocka_unit_test(a_table_is_aligned_by_characters_not_bytes),
		cmocka_unit_test(what_a_terminal_would_obey_is_made_visible),
		cmocka_unit_test(colour_is_only_used_where_it_is_asked_for),
		cmocka_unit_test(the_help_is_the_one_that_was_looked_at),
		cmocka_unit_test(the_manual_page_is_current),
		cmocka_unit_test(the_completion_is_the_one_that_was_looked_at),
		cmocka_unit_test(every_shell_is_served_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
