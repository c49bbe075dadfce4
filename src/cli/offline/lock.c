/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/secret.h"
#include "ipc/ipc.h"
#include "keeper/unseal.h"

enum { HEAD = 3, WAIT_S = 30 };

static const uint8_t commands[] = {
	[LOCK_STATUS] = UNSEAL_STATUS,
	[LOCK_UNSEAL] = UNSEAL_UNSEAL,
	[LOCK_SEAL] = UNSEAL_SEAL,
	[LOCK_ACCEPT_ROLLBACK] = UNSEAL_ACCEPT_ROLLBACK,
	[LOCK_ROTATE_ROOT] = UNSEAL_ROTATE_ROOT,
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Through /proc/self/fd, because the path of a socket has room for 107 characters only. */
static enum err connect_to(const char *data, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval wait = { .tv_sec = WAIT_S };

	scoped(close_fd) int dir = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return ERR_PROVIDER_UNAVAILABLE;
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/run/unseal.sock",
		 dir);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
		return ERR_PROVIDER_UNAVAILABLE;
	return OK;
}

static enum err send_all(int fd, struct bytes message)
{
	while (message.n > 0) {
		const ssize_t n = send(fd, message.p, message.n, MSG_NOSIGNAL);
		if (n <= 0)
			return ERR_PROVIDER_UNAVAILABLE;
		message.p += n;
		message.n -= (size_t)n;
	}
	return OK;
}

static enum err ask(int fd, struct bytes message, uint8_t answer[static UNSEAL_ANSWER_LEN])
{
	size_t have = 0;

	TRY(send_all(fd, message));
	while (have < UNSEAL_ANSWER_LEN) {
		const ssize_t n = recv(fd, answer + have, UNSEAL_ANSWER_LEN - have, 0);
		if (n <= 0)
			return ERR_PROVIDER_UNAVAILABLE;
		have += (size_t)n;
	}
	return OK;
}

static const char *state_name(uint8_t state)
{
	static const char *const names[] = {
		[KEEPER_UNSEALED] = "unsealed",
		[KEEPER_SEALED] = "sealed",
		[KEEPER_ROLLBACK] = "rollback_suspected",
	};

	return state < ARRAY_LEN(names) && names[state] != NULL ? names[state] : "unknown";
}

enum err lock_ask(const char *data, enum lock_command command, struct bytes secret,
		  const char **ret_state)
{
	scoped(secret_free) struct secret *message = NULL;
	uint8_t answer[UNSEAL_ANSWER_LEN];

	if (secret.n > UNSEAL_SECRET_MAX)
		return ERR_TOO_LARGE;
	TRY(secret_new(HEAD + secret.n, &message));
	uint8_t *p = secret_fill(message);
	p[0] = commands[command];
	p[1] = (uint8_t)(secret.n >> 8);
	p[2] = (uint8_t)secret.n;
	put(p + HEAD, secret.p, secret.n);
	scoped(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return FAULT_SYSTEM;
	TRY(connect_to(data, fd));
	TRY(ask(fd, secret_bytes(message), answer));
	*ret_state = state_name(answer[2]);
	const unsigned code = (unsigned)answer[0] << 8 | answer[1];
	return code < ERR_COUNT ? (enum err)code : ERR_SERVER;
}
