/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/file.h"
#include "sys/process.h"
#include "sys/sandbox.h"

/*
 * Every attempt runs in a child of its own that has entered the row. A child
 * ends with 0 where the call was permitted, 1 where it was refused, SIGSYS
 * where it ended the process.
 */
enum outcome { PERMITTED = 0, REFUSED = 1, SETUP = 99, KILLED = 100 };

static int own = -1, log_dir = -1; /* directories of the test */
static const int any_port = 9;

#ifdef VALETKEY_SANITIZED
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

typedef int (*attempt_fn)(void); /* less than 0: refused */

static int listener(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static int outcome(const struct sandbox *row, attempt_fn attempt)
{
	int status;
	const pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_enter(row, (struct sandbox_dirs){ own, log_dir, -1 }) != OK)
			_exit(SETUP);
		_exit(attempt() < 0 ? REFUSED : PERMITTED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), SETUP);
	return WEXITSTATUS(status);
}

static int try_open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int try_write_outside(void)
{
	return open("/tmp/valetkey-should-not-exist", O_WRONLY | O_CREAT, 0600);
}

static int try_write_own(void)
{
	return file_replace(own, "file", str("text")) == OK ? 0 : -1;
}

static int try_climb(void)
{
	return openat(own, "../outside", O_RDONLY);
}

static int try_read_log(void)
{
	return openat(log_dir, "segment", O_RDONLY);
}

static int try_write_log(void)
{
	return openat(log_dir, "segment", O_WRONLY | O_APPEND);
}

static int try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_local_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int try_datagram_pair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}

static int given = -1;

static int try_connect_given(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)any_port) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* An attempt that the network refuses is one that the sandbox permitted. */
	return connect(given, (struct sockaddr *)&a, sizeof a) == 0 || errno != EACCES ? 0 : -1;
}

static int try_connect(void)
{
	given = socket(AF_INET, SOCK_STREAM, 0);
	return given < 0 ? -1 : try_connect_given();
}

static int try_bind(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	return bind(given, (struct sockaddr *)&a, sizeof a);
}

static int try_accept(void)
{
	return accept4(given, NULL, NULL, SOCK_CLOEXEC) < 0 && errno != EAGAIN ? -1 : 0;
}

static int try_fork(void)
{
	return (int)syscall(SYS_fork);
}

static int try_clone_process(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int try_exec(void)
{
	char *const argv[] = { (char[]){ "true" }, NULL };

	return execv("/bin/true", argv);
}

static int try_ptrace(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int try_kill(void)
{
	return kill(getppid(), 0);
}

static int try_read_memory(void)
{
	return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static int try_mount(void)
{
	return (int)syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);
}

static int try_unshare(void)
{
	return (int)syscall(SYS_unshare, CLONE_NEWUSER);
}

static int try_uring(void)
{
	return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? -1
		       : 0;
}

static int try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int try_allocate(void)
{
	void *p = malloc(10 * 1024 * 1024);

	free(p);
	return p == NULL ? -1 : 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0
		       ? 0
		       : -1;
}

/* The rows to which an attempt is permitted, and where a refusal cannot be asked for. */
enum {
	GATE = 1,
	CORE = 2,
	KEEPER = 4,
	COURIER = 8,
	ALL = GATE | CORE | KEEPER | COURIER,
	LANDLOCK = 16, /* refused to core and keeper by Landlock alone */
	WIDE = 32,     /* the sanitized filter lets it pass */
};

static const struct attempt {
	const char *name;
	attempt_fn fn;
	int to;
} attempts[] = {
	{ "open a file", try_open_passwd, LANDLOCK },
	{ "make a file outside", try_write_outside, LANDLOCK },
	{ "replace a file of its own", try_write_own, CORE | KEEPER },
	{ "climb out of its directory", try_climb, LANDLOCK },
	{ "read the log", try_read_log, CORE | KEEPER },
	{ "write the log", try_write_log, KEEPER | LANDLOCK },
	{ "make a socket", try_socket, COURIER },
	{ "make a local socket", try_local_socket, 0 },
	{ "make a raw socket", try_raw_socket, 0 },
	{ "make a pair of datagram sockets", try_datagram_pair, 0 },
	{ "connect", try_connect, COURIER },
	{ "connect a socket it was given", try_connect_given, COURIER },
	{ "bind", try_bind, 0 },
	{ "accept", try_accept, GATE | KEEPER },
	{ "fork", try_fork, 0 },
	{ "clone a process", try_clone_process, 0 },
	{ "execute a program", try_exec, 0 },
	{ "trace its parent", try_ptrace, 0 },
	{ "signal its parent", try_kill, 0 },
	{ "read the memory of another", try_read_memory, 0 },
	{ "mount", try_mount, 0 },
	{ "leave its namespace", try_unshare, 0 },
	{ "set up io_uring", try_uring, 0 },
	{ "make memory that runs", try_code, WIDE },
	{ "become dumpable", try_dumpable, WIDE },
	{ "start a thread", try_thread, CORE | WIDE },
	{ "allocate", try_allocate, ALL },
};

static void each_row_permits_what_design_says_and_no_more(void **state)
{
	const struct sandbox *const rows[] = { &sandbox_gate, &sandbox_core, &sandbox_keeper,
					       &sandbox_courier };
	struct sandbox_facts facts;

	(void)state;
	sandbox_look(&facts);
	given = listener();
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		const struct attempt *a = &attempts[i];
		for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
			const bool files = (1 << r) == CORE || (1 << r) == KEEPER;
			if ((sanitized && (a->to & WIDE) != 0) ||
			    (facts.landlock == 0 && files && (a->to & LANDLOCK) != 0))
				continue;
			const int got = outcome(rows[r], a->fn);
			if ((got == PERMITTED) != ((a->to & 1 << r) != 0))
				fail_msg("row %zu, %s: %d", r, a->name, got);
		}
	}
	close(given);
}

static int look_inside(void)
{
	struct rlimit core;
	char line[256];
	unsigned long long caps = 1;
	FILE *status = fopen("/proc/self/status", "r");

	/* Only the sanitized rows may read it; elsewhere the tests of the whole look from outside.
	 */
	while (status != NULL && fgets(line, sizeof line, status) != NULL)
		if (sscanf(line, "CapEff: %llx", &caps) == 1 && caps != 0)
			return -1;
	return prctl(PR_SET_NAME, "inside", 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
			       core.rlim_max == 0
		       ? 0
		       : -1;
}

static void no_core_file_is_possible_inside(void **state)
{
	(void)state;
	assert_int_equal(outcome(&sandbox_keeper, look_inside), PERMITTED);
}

static void *wait_for_ever(void *arg)
{
	pause();
	return arg;
}

static void a_process_with_threads_cannot_enter(void **state)
{
	int status;
	const pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
			_exit(SETUP);
		_exit(sandbox_enter(&sandbox_core, (struct sandbox_dirs){ own, log_dir, -1 }) == OK
			      ? PERMITTED
			      : REFUSED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

static void a_file_is_replaced_whole_and_read_with_a_ceiling(void **state)
{
	scoped(buf_free) struct buf *buf = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(own, "note", str("first")), OK);
	assert_int_equal(file_replace(own, "note", str("second text")), OK);
	assert_int_equal(file_read(own, "note", 5, &buf), ERR_TOO_LARGE);
	assert_int_equal(file_read(own, "absent", 5, &buf), ERR_NOT_FOUND);
	assert_int_equal(file_read(own, ".", 5, &buf), FAULT_SYSTEM);
	assert_int_equal(file_read(own, "note", 100, &buf), OK);
	assert_true(bytes_is(buf_bytes(buf), "second text"));
	assert_int_equal(fstatat(own, "note", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_not_equal(fstatat(own, "note.new", &st, 0), 0);
}

static void a_directory_is_locked_once_and_until_its_last_holder_ends(void **state)
{
	int first, second, keep;

	(void)state;
	assert_int_equal(file_open_dir(own, "locked", true, &first), OK);
	assert_int_equal(file_open_dir(own, "locked", true, &second), OK);
	assert_int_equal(file_open_dir(own, "absent", false, &keep), ERR_NOT_FOUND);
	keep = dup(first);
	assert_int_equal(file_lock_dir(first), OK);
	assert_int_equal(file_lock_dir(second), ERR_CONFLICT);
	close(first);
	assert_int_equal(file_lock_dir(second), ERR_CONFLICT);
	close(keep);
	assert_int_equal(file_lock_dir(second), OK);
	close(second);
}

/* The spawned program is this test again, told so by its first word. */
static int spawned_main(void)
{
	int fds = 0;
	char c = 0;

	for (int fd = 0; fd < 256; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	if (read(STDIN_FILENO, &c, 1) != 0 || recv(PROCESS_CONTROL, &c, 1, 0) != 1)
		return 1;
	return fds == 4 && c == 'x' ? 42 : 2;
}

static void a_child_has_four_descriptors(void **state)
{
	static const char *const argv[] = { "spawned", NULL };
	int pair[2], status, leak = open("/dev/null", O_RDONLY);
	char text[64];
	pid_t pid;

	(void)state;
	assert_true(leak >= 0);
	assert_int_equal(process_control_pair(pair), OK);
	assert_int_equal(process_spawn(argv, pair[1], &pid), OK);
	close(pair[1]);
	assert_int_equal(send(pair[0], "x", 1, 0), 1);
	while (!process_ended(pid, &status))
		usleep(1000);
	assert_string_equal(process_status_print(status, text, sizeof text), "exit 42");
	close(pair[0]);
	close(leak);
}

static void a_supervisor_reads_its_signals(void **state)
{
	const pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		int fd;
		if (process_signals(&fd) != OK || process_signal_next(fd) != 0)
			_exit(1);
		raise(SIGHUP);
		_exit(process_signal_next(fd) == SIGHUP ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int prepare(void **state)
{
	static char place[] = "/tmp/valetkey-test-sandbox-XXXXXX";

	if (mkdtemp(place) == NULL)
		return -1;
	const int top = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = place;
	return file_open_dir(top, "own", true, &own) == OK &&
			       file_open_dir(top, "log", true, &log_dir) == OK &&
			       file_replace(top, "outside", str("x")) == OK &&
			       file_replace(log_dir, "segment", str("x")) == OK
		       ? 0
		       : -1;
}

static int tidy(void **state)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", (const char *)*state);
	return system(command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_permits_what_design_says_and_no_more),
		cmocka_unit_test(no_core_file_is_possible_inside),
		cmocka_unit_test(a_process_with_threads_cannot_enter),
		cmocka_unit_test(a_file_is_replaced_whole_and_read_with_a_ceiling),
		cmocka_unit_test(a_directory_is_locked_once_and_until_its_last_holder_ends),
		cmocka_unit_test(a_child_has_four_descriptors),
		cmocka_unit_test(a_supervisor_reads_its_signals),
	};

	if (argc > 0 && strcmp(argv[0], "spawned") == 0)
		return spawned_main();
	return cmocka_run_group_tests(tests, prepare, tidy);
}
