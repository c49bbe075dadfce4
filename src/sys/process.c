/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

/* In the child: only calls that are safe after fork. */
static _Noreturn void become(const char *const argv[], int control, pid_t parent)
{
	sigset_t none;
	const int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The parent may have ended before the request: then nobody will tell. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		_exit(126);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(126);
	if (control == PROCESS_CONTROL && fcntl(control, F_SETFD, 0) != 0)
		_exit(126);
	if (control >= 0 && control != PROCESS_CONTROL && dup2(control, PROCESS_CONTROL) < 0)
		_exit(126);
	if (close_range(control >= 0 ? PROCESS_CONTROL + 1 : PROCESS_CONTROL, ~0u, 0) != 0)
		_exit(126);
	execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

enum err process_spawn(const char *const argv[], int control, pid_t *ret)
{
	const pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return FAULT_SYSTEM;
	if (pid == 0)
		become(argv, control, parent);
	*ret = pid;
	return OK;
}

bool process_ended(pid_t pid, int *ret_status)
{
	return waitpid(pid, ret_status, WNOHANG) == pid;
}

char *process_status_print(int status, char *to, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(to, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(to, size, "exit %d", WEXITSTATUS(status));
	return to;
}

enum err process_signals(int *ret_fd)
{
	sigset_t set;

	signal_set(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return FAULT_SYSTEM;
	const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return FAULT_SYSTEM;
	*ret_fd = fd;
	return OK;
}

int process_signal_next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

enum err process_control_pair(int ret[2])
{
	const int room =
		1024 * 1024; /* boot carries certificate bundles; the kernel may give less */
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return FAULT_SYSTEM;
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
		(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	ret[0] = pair[0];
	ret[1] = pair[1];
	return OK;
}
