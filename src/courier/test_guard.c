/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "courier/guard.h"

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(&storage, &in, sizeof in);
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&storage, &in6, sizeof in6);
	else
		fail_msg("%s is no address", text);
	return storage;
}

static bool permits(const struct guard *guard, const char *address)
{
	const struct sockaddr_storage storage = address_of(address);

	return guard_address(guard, str("api.example"), 443, (const struct sockaddr *)&storage);
}

static void only_public_addresses_are_permitted_up_to_each_edge(void **state)
{
	/* The last address before a range, its first and its last one, the first behind it. */
	static const struct {
		const char *before, *first, *last, *behind;
	} edges[] = {
		{ NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0" },
		{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0" },
		{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0" },
		{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0" },
		{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0" },
		{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0" },
		{ "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0" },
		{ "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0" },
		{ "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0" },
		{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0" },
		{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0" },
		{ "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0" },
		{ "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0" },
		{ "223.255.255.255", "224.0.0.0", "239.255.255.255", NULL },
		{ NULL, "240.0.0.0", "255.255.255.255", NULL },
		{ "168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17" },
		{ NULL, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::" },
		{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::" },
		{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
		  "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::" },
		{ "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::" },
		{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::" },
		{ "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
	};
	static const struct guard guard = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		if (edges[i].before != NULL && !permits(&guard, edges[i].before))
			fail_msg("%s is refused", edges[i].before);
		if (permits(&guard, edges[i].first))
			fail_msg("%s is permitted", edges[i].first);
		if (permits(&guard, edges[i].last))
			fail_msg("%s is permitted", edges[i].last);
		if (edges[i].behind != NULL && !permits(&guard, edges[i].behind))
			fail_msg("%s is refused", edges[i].behind);
	}
}

static void no_spelling_of_an_ipv4_address_in_ipv6_is_permitted(void **state)
{
	static const char *const spellings[] = {
		"::ffff:127.0.0.1",
		"::ffff:8.8.8.8",
		"::127.0.0.1",
		"::8.8.8.8",
		"64:ff9b::8.8.8.8",
		"64:ff9b::7f00:1",
		"64:ff9b:1::a00:1",
		"2002:7f00:1::",
		"2002:808:808::1",
		"2001:0:7f00:1::",
		"::1",
		"fe80::1",
		"fec0::1",
		"fc00::1",
		"fd12:3456::1",
		"ff02::1",
		"100::1",
		"::ffff:0:127.0.0.1",
	};
	static const struct guard guard = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
		if (permits(&guard, spellings[i]))
			fail_msg("%s is permitted", spellings[i]);
	assert_true(permits(&guard, "2606:4700::1111"));
	const struct sockaddr local = { .sa_family = AF_UNIX };
	assert_false(guard_address(&guard, str("api.example"), 443, &local));
}

static void an_exception_permits_private_addresses_but_never_metadata(void **state)
{
	static const char *const never[] = {
		"169.254.169.254",
		"169.254.170.2",
		"100.100.100.200",
		"fd00:ec2::254",
		"fd20:ce::254",
		"::ffff:169.254.169.254",
		"64:ff9b::169.254.169.254",
		"2002:a9fe:a9fe::",
		"::169.254.169.254",
		"64:ff9b:1::a9fe:a9fe",
		"168.63.129.16",
		"192.0.0.192",
	};
	static const char *const now[] = { "127.0.0.1", "10.0.0.1", "::1", "169.254.1.1",
					   "fd00::1" };
	struct guard guard = { 0 };

	assert_int_equal(guard_allow(&guard, str("api.example:443")), OK);
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (permits(&guard, never[i]))
			fail_msg("%s is permitted", never[i]);
	for (size_t i = 0; i < ARRAY_LEN(now); i++)
		if (!permits(&guard, now[i]))
			fail_msg("%s is refused", now[i]);
	const struct sockaddr_storage home = address_of("127.0.0.1");
	const struct sockaddr *address = (const struct sockaddr *)&home;
	assert_false(guard_address(&guard, str("api.example"), 444, address));
	assert_false(guard_address(&guard, str("api.example.com"), 443, address));
	assert_false(guard_address(&guard, str("pi.example"), 443, address));
}

static void urls_are_https_on_443_unless_excepted(void **state)
{
	static const struct {
		const char *url;
		bool strict, excepted;
	} cases[] = {
		{ "https://api.example/x", true, true },
		{ "https://api.example:443/", true, true },
		{ "http://api.example/", false, false },
		{ "https://api.example:8443/", false, true },
		{ "http://api.example:8443/", false, true },
		{ "https://other.example:8443/", false, false },
		{ "https://api.example:22/", false, false },
		{ "http://[::1]:8080/", false, true },
		{ "http://[::1]:8081/", false, false },
	};
	static const struct guard strict = { 0 };
	struct guard excepted = { 0 };
	struct uri uri;

	assert_int_equal(guard_allow(&excepted, str("api.example:8443")), OK);
	assert_int_equal(guard_allow(&excepted, str("[::1]:8080")), OK);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(uri_parse(str(cases[i].url), &uri), OK);
		assert_int_equal(guard_url(&strict, &uri), cases[i].strict ? OK : ERR_BLOCKED_HOST);
		assert_int_equal(guard_url(&excepted, &uri),
				 cases[i].excepted ? OK : ERR_BLOCKED_HOST);
	}
}

static void an_exception_names_one_host_and_one_port(void **state)
{
	static const char *const bad[] = {
		"",	     "host",	   "host:",	     "host:0",	       "host:65536",
		":443",	     "[::1]",	   "[::1]:",	     "*:443",	       "*.example:443",
		"host:443/", "host:443/x", "a@host:443",     "host:443?x",     "Host:443",
		"host :443", "host:443 ",  "10.0.0.0/8:443", "http://host:80", "::1:80",
	};
	struct guard guard = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (guard_allow(&guard, str(bad[i])) != ERR_MALFORMED)
			fail_msg("'%s' is taken", bad[i]);
	assert_int_equal(guard.count, 0);
	for (size_t i = 0; i < GUARD_ALLOW_MAX; i++)
		assert_int_equal(guard_allow(&guard, str("host:1")), OK);
	assert_int_equal(guard_allow(&guard, str("host:1")), ERR_TOO_LARGE);
}

static void a_secret_goes_to_the_origins_of_its_record_alone(void **state)
{
	const struct bytes origins = str("https://acme.com\nhttps://*.zen.example\n"
					 "https://*.a.b:8443\nhttps://*.");
	static const struct {
		const char *url;
		bool named;
	} rows[] = {
		{ "https://acme.com/x?y", true },
		{ "https://acme.com:443/", true },
		{ "https://acme.com:444/", false },
		{ "http://acme.com/", false },
		{ "https://www.acme.com/", false },
		{ "https://a.zen.example/", true },
		{ "https://a.b.zen.example/", true },
		{ "https://zen.example/", false },
		{ "https://evilzen.example/", false },
		{ "https://zen.example.evil.example/", false },
		{ "https://x.a.b:8443/", true },
		{ "https://x.a.b/", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct uri uri;
		assert_int_equal(uri_parse(str(rows[i].url), &uri), OK);
		if (guard_named(origins, &uri) != rows[i].named)
			fail_msg("%s", rows[i].url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_public_addresses_are_permitted_up_to_each_edge),
		cmocka_unit_test(no_spelling_of_an_ipv4_address_in_ipv6_is_permitted),
		cmocka_unit_test(an_exception_permits_private_addresses_but_never_metadata),
		cmocka_unit_test(urls_are_https_on_443_unless_excepted),
		cmocka_unit_test(an_exception_names_one_host_and_one_port),
		cmocka_unit_test(a_secret_goes_to_the_origins_of_its_record_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
