/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kill_at - ends a running process, all its threads, right before the N-th
 * system call that it makes from now on.
 *
 *   kill_at PID N
 *
 * Prints "watching" when it has begun to count, then {"killed": NUMBER} with
 * the call's number; or, told by SIGTERM to stop counting, {"calls": COUNT},
 * and the process goes on. Needs the right to trace it; for tests alone.
 */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUR_FAILURE = 2, SYSCALL_STOP = SIGTRAP | 0x80 };

static volatile sig_atomic_t told_to_stop;

static void on_term(int number)
{
	told_to_stop = 1;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "kill_at: %s: %s\n", what, strerror(errno));
	exit(OUR_FAILURE);
}

/* Stops every thread once, so that from here on each of its calls is seen. */
static void seize(pid_t pid)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *tasks = opendir(path);
	if (tasks == NULL)
		fail("looking for its threads");
	for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
		const pid_t thread = (pid_t)atoi(entry->d_name);

		if (thread <= 0)
			continue;
		if (ptrace(PTRACE_SEIZE, thread, 0, options) != 0 ||
		    ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0)
			fail("tracing it");
	}
	closedir(tasks);
}

static bool enters(pid_t thread, uint64_t *ret_number)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	*ret_number = info.entry.nr;
	return true;
}

/* The signal that the thread is to get when it goes on. */
static int signal_of(int status)
{
	const int number = WSTOPSIG(status);

	return number == SYSCALL_STOP || status >> 16 != 0 ? 0 : number;
}

int main(int argc, char **argv)
{
	const struct sigaction term = { .sa_handler = on_term };
	long calls = 0;
	uint64_t number;
	int status;

	if (argc != 3)
		return OUR_FAILURE;
	const pid_t pid = (pid_t)atoi(argv[1]);
	const long limit = atol(argv[2]);
	sigaction(SIGTERM, &term, NULL);
	seize(pid);
	puts("watching");
	fflush(stdout);
	while (!told_to_stop) {
		const pid_t thread = waitpid(-1, &status, __WALL);
		if (thread < 0 && errno == EINTR)
			continue;
		if (thread < 0)
			fail("it ended by itself");
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == SYSCALL_STOP && enters(thread, &number) &&
		    ++calls >= limit) {
			kill(pid, SIGKILL);
			printf("{\"killed\": %llu}\n", (unsigned long long)number);
			return EXIT_SUCCESS;
		}
		ptrace(PTRACE_SYSCALL, thread, 0, signal_of(status));
	}
	printf("{\"calls\": %ld}\n", calls);
	return EXIT_SUCCESS;
}
