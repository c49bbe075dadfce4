/* SPDX-License-Identifier: Apache-2.0 */

/*
 * inject - makes a running process do one system call, from inside, where its
 * own code would do it: stops it while it waits in one, puts ours in its place,
 * and lets it go on as if nothing had been.
 *
 *   inject PID NUMBER [ARGUMENT]...     an argument is a number, or text behind a colon
 *
 * Prints {"result": N}, as the kernel answered, or {"killed": SIGNAL}. Needs
 * the right to trace it; for tests alone.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS = 6, SCRATCH = 4096, OUR_FAILURE = 2 };

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(OUR_FAILURE);
}

static void write_to(pid_t pid, uint64_t to, const char *text)
{
	const struct iovec here = { (void *)(uintptr_t)text, strlen(text) + 1 };
	const struct iovec there = { (void *)(uintptr_t)to, here.iov_len };

	if (process_vm_writev(pid, &here, 1, &there, 1, 0) != (ssize_t)here.iov_len)
		fail("writing its memory");
}

/* Ends us with what became of it, if it ended. */
static void wait_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid)
		fail("waiting");
	if (WIFSTOPPED(status))
		return;
	if (WIFSIGNALED(status))
		printf("{\"killed\": %d}\n", WTERMSIG(status));
	else
		printf("{\"ended\": %d}\n", WEXITSTATUS(status));
	exit(EXIT_SUCCESS);
}

/* A place where the processor will find `syscall`: it has just come from one. */
static void expect_syscall(pid_t pid, uint64_t at)
{
	uint8_t code[2];
	const struct iovec here = { code, sizeof code };
	const struct iovec there = { (void *)(uintptr_t)at, sizeof code };

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof code)
		fail("reading its code");
	if (code[0] != 0x0f || code[1] != 0x05) {
		errno = EAGAIN;
		fail("it does not wait in a system call");
	}
}

int main(int argc, char **argv)
{
	struct user_regs_struct before, call;
	uint64_t arguments[ARGUMENTS] = { 0 };

	if (argc < 3 || argc > 3 + ARGUMENTS)
		return OUR_FAILURE;
	const pid_t pid = atoi(argv[1]);
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0)
		fail("tracing it");
	wait_stop(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, &before) != 0)
		fail("reading its registers");
	expect_syscall(pid, before.rip - 2);
	/* Beneath its stack and the 128 bytes that belong to its innermost function. */
	uint64_t scratch = (before.rsp - SCRATCH) & ~(uint64_t)15;
	for (int i = 3; i < argc; i++) {
		if (argv[i][0] != ':') {
			arguments[i - 3] = strtoull(argv[i], NULL, 0);
			continue;
		}
		write_to(pid, scratch, argv[i] + 1);
		arguments[i - 3] = scratch;
		scratch += (strlen(argv[i]) + 16) & ~(uint64_t)15;
	}
	call = before;
	call.rax = strtoull(argv[2], NULL, 0);
	call.orig_rax = (uint64_t)-1; /* what it waited in is not begun again now */
	call.rip = before.rip - 2;
	call.rdi = arguments[0];
	call.rsi = arguments[1];
	call.rdx = arguments[2];
	call.r10 = arguments[3];
	call.r8 = arguments[4];
	call.r9 = arguments[5];
	if (ptrace(PTRACE_SETREGS, pid, 0, &call) != 0 || ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0)
		fail("setting it going");
	wait_stop(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, &call) != 0)
		fail("reading the answer");
	printf("{\"result\": %lld}\n", (long long)call.rax);
	if (ptrace(PTRACE_SETREGS, pid, 0, &before) != 0 || ptrace(PTRACE_DETACH, pid, 0, 0) != 0)
		fail("letting it go");
	return EXIT_SUCCESS;
}
