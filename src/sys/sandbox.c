/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Bits of Landlock that are younger than the headers of Debian 12. A kernel is
 * asked only for what its version knows.
 */
enum {
	FS_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	FS_WRITE = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		   LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		   LANDLOCK_ACCESS_FS_REMOVE_DIR,
	FS_ALL_V1 = (1 << 13) - 1,
	FS_REFER_V2 = 1 << 13,
	FS_TRUNCATE_V3 = 1 << 14,
	FS_IOCTL_V5 = 1 << 15,
	NET_BIND_V4 = 1 << 0,
	NET_CONNECT_V4 = 1 << 1,
	SCOPE_ALL_V6 = (1 << 2) - 1,
	FS_KEEP = FS_READ | FS_WRITE | FS_REFER_V2 | FS_TRUNCATE_V3,
};

struct ruleset {
	uint64_t fs, net, scoped;
};

/* Lists end with END; no system call has this number, not even one foreign to the machine. */
enum { END = -100000 };

/* What the C library, the allocator, locked memory and the loop need. */
static const int base_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(munlock),
	SCMP_SYS(memfd_secret),
	SCMP_SYS(futex),
	SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getrusage),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2),
	SCMP_SYS(fcntl),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	END,
};

static const int accept_calls[] = { SCMP_SYS(accept), SCMP_SYS(accept4), END };

static const int file_calls[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(flock),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchown),
	SCMP_SYS(umask),
	END,
};

/* Where there are no files, the look-ups that libraries make by habit find none. */
static const int look_up_calls[] = {
	SCMP_SYS(open),	    SCMP_SYS(openat),	  SCMP_SYS(stat),      SCMP_SYS(lstat),
	SCMP_SYS(statx),    SCMP_SYS(access),	  SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),    END,
};

static const int connect_calls[] = { SCMP_SYS(connect), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
				     END };

#ifdef VALETKEY_SANITIZED
static const int sanitizer_calls[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(prctl),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getppid),
	SCMP_SYS(tgkill),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(pipe),
	SCMP_SYS(getdents64),
	SCMP_SYS(prlimit64),
	SCMP_SYS(arch_prctl),
	END,
};
#endif

struct sandbox {
	bool files, accepts, connects, threads;
	uint64_t own_fs, log_fs; /* Landlock: rights beneath the two directories */
};

const struct sandbox sandbox_gate = { .accepts = true };
const struct sandbox sandbox_core = {
	.files = true, .threads = true, .own_fs = FS_KEEP, .log_fs = FS_READ
};
const struct sandbox sandbox_keeper = {
	.files = true, .accepts = true, .own_fs = FS_KEEP, .log_fs = FS_KEEP
};
const struct sandbox sandbox_courier = { .connects = true };

static unsigned landlock_version(void)
{
	const long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : (unsigned)version;
}

void sandbox_look(struct sandbox_facts *ret)
{
	const int fd = (int)syscall(SYS_memfd_secret, 0);

	if (fd >= 0)
		close(fd);
	*ret = (struct sandbox_facts){
		.seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0,
		.landlock = landlock_version(),
		.memfd_secret = fd >= 0,
	};
}

/* Landlock and dropped capabilities hold for the thread that asks and those it makes later. */
static bool single_thread(void)
{
	struct stat task;

	return stat("/proc/self/task", &task) == 0 && task.st_nlink == 3;
}

static enum err privileges_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const struct rlimit no_core = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capset, &head, none) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0)
		return FAULT_SYSTEM;
	return OK;
}

static bool rule_add(int ruleset, uint64_t rights, int dir)
{
	const struct landlock_path_beneath_attr rule = { .allowed_access = rights,
							 .parent_fd = dir };

	return rights == 0 || dir < 0 ||
	       syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

/* The sanitizers' runtime reads the process's own maps. */
static bool rules_of_build(int ruleset)
{
#ifdef VALETKEY_SANITIZED
	const int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const bool ok = proc >= 0 && rule_add(ruleset, FS_READ, proc);

	close(proc);
	return ok;
#else
	(void)ruleset;
	return true;
#endif
}

static enum err landlock_enter(const struct sandbox *row, struct sandbox_dirs dirs)
{
	const unsigned version = landlock_version();
	struct ruleset all = {
		.fs = FS_ALL_V1 | (version >= 2 ? FS_REFER_V2 : 0) |
		      (version >= 3 ? FS_TRUNCATE_V3 : 0) | (version >= 5 ? FS_IOCTL_V5 : 0),
		.net = NET_BIND_V4 | (row->connects ? 0 : NET_CONNECT_V4),
		.scoped = SCOPE_ALL_V6,
	};
	const size_t size = version >= 6   ? sizeof all
			    : version >= 4 ? offsetof(struct ruleset, scoped)
					   : offsetof(struct ruleset, net);

	if (version == 0)
		return OK; /* sandbox_look() tells the operator */
	const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	if (ruleset < 0)
		return FAULT_SYSTEM;
	const bool entered = rule_add(ruleset, row->own_fs & all.fs, dirs.own) &&
			     rule_add(ruleset, row->log_fs & all.fs, dirs.log) &&
			     rule_add(ruleset, row->log_fs & all.fs, dirs.witness) &&
			     rules_of_build(ruleset) &&
			     syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	close(ruleset);
	return entered ? OK : FAULT_SYSTEM;
}

static int add_list(scmp_filter_ctx filter, uint32_t action, const int *calls)
{
	int failed = 0;

	for (; *calls != END; calls++)
		failed |= seccomp_rule_add(filter, action, *calls, 0);
	return failed;
}

/* No page that may be run is made once the process is set up. */
static int add_memory(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp not_run = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_run) |
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_run);
}

/* Calls that are harmless with some arguments only. */
static int add_narrow(scmp_filter_ctx filter)
{
	static const uint64_t ioctls[] = { FIONBIO, FIONREAD };
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(ioctls); i++)
		failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					   SCMP_A1_32(SCMP_CMP_EQ, ioctls[i]));
	failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
				   SCMP_A1_32(SCMP_CMP_EQ, TCGETS));
	/* abort(), so that a failed assertion is seen as one */
	failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				   SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)getpid()));
	failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				   SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));
	failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				   SCMP_A0_32(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0));
	return failed;
}

static int add_files(scmp_filter_ctx filter, const struct sandbox *row)
{
	if (row->files)
		return add_list(filter, SCMP_ACT_ALLOW, file_calls);
	/* fstat() of the C library */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				SCMP_A3_32(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)) |
	       seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(newfstatat), 1,
				SCMP_A3_32(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0)) |
	       add_list(filter, SCMP_ACT_ERRNO(ENOENT), look_up_calls);
}

/* Streams and datagrams of the internet, and pairs for libcurl to wake itself. */
static int add_sockets(scmp_filter_ctx filter)
{
	static const uint64_t families[] = { AF_INET, AF_INET6 };
	static const uint64_t types[] = { SOCK_STREAM, SOCK_DGRAM };
	const uint64_t mask = ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK) & UINT32_MAX;
	int failed = add_list(filter, SCMP_ACT_ALLOW, connect_calls);

	for (size_t f = 0; f < ARRAY_LEN(families); f++)
		for (size_t t = 0; t < ARRAY_LEN(types); t++)
			failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
						   SCMP_A0_32(SCMP_CMP_EQ, families[f]),
						   SCMP_A1_32(SCMP_CMP_MASKED_EQ, mask, types[t]));
	failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
				   SCMP_A1_32(SCMP_CMP_MASKED_EQ, mask, SOCK_STREAM));
	return failed;
}

/* A thread, not a process; clone3 hides its flags from the filter, so the C library shall not
 * use it. */
static int add_threads(scmp_filter_ctx filter)
{
	const uint64_t flags = CLONE_VM | CLONE_THREAD;

	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				SCMP_A0_64(SCMP_CMP_MASKED_EQ, flags, flags)) |
	       seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* Where the wider list of the sanitized build allows a call, no narrower rule may stand beside it.
 */
static int add_calls(scmp_filter_ctx filter, const struct sandbox *row)
{
	int failed = add_list(filter, SCMP_ACT_ALLOW, base_calls);

#ifdef VALETKEY_SANITIZED
	failed |= add_list(filter, SCMP_ACT_ALLOW, sanitizer_calls);
	(void)add_memory;
	if (row->files)
		failed |= add_list(filter, SCMP_ACT_ALLOW, file_calls);
	(void)add_files;
	(void)look_up_calls;
	(void)add_narrow;
	failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 0);
#else
	failed |= add_memory(filter) | add_narrow(filter) | add_files(filter, row);
#endif
	if (row->accepts)
		failed |= add_list(filter, SCMP_ACT_ALLOW, accept_calls);
	if (row->connects)
		failed |= add_sockets(filter);
	if (row->threads)
		failed |= add_threads(filter);
	return failed;
}

static enum err seccomp_enter(const struct sandbox *row)
{
	const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (filter == NULL)
		return FAULT_NOMEM;
	const bool entered = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
			     seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
			     add_calls(filter, row) == 0 && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return entered ? OK : FAULT_SYSTEM;
}

enum err sandbox_enter(const struct sandbox *row, struct sandbox_dirs dirs)
{
	if (!single_thread())
		return FAULT_SYSTEM;
	TRY(privileges_drop());
	TRY(landlock_enter(row, dirs));
	return seccomp_enter(row);
}
