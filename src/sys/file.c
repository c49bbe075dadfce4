/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
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

enum err file_read(int dir, const char *name, size_t max, struct buf **ret)
{
	scoped(buf_free) struct buf *buf = NULL;
	struct stat st;
	size_t at = 0;
	enum err err = FAULT_SYSTEM;

	const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : FAULT_SYSTEM;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		err = (uint64_t)st.st_size > max ? ERR_TOO_LARGE
						 : buf_new((size_t)st.st_size, &buf);
	while (err == OK && at < buf->n) {
		const ssize_t n = read(fd, buf->p + at, buf->n - at);
		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			err = FAULT_SYSTEM;
	}
	close(fd);
	if (err == OK)
		*ret = take(buf);
	return err;
}
