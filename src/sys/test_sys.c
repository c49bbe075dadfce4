/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/channel.h"
#include "sys/route.h"

struct order {
	int seen[1000];
	size_t n;
};

struct one {
	struct order *order;
	int number;
};

static void fired(void *ctx)
{
	const struct one *one = ctx;

	one->order->seen[one->order->n++] = one->number;
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
	static struct order order;
	static struct one ones[1000];
	struct loop_timer *timers[1000];
	struct loop *loop = NULL;
	const usec_t now = clock_boot();

	(void)state;
	assert_int_equal(loop_new(&loop), OK);
	for (int i = 0; i < 1000; i++) {
		ones[i] = (struct one){ &order, i * 7919 % 1000 };
		assert_int_equal(loop_timer_new(loop, fired, &ones[i], &timers[i]), OK);
		loop_timer_set(timers[i], now + 1 + (usec_t)ones[i].number);
	}
	for (int i = 0; i < 1000; i++) /* every third is called off */
		if (ones[i].number % 3 == 0)
			loop_timer_set(timers[i], 0);
	while (clock_boot() < now + 3000)
		;
	assert_int_equal(loop_turn(loop, 0), OK);
	assert_int_equal(order.n, 666);
	for (size_t i = 1; i < order.n; i++)
		assert_true(order.seen[i] > order.seen[i - 1]);
	for (int i = 0; i < 1000; i++)
		loop_timer_free(&timers[i]);
	loop_free(&loop);
}

struct killer {
	struct loop_source *mine, **other;
	int calls;
};

static void kill_other(void *ctx, uint32_t events)
{
	struct killer *killer = ctx;

	(void)events;
	killer->calls++;
	loop_del(killer->other);
}

static void a_source_deleted_in_a_callback_is_not_called(void **state)
{
	struct killer a = { 0 }, b = { 0 };
	struct loop *loop = NULL;
	int pa[2], pb[2];

	(void)state;
	assert_int_equal(loop_new(&loop), OK);
	assert_int_equal(channel_pair(pa), OK);
	assert_int_equal(channel_pair(pb), OK);
	assert_int_equal(loop_add(loop, pa[0], EPOLLOUT, kill_other, &a, &a.mine), OK);
	assert_int_equal(loop_add(loop, pb[0], EPOLLOUT, kill_other, &b, &b.mine), OK);
	a.other = &b.mine;
	b.other = &a.mine;
	assert_int_equal(loop_turn(loop, 0), OK);
	assert_int_equal(a.calls + b.calls, 1);
	loop_del(&a.mine);
	loop_del(&b.mine);
	loop_free(&loop);
	for (int i = 0; i < 2; i++) {
		close(pa[i]);
		close(pb[i]);
	}
}

struct end {
	struct channel *channel;
	size_t frames, bytes;
	bool gone, free_on_frame;
};

static void on_frame(void *ctx, struct bytes frame)
{
	struct end *end = ctx;

	end->frames++;
	end->bytes += frame.n;
	if (end->free_on_frame)
		channel_free(&end->channel);
}

static void on_gone(void *ctx)
{
	struct end *end = ctx;

	end->gone = true;
	channel_free(&end->channel);
}

static void pair_open(struct loop *loop, struct end *a, struct end *b, size_t queue)
{
	int fds[2];

	assert_int_equal(channel_pair(fds), OK);
	assert_int_equal(
		channel_new(loop, fds[0], 100000, queue, on_frame, on_gone, a, &a->channel), OK);
	assert_int_equal(
		channel_new(loop, fds[1], 100000, queue, on_frame, on_gone, b, &b->channel), OK);
}

static void send_frame(struct channel *channel, size_t n)
{
	struct dynbuf *out;

	assert_int_equal(channel_out(channel, &out), OK);
	dynbuf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		dynbuf_u8(out, (uint8_t)i);
}

static void frames_arrive_whole_and_all(void **state)
{
	struct end a = { 0 }, b = { 0 };
	struct loop *loop = NULL;

	(void)state;
	assert_int_equal(loop_new(&loop), OK);
	pair_open(loop, &a, &b, 64 * 1024 * 1024);
	for (size_t i = 0; i < 300; i++)
		send_frame(a.channel, i * 300);
	channel_flush(a.channel);
	for (int i = 0; i < 1000 && b.frames < 300; i++)
		assert_int_equal(loop_turn(loop, 10), OK);
	assert_int_equal(b.frames, 300);
	assert_int_equal(b.bytes, 300 * 299 / 2 * 300 + 300 * 4);
	assert_int_equal(channel_waiting(a.channel), 0);
	channel_free(&a.channel);
	assert_int_equal(loop_turn(loop, 10), OK);
	assert_true(b.gone);
	loop_free(&loop);
}

static void a_peer_that_does_not_read_is_told_of_by_overload(void **state)
{
	struct end a = { 0 }, b = { 0 };
	struct loop *loop = NULL;
	struct dynbuf *out;
	int n = 0;

	(void)state;
	assert_int_equal(loop_new(&loop), OK);
	pair_open(loop, &a, &b, 4 * 1024 * 1024);
	channel_pause(b.channel, true);
	while (channel_out(a.channel, &out) == OK && n++ < 10000) {
		send_frame(a.channel, 50000);
		channel_flush(a.channel);
	}
	assert_true(n > 10 && n < 1000);
	channel_pause(b.channel, false);
	for (int i = 0; i < 1000 && b.frames < (size_t)n; i++)
		assert_int_equal(loop_turn(loop, 10), OK);
	assert_int_equal(b.frames, n);
	assert_int_equal(channel_out(a.channel, &out), OK);
	channel_free(&a.channel);
	channel_free(&b.channel);
	loop_free(&loop);
}

static void a_bad_length_hangs_up_and_a_freed_channel_is_left_alone(void **state)
{
	struct end a = { 0 }, b = { .free_on_frame = true };
	struct loop *loop = NULL;
	struct dynbuf *out;

	(void)state;
	assert_int_equal(loop_new(&loop), OK);
	pair_open(loop, &a, &b, 1024 * 1024);
	send_frame(a.channel, 10);
	send_frame(a.channel, 10);
	channel_flush(a.channel);
	assert_int_equal(loop_turn(loop, 10), OK);
	assert_int_equal(b.frames, 1);
	assert_null(b.channel);
	assert_int_equal(loop_turn(loop, 10), OK);
	assert_true(a.gone);
	pair_open(loop, &a, &b, 1024 * 1024);
	b.gone = false;
	assert_int_equal(channel_out(a.channel, &out), OK);
	dynbuf_u32(out, 0xffffffff);
	channel_flush(a.channel);
	assert_int_equal(loop_turn(loop, 10), OK);
	assert_true(b.gone);
	channel_free(&a.channel);
	loop_free(&loop);
}

static void a_descriptor_travels_with_its_message(void **state)
{
	int socks[2], pipes[2], fd = -1;
	uint8_t room[16];
	size_t n = sizeof room;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, socks), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(handover_send(socks[0], str("hello"), pipes[1]), OK);
	assert_int_equal(handover_recv(socks[1], room, &n, &fd), OK);
	assert_true(bytes_is((struct bytes){ room, n }, "hello"));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pipes[0], room, 1), 1);
	n = 3; /* too little room */
	assert_int_equal(handover_send(socks[0], str("hello"), -1), OK);
	assert_int_equal(handover_recv(socks[1], room, &n, &fd), ERR_MALFORMED);
	close(socks[0]);
	n = sizeof room;
	assert_int_equal(handover_recv(socks[1], room, &n, &fd), ERR_NOT_FOUND);
	close(socks[1]);
}

static void a_default_route_is_told_from_others(void **state)
{
#define ZERO "00000000000000000000000000000000 00 "
	static const struct {
		const char *line;
		bool is;
	} cases[] = {
		{ "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000", true },
		{ "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF", false },
		{ "lo\t00000000\t00000000\t0001\t0\t0\t0\t00000000", false },
		{ "Iface\tDestination\tGateway", false },
		{ ZERO ZERO "fe80 00000400 00000005 00000000 00000003     eth0", true },
		{ ZERO ZERO "0000 ffffffff 00000001 00000000 00200200       lo", false },
		{ "00000000000000000000000000000001 80 " ZERO "00000000  eth0", false },
		{ "", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(route_line_is_default(str(cases[i].line)), cases[i].is);
	(void)route_exists();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_the_order_of_their_times),
		cmocka_unit_test(a_source_deleted_in_a_callback_is_not_called),
		cmocka_unit_test(frames_arrive_whole_and_all),
		cmocka_unit_test(a_peer_that_does_not_read_is_told_of_by_overload),
		cmocka_unit_test(a_bad_length_hangs_up_and_a_freed_channel_is_left_alone),
		cmocka_unit_test(a_descriptor_travels_with_its_message),
		cmocka_unit_test(a_default_route_is_told_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
