/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum err full_or_fault(void)
{
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_LOG_FULL : FAULT_SYSTEM;
}

enum err file_write(int fd, struct bytes data)
{
	while (data.n > 0) {
		const ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return full_or_fault();
		data.p += n;
		data.n -= (size_t)n;
	}
	return OK;
}

static enum err write_new(int dir, const char *name, struct bytes data)
{
	const int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return full_or_fault();
	enum err err = file_write(fd, data);
	if (err == OK && fsync(fd) != 0)
		err = full_or_fault();
	close(fd);
	return err;
}

enum err file_replace(int dir, const char *name, struct bytes data)
{
	char temporary[64];

	if (snprintf(temporary, sizeof temporary, "%s.new", name) >= (int)sizeof temporary)
		return FAULT_BUG;
	const enum err err = write_new(dir, temporary, data);
	if (err != OK) {
		(void)unlinkat(dir, temporary, 0);
		return err;
	}
	if (renameat(dir, temporary, dir, name) != 0)
		return FAULT_SYSTEM;
	return fsync(dir) == 0 ? OK : FAULT_SYNC;
}

static enum err read_whole(int fd, size_t max, struct buf **ret)
{
	scoped(buf_free) struct buf *buf = NULL;
	struct stat st;
	size_t at = 0;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return FAULT_SYSTEM;
	if ((uint64_t)st.st_size > max)
		return ERR_TOO_LARGE;
	TRY(buf_new((size_t)st.st_size, &buf));
	while (at < buf->n) {
		const ssize_t n = read(fd, buf->p + at, buf->n - at);
		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			return FAULT_SYSTEM;
	}
	*ret = take(buf);
	return OK;
}

enum err file_read(int dir, const char *name, size_t max, struct buf **ret)
{
	const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : FAULT_SYSTEM;
	const enum err err = read_whole(fd, max, ret);
	close(fd);
	return err;
}

static enum err path_answer(void)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return ERR_NOT_FOUND;
	return errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : FAULT_SYSTEM;
}

enum err file_read_path(const char *path, size_t max, struct buf **ret)
{
	/* O_NONBLOCK: a named pipe is refused and not waited for. */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return path_answer();
	const enum err err = read_whole(fd, max, ret);
	close(fd);
	return err;
}

enum err file_open_dir(int dir, const char *path, bool make, int *ret)
{
	if (make && mkdirat(dir, path, 0700) != 0 && errno != EEXIST)
		return path_answer();
	const int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return path_answer();
	*ret = fd;
	return OK;
}

enum err file_lock_dir(int dir)
{
	/* flock() itself is declared in a header whose name ours hides. */
	if (syscall(SYS_flock, dir, LOCK_EX | LOCK_NB) == 0)
		return OK;
	return errno == EWOULDBLOCK ? ERR_CONFLICT : FAULT_SYSTEM;
}
