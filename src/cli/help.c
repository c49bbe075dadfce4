/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

enum { INDENT = 2, GAP = 2 };

static const struct {
	const char *status, *says;
} exits[] = {
	{ "0", "done" },
	{ "1", "refused, or failed; the reason is on standard error" },
	{ "2", "the command line was not understood" },
	{ "3", "no daemon answered" },
};

static const struct {
	const char *name, *says;
} variables[] = {
	{ "VALETKEY_DATA", "the data directory, where --data does not name it" },
	{ "VALETKEY_URL", "address of the daemon; else its data directory tells" },
	{ "VALETKEY_TOKEN", "an admin token; else the file that the data directory names" },
	{ "VALETKEY_CA_FILE", "certificate authorities to trust instead of the system's (PEM)" },
	{ "NO_COLOR", "if set, nothing is coloured" },
};

static int words_width(const struct command *row)
{
	return (int)(strlen(row->noun) + strlen(row->verb) + strlen(row->operand) +
		     (row->verb[0] != 0) + (row->operand[0] != 0));
}

static void print_words(const struct command *row, FILE *out)
{
	fprintf(out, "%s%s%s%s%s", row->noun, row->verb[0] == 0 ? "" : " ", row->verb,
		row->operand[0] == 0 ? "" : " ", row->operand);
}

static void print_commands(const char *noun, FILE *out)
{
	int width = 0;

	for (size_t i = 0; i < command_count; i++)
		if (words_width(&command_rows[i]) > width)
			width = words_width(&command_rows[i]);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (noun != NULL && strcmp(noun, row->noun) != 0)
			continue;
		fprintf(out, "%*s", INDENT, "");
		print_words(row, out);
		fprintf(out, "%*s%s\n", width - words_width(row) + GAP, "", row->says);
	}
}

static void print_overview(const char *noun, FILE *out)
{
	if (noun == NULL)
		fputs("Valetkey keeps people's OAuth tokens and lends agents access.\n\n", out);
	fputs("usage: valetkey COMMAND [OPTIONS]\n\n", out);
	print_commands(noun, out);
	if (noun != NULL) {
		fprintf(out, "\n'valetkey %s VERB --help' describes one of them.\n", noun);
		return;
	}
	fputs("\nEvery command takes --json, --data DIR, --tenant NAME and --help.\n\n"
	      "The environment:\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		fprintf(out, "  %-18s%s\n", variables[i].name, variables[i].says);
	fputs("\nThe exit status:\n", out);
	for (size_t i = 0; i < ARRAY_LEN(exits); i++)
		fprintf(out, "  %-4s%s\n", exits[i].status, exits[i].says);
}

static void print_usage(const struct command *row, FILE *out)
{
	fputs("usage: valetkey ", out);
	print_words(row, out);
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if ((row->needs >> id & 1) != 0)
			fprintf(out, " --%s %s", option_rows[id].name, option_rows[id].argument);
	fputs(row->takes == 0 ? "\n" : " [OPTIONS]\n", out);
}

static int option_width(enum option_id id)
{
	const struct option_row *row = &option_rows[id];

	return (int)(strlen(row->name) + (row->argument == NULL ? 0 : strlen(row->argument) + 1));
}

static void print_options(const struct command *command, uint64_t which, FILE *out)
{
	int width = 0;

	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (command_takes(command, id) && option_width(id) > width)
			width = option_width(id);
	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		const struct option_row *row = &option_rows[id];
		if ((which >> id & 1) == 0)
			continue;
		fprintf(out, "%*s--%s%s%s%*s%s%s\n", INDENT, "", row->name,
			row->argument == NULL ? "" : " ",
			row->argument == NULL ? "" : row->argument, width - option_width(id) + GAP,
			"", row->says, row->many ? "; may be repeated" : "");
	}
}

static void print_command(const struct command *row, FILE *out)
{
	const uint64_t optional = (row->takes | command_common()) & ~row->needs;

	print_usage(row, out);
	fprintf(out, "\n%s.\n", row->says);
	if (row->needs != 0) {
		fputs("\nNeeded:\n", out);
		print_options(row, row->needs, out);
	}
	fputs("\nOptions:\n", out);
	print_options(row, optional, out);
}

void help_print(const struct command_line *line, FILE *out)
{
	if (line->command == NULL)
		print_overview(line->noun, out);
	else
		print_command(line->command, out);
}

/* Text for troff: a leading dot would be a request, and a hyphen must stay a minus. */
static void roff(const char *text, FILE *out)
{
	if (text[0] == '.' || text[0] == '\'')
		fputs("\\&", out);
	for (; *text != 0; text++) {
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			putc(*text, out);
	}
}

static void manual_option(enum option_id id, FILE *out)
{
	const struct option_row *row = &option_rows[id];

	fputs(".TP\n.B \\-\\-", out);
	roff(row->name, out);
	if (row->argument != NULL) {
		fputs(" \\fI", out);
		roff(row->argument, out);
		fputs("\\fR", out);
	}
	putc('\n', out);
	roff(row->says, out);
	fputs(row->many ? "; may be repeated.\n" : ".\n", out);
}

static void manual_command(const struct command *row, FILE *out)
{
	fputs(".SS valetkey ", out);
	roff(row->noun, out);
	if (row->verb[0] != 0)
		putc(' ', out);
	roff(row->verb, out);
	if (row->operand[0] != 0)
		putc(' ', out);
	roff(row->operand, out);
	putc('\n', out);
	roff(row->says, out);
	fputs(".\n", out);
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (((row->needs | row->takes) >> id & 1) != 0)
			manual_option(id, out);
}

void help_manual(FILE *out)
{
	fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n"
	      ".\\\" Printed by 'valetkey manual' from src/cli/commands.def and options.def.\n"
	      ".TH VALETKEY 1 \"\" \"Valetkey " VALETKEY_VERSION "\" \"Valetkey\"\n"
	      ".SH NAME\nvaletkey \\- keep people's OAuth tokens and lend agents access\n"
	      ".SH SYNOPSIS\n.B valetkey\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
	      ".SH DESCRIPTION\n"
	      "One self\\-hosted daemon between agents and the accounts of the people they work\n"
	      "for. This program is the daemon and the command line that operates it.\n"
	      "Results go to standard output; hints, progress and refusals to standard error.\n"
	      ".SH OPTIONS OF ALL COMMANDS\n",
	      out);
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if ((command_common() >> id & 1) != 0)
			manual_option(id, out);
	fputs(".SH COMMANDS\n", out);
	for (size_t i = 0; i < command_count; i++)
		manual_command(&command_rows[i], out);
	fputs(".SH ENVIRONMENT\n", out);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		fprintf(out, ".TP\n.B %s\n", variables[i].name);
		roff(variables[i].says, out);
		fputs(".\n", out);
	}
	fputs(".SH EXIT STATUS\n", out);
	for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
		fprintf(out, ".TP\n.B %s\n", exits[i].status);
		roff(exits[i].says, out);
		fputs(".\n", out);
	}
}

static bool first_of_noun(size_t i)
{
	return i == 0 || strcmp(command_rows[i - 1].noun, command_rows[i].noun) != 0;
}

static void noun_words(FILE *out)
{
	fputs("help", out);
	for (size_t i = 0; i < command_count; i++)
		if (first_of_noun(i))
			fprintf(out, " %s", command_rows[i].noun);
}

static void verb_words(const char *noun, FILE *out)
{
	const char *gap = "";

	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (strcmp(row->noun, noun) != 0 || row->verb[0] == 0)
			continue;
		fprintf(out, "%s%s", gap, row->verb);
		gap = " ";
	}
}

static void option_words(const struct command *row, FILE *out)
{
	const char *gap = "";

	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		if (!command_takes(row, id))
			continue;
		fprintf(out, "%s--%s", gap, option_rows[id].name);
		gap = " ";
	}
}

static void completion_bash(FILE *out)
{
	fputs("# Completion of valetkey for bash: source it, or put it where bash-completion "
	      "looks.\n"
	      "_valetkey() {\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} known=\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tknown='",
	      out);
	noun_words(out);
	fputs("'\n\telse\n\t\tcase \"$COMP_CWORD ${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n", out);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (row->verb[0] != 0 && first_of_noun(i)) {
			fprintf(out, "\t\t'2 %s '*) known='", row->noun);
			verb_words(row->noun, out);
			fputs("' ;;\n", out);
		}
		fprintf(out, "\t\t*' %s %s%s) known='", row->noun, row->verb,
			row->verb[0] == 0 ? "'*" : "'");
		option_words(row, out);
		fputs("' ;;\n", out);
	}
	fputs("\t\tesac\n\tfi\n"
	      "\tcase $word in\n"
	      "\t-* | '') ;;\n"
	      "\t*) [ \"$COMP_CWORD\" -le 2 ] || known= ;;\n"
	      "\tesac\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$known\" -- \"$word\")\n"
	      "}\n"
	      "complete -o default -F _valetkey valetkey\n",
	      out);
}

/* Single quotes are doubled out of the string, as both shells want it. */
static void shell_quoted(const char *text, FILE *out)
{
	for (; *text != 0; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			putc(*text, out);
	}
}

static void completion_zsh(FILE *out)
{
	fputs("#compdef valetkey\n"
	      "# Completion of valetkey for zsh: put it into a directory of $fpath as _valetkey.\n"
	      "_valetkey() {\n"
	      "\tlocal -a known\n"
	      "\tif (( CURRENT == 2 )); then\n\t\tcompadd -- ",
	      out);
	noun_words(out);
	fputs("\n\t\treturn\n\tfi\n\tcase \"$CURRENT ${words[2]} ${words[3]}\" in\n", out);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (row->verb[0] != 0 && first_of_noun(i)) {
			fprintf(out, "\t'3 %s '*) compadd -- ", row->noun);
			verb_words(row->noun, out);
			fputs("; return ;;\n", out);
		}
		fprintf(out, "\t*' %s %s%s) known=(", row->noun, row->verb,
			row->verb[0] == 0 ? "'*" : "'");
		option_words(row, out);
		fputs(") ;;\n", out);
	}
	fputs("\tesac\n\tif [[ ${words[CURRENT]} == -* ]]; then\n\t\tcompadd -- $known\n"
	      "\telse\n\t\t_files\n\tfi\n}\ncompdef _valetkey valetkey\n",
	      out);
}

static void fish_options(const struct command *row, FILE *out)
{
	for (enum option_id id = 0; id < OPTION_COUNT; id++) {
		if (!command_takes(row, id))
			continue;
		fprintf(out, "complete -c valetkey -n '__fish_seen_subcommand_from %s", row->noun);
		if (row->verb[0] != 0)
			fprintf(out, "; and __fish_seen_subcommand_from %s", row->verb);
		fprintf(out, "' -l %s%s -d '", option_rows[id].name,
			option_rows[id].argument == NULL ? "" : " -r");
		shell_quoted(option_rows[id].says, out);
		fputs("'\n", out);
	}
}

static void completion_fish(FILE *out)
{
	fputs("# Completion of valetkey for fish: ~/.config/fish/completions/valetkey.fish\n"
	      "complete -c valetkey -n __fish_use_subcommand -f -a '",
	      out);
	noun_words(out);
	fputs("'\n", out);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (row->verb[0] != 0) {
			fprintf(out,
				"complete -c valetkey -n '__fish_seen_subcommand_from %s; and not "
				"__fish_seen_subcommand_from ",
				row->noun);
			verb_words(row->noun, out);
			fprintf(out, "' -f -a %s -d '", row->verb);
			shell_quoted(row->says, out);
			fputs("'\n", out);
		}
		fish_options(row, out);
	}
}

enum err help_completion(const char *shell, FILE *out)
{
	static const struct {
		const char *shell;
		void (*print)(FILE *out);
	} shells[] = {
		{ "bash", completion_bash },
		{ "zsh", completion_zsh },
		{ "fish", completion_fish },
	};

	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		if (strcmp(shells[i].shell, shell) != 0)
			continue;
		shells[i].print(out);
		return OK;
	}
	return ERR_NOT_FOUND;
}
