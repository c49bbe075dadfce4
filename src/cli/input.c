/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "codec/base64.h"

enum { PASSPHRASE_MAX = 1024 };

/* Up to @room bytes; more in the file is ERR_TOO_LARGE. */
static enum err read_all(int fd, uint8_t *to, size_t room, size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		uint8_t more;
		const bool full = n == room;
		const ssize_t got = read(fd, full ? &more : to + n, full ? 1 : room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_NOT_FOUND;
		if (got == 0)
			break;
		if (full)
			return ERR_TOO_LARGE;
		n += (size_t)got;
	}
	*ret_n = n;
	return OK;
}

static enum err read_file(const char *file, uint8_t *to, size_t room, size_t *ret_n)
{
	if (strcmp(file, "-") == 0)
		return read_all(STDIN_FILENO, to, room, ret_n);
	const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return ERR_NOT_FOUND;
	const enum err err = read_all(fd, to, room, ret_n);
	close(fd);
	return err;
}

enum err input_text(const char *file, size_t max, struct buf **ret)
{
	scoped(buf_free) struct buf *room = NULL;
	size_t n;

	TRY(buf_new(max, &room));
	TRY(read_file(file, room->p, max, &n));
	return buf_dup((struct bytes){ room->p, n }, ret);
}

enum err input_secret(const char *file, struct secret **ret)
{
	scoped(secret_free) struct secret *room = NULL;
	size_t n;

	TRY(secret_new(INPUT_SECRET_MAX, &room));
	uint8_t *p = secret_fill(room);
	TRY(read_file(file, p, INPUT_SECRET_MAX, &n));
	if (n > 0 && p[n - 1] == '\n')
		n--;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return ERR_MALFORMED;
	return secret_dup((struct bytes){ p, n }, ret);
}

enum err input_key(const char *file, struct secret **ret)
{
	scoped(secret_free) struct secret *line = NULL;
	scoped(secret_free) struct secret *key = NULL;

	TRY(input_secret(file, &line));
	TRY(secret_new(INPUT_KEY_LEN, &key));
	if (hex_parse(secret_bytes(line), secret_fill(key), INPUT_KEY_LEN) != OK)
		return ERR_MALFORMED;
	*ret = take(key);
	return OK;
}

static enum err read_line(int tty, uint8_t *to, size_t room, size_t *ret_n)
{
	size_t n = 0;

	while (n < room) {
		const ssize_t got = read(tty, to + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_NOT_FOUND;
		if (to[n] == '\n') {
			*ret_n = n;
			return OK;
		}
		n++;
	}
	return ERR_TOO_LARGE;
}

static enum err ask_silently(int tty, const char *prompt, uint8_t *to, size_t *ret_n)
{
	struct termios was, quiet;

	if (tcgetattr(tty, &was) != 0)
		return ERR_NOT_FOUND;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
		return ERR_NOT_FOUND;
	dprintf(tty, "%s: ", prompt);
	const enum err err = read_line(tty, to, PASSPHRASE_MAX, ret_n);
	tcsetattr(tty, TCSAFLUSH, &was);
	dprintf(tty, "\n");
	return err;
}

enum err input_passphrase(const char *prompt, struct secret **ret)
{
	scoped(secret_free) struct secret *room = NULL;
	size_t n = 0;

	TRY(secret_new(PASSPHRASE_MAX, &room));
	const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return ERR_NOT_FOUND;
	const enum err err = ask_silently(tty, prompt, secret_fill(room), &n);
	close(tty);
	TRY(err);
	return n == 0 ? ERR_MALFORMED : secret_dup((struct bytes){ secret_fill(room), n }, ret);
}

bool input_confirm(const char *question)
{
	uint8_t line[16];
	size_t n = 0;

	if (isatty(STDIN_FILENO) != 1)
		return true;
	const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return true;
	dprintf(tty, "%s [y/N] ", question);
	const enum err err = read_line(tty, line, sizeof line, &n);
	close(tty);
	return err == OK && n > 0 && (line[0] == 'y' || line[0] == 'Y');
}

enum err input_new_file(const char *file, FILE **ret)
{
	const int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? ERR_EXISTS : ERR_DENIED;
	FILE *out = fdopen(fd, "w");
	if (out == NULL) {
		close(fd);
		return FAULT_NOMEM;
	}
	*ret = out;
	return OK;
}
