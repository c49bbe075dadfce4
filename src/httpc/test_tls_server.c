/* SPDX-License-Identifier: Apache-2.0 */
#include "httpc/test_tls_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/valetkey-tls-XXXXXX";

static pid_t run(const char *const argv[], int out)
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)dup2(null, 0);
	(void)dup2(out >= 0 ? out : null, 1);
	(void)dup2(null, 2);
	(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* NAME.pem and NAME.key, signed by itself. */
static void certify(const char *name)
{
	char pem[64], key[64];

	(void)snprintf(pem, sizeof pem, "%s.pem", name);
	(void)snprintf(key, sizeof key, "%s.key", name);
	const char *const argv[] = { "openssl",
				     "req",
				     "-x509",
				     "-newkey",
				     "ec",
				     "-pkeyopt",
				     "ec_paramgen_curve:P-256",
				     "-nodes",
				     "-keyout",
				     key,
				     "-out",
				     pem,
				     "-subj",
				     "/CN=test",
				     "-days",
				     "2",
				     "-addext",
				     "subjectAltName=IP:127.0.0.1",
				     NULL };
	assert_int_equal(wait_for(run(argv, -1)), 0);
}

/* Says where it listens in a line "ACCEPT 127.0.0.1:PORT". */
void tls_open(struct tls_server *server, const char *name, const char *version)
{
	char pem[64], key[64], said[512] = "";
	size_t n = 0;
	int out[2];

	(void)snprintf(pem, sizeof pem, "%s.pem", name);
	(void)snprintf(key, sizeof key, "%s.key", name);
	const char *const argv[] = { "openssl",
				     "s_server",
				     "-accept",
				     "127.0.0.1:0",
				     "-naccept",
				     "1",
				     "-HTTP",
				     "-cert",
				     pem,
				     "-key",
				     key,
				     "-cipher",
				     "DEFAULT@SECLEVEL=0",
				     version,
				     NULL };
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	server->pid = run(argv, out[1]);
	close(out[1]);
	while (n + 1 < sizeof said && strstr(said, "ACCEPT 127.0.0.1:") == NULL) {
		const ssize_t got = read(out[0], said + n, sizeof said - 1 - n);
		assert_true(got > 0);
		n += (size_t)got;
	}
	close(out[0]);
	server->port = (unsigned)strtoul(strstr(said, "ACCEPT 127.0.0.1:") + 17, NULL, 10);
}

void tls_close(const struct tls_server *server)
{
	(void)kill(server->pid, SIGKILL);
	(void)wait_for(server->pid);
}

bool tls_there(void)
{
	const char *const argv[] = { "openssl", "version", NULL };

	return wait_for(run(argv, -1)) == 0;
}

void tls_file_put(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

void tls_folder_make(void)
{
	const char *const argv[] = { "openssl",	 "x509",	"-in",	 "expired.pem",
				     "-signkey", "expired.key", "-days", "-1",
				     "-out",	 "expired.pem", NULL };

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	tls_file_put("page", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi");
	certify("good");
	certify("other");
	certify("expired");
	assert_int_equal(wait_for(run(argv, -1)), 0);
}

void tls_folder_remove(void)
{
	const char *const argv[] = { "rm", "-r", folder, NULL };

	assert_int_equal(wait_for(run(argv, -1)), 0);
}
