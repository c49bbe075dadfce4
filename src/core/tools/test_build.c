/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec/base64.h"
#include "codec/select.h"
#include "core/tools/build.h"
#include "core/tools/sample.h"

static struct service *service;

static int make_service(void **state)
{
	(void)state;
	service = sample_service();
	return 0;
}

static int free_service(void **state)
{
	(void)state;
	service_free(&service);
	return 0;
}

static enum err build(const char *tool, size_t step, const char *args, const char *answer,
		      struct tools_request *ret)
{
	scoped(doc_done) struct doc doc = { 0 }, variables = { 0 }, before = { 0 };
	struct tools_values values = { .args = &doc,
				       .variables = &variables,
				       .now = 1795000000123456 };

	sample_read(args, &doc);
	sample_read("{\"site\":\"s-1\"}", &variables);
	if (answer != NULL) {
		sample_read(answer, &before);
		values.answers[0] = &before;
	}
	return tools_build(service, sample_tool(service, tool), step, &values, ret);
}

static void assert_text(const struct dynbuf *text, const char *want)
{
	if (!bytes_is(dynbuf_view(text), want))
		fail_msg("%.*s, not %s", (int)text->n, (const char *)text->p, want);
}

static void builds(const char *tool, const char *args, const char *url, const char *body)
{
	struct tools_request request;

	assert_int_equal(build(tool, 0, args, NULL, &request), OK);
	assert_text(&request.url, url);
	assert_text(&request.body, body);
	tools_request_done(&request);
}

static void refuses(const char *tool, const char *args, enum err want)
{
	struct tools_request request;
	const enum err err = build(tool, 0, args, NULL, &request);

	if (err != want)
		fail_msg("%s gives %d, not %d", args, (int)err, (int)want);
	tools_request_done(&request);
}

#define HOME "https://api.sample.example/v1/s-1"

static void arguments_stay_in_their_path_segment(void **state)
{
	(void)state;
	builds("issues.get", "{\"owner\":\"acme\",\"repo\":\"a b?#\xc3\xa4;=&\",\"number\":7}",
	       HOME "/repos/acme/a%20b%3F%23%C3%A4%3B%3D%26/issues/7", "");
	builds("issues.get", "{\"owner\":\"...\",\"repo\":\".x\",\"number\":-1}",
	       HOME "/repos/.../.x/issues/-1", "");
	static const char *const bad[] = { "a/b",	"..",	 ".",	  "",
					   "a\\\\b",	"..%2f", "a%2Fb", "%2e%2e",
					   "a\\u0000b", "a\\nb", "/",	  "a/.." };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char args[100];
		snprintf(args, sizeof args, "{\"owner\":\"o\",\"repo\":\"%s\",\"number\":7}",
			 bad[i]);
		refuses("issues.get", args, ERR_MALFORMED);
	}
	refuses("issues.get", "{\"owner\":\"o\",\"number\":7}", ERR_NOT_FOUND);
	refuses("issues.get", "{\"owner\":[\"o\"],\"repo\":\"r\",\"number\":7}", ERR_MALFORMED);
	refuses("issues.get", "{\"owner\":null,\"repo\":\"r\",\"number\":7}", ERR_MALFORMED);
}

static void a_number_has_one_form_in_a_path(void **state)
{
	static const char *const bad[] = { "1e3", "7.0", "-0", "70E-1", "0.0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char args[100];
		snprintf(args, sizeof args, "{\"owner\":\"o\",\"repo\":\"r\",\"number\":%s}",
			 bad[i]);
		refuses("issues.get", args, ERR_MALFORMED);
	}
	builds("issues.get", "{\"owner\":\"o\",\"repo\":\"r\",\"number\":12345678901234567890123}",
	       HOME "/repos/o/r/issues/12345678901234567890123", "");
	builds("issues.get", "{\"owner\":\"o\",\"repo\":\"r\",\"number\":-0.5}",
	       HOME "/repos/o/r/issues/-0.5", "");
}

static void paths_of_several_segments_stay_below_theirs(void **state)
{
	(void)state;
	builds("files.get", "{\"project\":\"a/b\",\"repo\":\"r\",\"path\":\"src/a b.c\"}",
	       HOME "/files/a%2Fb/x-r/src/a%20b.c", "");
	static const char *const bad[] = { "../x", "a/../b", "a//b", "/a", "a/", ".", "a/./b", "" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char args[100];
		snprintf(args, sizeof args, "{\"project\":\"p\",\"repo\":\"r\",\"path\":\"%s\"}",
			 bad[i]);
		refuses("files.get", args, ERR_MALFORMED);
		snprintf(args, sizeof args, "{\"project\":\"%s\",\"repo\":\"r\",\"path\":\"p\"}",
			 bad[i]);
		refuses("files.get", args, ERR_MALFORMED);
	}
}

static void parameters_are_encoded_and_absent_ones_left_out(void **state)
{
	(void)state;
	builds("issues.list", "{\"owner\":\"o\",\"repo\":\"r\"}",
	       HOME "/repos/o/r/issues?per_page=30&fields=a%2Cb&q=repo%3Ar%20is%3Aopen", "");
	builds("issues.list",
	       "{\"owner\":\"o\",\"repo\":\"r\",\"state\":\"a&b=c\",\"page\":2,\"limit\":5,"
	       "\"labels\":[\"x\",\"y z\"],\"ids\":[1,2],\"all\":false}",
	       HOME "/repos/o/r/issues?state=a%26b%3Dc&page=2&per_page=5&labels=x%2Cy%20z"
		    "&id%5B%5D=1&id%5B%5D=2&all=false&fields=a%2Cb&q=repo%3Ar%20is%3Aopen",
	       "");
	builds("issues.list", "{\"owner\":\"o\",\"repo\":\"r\",\"ids\":[],\"page\":null}",
	       HOME "/repos/o/r/issues?per_page=30&fields=a%2Cb&q=repo%3Ar%20is%3Aopen", "");
	refuses("issues.list", "{\"owner\":\"o\",\"repo\":\"r\",\"labels\":[\"a,b\",\"c\"]}",
		ERR_MALFORMED);
	refuses("issues.list", "{\"owner\":\"o\",\"repo\":\"r\",\"ids\":3}", ERR_MALFORMED);
	refuses("issues.list", "{\"owner\":\"o\",\"repo\":\"r\",\"labels\":[{}]}", ERR_MALFORMED);
}

static void members_of_a_body_keep_type_and_digits(void **state)
{
	(void)state;
	builds("issues.create",
	       "{\"owner\":\"o\",\"repo\":\"r\",\"title\":\"A \\\"b\\\" \\u00e4\\n\","
	       "\"labels\":[\"x\", {\"a\":1.50}],\"weight\":12345678901234567890.10}",
	       HOME "/repos/o/r/issues",
	       "{\"title\":\"A \\\"b\\\" \\u00e4\\n\",\"labels\":[\"x\", {\"a\":1.50}],"
	       "\"weight\":12345678901234567890.10,\"draft\":false,\"kind\":\"false\",\"rank\":3,"
	       "\"none\":null,\"note\":\"by o: A \\\"b\\\" \xc3\xa4\\n\",\"list\":[\"x\"]}");
	builds("issues.create", "{\"owner\":\"o\",\"repo\":\"r\",\"due\":\"d\"}",
	       HOME "/repos/o/r/issues",
	       "{\"draft\":false,\"kind\":\"false\",\"rank\":3,\"none\":null,"
	       "\"due\":{\"date\":\"d\"},\"list\":[\"d\",\"x\"]}");
	builds("issues.close", "{\"owner\":\"o\",\"repo\":\"r\",\"number\":1}",
	       HOME "/repos/o/r/issues/1", "{\"state\":\"closed\"}");
}

static void own_headers_have_the_values_of_the_connection(void **state)
{
	scoped(doc_done) struct doc good = { 0 }, other = { 0 };
	scoped(dynbuf_done) struct dynbuf text = { .max = 256 };

	(void)state;
	sample_read("{\"site\":\"s-1\"}", &good);
	sample_read("{\"other\":\"s-1\"}", &other);
	assert_int_equal(tools_own_header(service, NULL, 0, &text), OK);
	assert_text(&text, "application/json");
	assert_int_equal(tools_own_header(service, &good, 2, &text), OK);
	assert_text(&text, "application/jsonat-s-1");
	assert_int_equal(tools_own_header(service, &other, 2, &text), ERR_NOT_FOUND);
	assert_int_equal(tools_own_header(service, NULL, 2, &text), ERR_NOT_FOUND);
}

static void headers_come_from_service_and_tool(void **state)
{
	struct tools_request request;

	(void)state;
	assert_int_equal(build("issues.create", 0, "{\"owner\":\"o\",\"repo\":\"r\",\"weight\":2}",
			       NULL, &request),
			 OK);
	assert_int_equal(request.method, SERVICE_POST);
	assert_string_equal(request.content_type, "application/json");
	assert_int_equal(request.headers_n, 4);
	assert_true(bytes_is(request.headers[0].name, "Accept"));
	assert_true(bytes_is(request.headers[0].value, "application/json"));
	assert_true(bytes_is(request.headers[1].name, "X-Site"));
	assert_true(bytes_is(request.headers[1].value, "at-s-1"));
	assert_true(bytes_is(request.headers[2].name, "X-Version"));
	assert_true(bytes_is(request.headers[2].value, "8"));
	assert_true(bytes_is(request.headers[3].value, "2"));
	tools_request_done(&request);
	assert_int_equal(
		build("issues.create", 0, "{\"owner\":\"o\",\"repo\":\"r\"}", NULL, &request), OK);
	assert_int_equal(request.headers_n, 3);
	tools_request_done(&request);
	refuses("issues.create", "{\"owner\":\"o\",\"repo\":\"r\",\"weight\":\"a\\r\\nX: y\"}",
		ERR_MALFORMED);
	refuses("issues.create", "{\"owner\":\"o\",\"repo\":\"r\",\"weight\":\"\\u00e4\"}",
		ERR_MALFORMED);
}

static void forms_nest_by_name(void **state)
{
	struct tools_request request;

	(void)state;
	builds("charges.create",
	       "{\"amount\":5,\"tags\":[\"a b\",\"c\"],\"meta\":{\"k&\":\"v=\",\"n\":{\"m\":[1]},"
	       "\"z\":null},\"capture\":true}",
	       HOME "/charges",
	       "amount=5&currency=eur&card%5Btags%5D%5B0%5D=a+b&card%5Btags%5D%5B1%5D=c"
	       "&metadata%5Bk%26%5D=v%3D&metadata%5Bn%5D%5Bm%5D%5B0%5D=1&capture=true");
	assert_int_equal(build("charges.create", 0, "{\"amount\":5}", NULL, &request), OK);
	assert_string_equal(request.content_type, "application/x-www-form-urlencoded");
	assert_text(&request.body, "amount=5&currency=eur");
	tools_request_done(&request);
}

static void a_text_is_sent_as_it_is(void **state)
{
	(void)state;
	builds("files.upload", "{\"content\":\"a\\n{b}\",\"name\":\"x y\"}",
	       "https://up.sample.example/up?name=x%20y", "a\n{b}");
}

static void a_second_request_knows_the_first_answer(void **state)
{
	struct tools_request request;

	(void)state;
	assert_int_equal(build("files.put", 1, "{\"path\":\"a\",\"content\":\"c\"}",
			       "{\"sha\":\"5\\u0035\"}", &request),
			 OK);
	assert_int_equal(request.method, SERVICE_PUT);
	assert_text(&request.body, "{\"sha\":\"5\\u0035\",\"content\":\"c\"}");
	tools_request_done(&request);
	/* a new file has none */
	assert_int_equal(
		build("files.put", 1, "{\"path\":\"a\",\"content\":\"c\"}", NULL, &request), OK);
	assert_text(&request.body, "{\"content\":\"c\"}");
	tools_request_done(&request);
}

static void times_are_told(void **state)
{
	(void)state;
	builds("events.list", "{\"days\":14}",
	       HOME "/events?from=2026-11-18T00%3A00%3A00Z&to=2026-12-02T11%3A06%3A40Z", "");
	refuses("events.list", "{\"days\":100000}", ERR_MALFORMED);
	refuses("events.list", "{\"days\":-1}", ERR_MALFORMED);
	refuses("events.list", "{}", ERR_MALFORMED);
}

static void a_query_of_graphql_is_never_changed(void **state)
{
	(void)state;
	builds("graph.issue", "{\"id\":\"\\\") { evil }\"}", HOME "/graphql",
	       "{\"query\":\"query I($id: ID!) { issue(id: $id) { title } }\","
	       "\"variables\":{\"id\":\"\\\") { evil }\"}}");
	builds("graph.issue", "{}", HOME "/graphql",
	       "{\"query\":\"query I($id: ID!) { issue(id: $id) { title } }\",\"variables\":{}}");
}

static void mail(const char *args, const char *want)
{
	struct tools_request request;
	static uint8_t raw[10000];
	size_t n;

	assert_int_equal(build("mail.send", 0, args, NULL, &request), OK);
	scoped(doc_done) struct doc doc = { 0 };
	assert_int_equal(doc_read(dynbuf_view(&request.body), &doc), OK);
	const struct bytes text = doc_plain(&doc, doc_member(&doc, 0, str("raw")));
	assert_int_equal(base64url_parse(text, raw, sizeof raw - 1, &n), OK);
	raw[n] = 0;
	assert_string_equal((const char *)raw, want);
	tools_request_done(&request);
}

#define MIME                                                                                       \
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"                         \
	"Content-Transfer-Encoding: base64\r\n\r\n"

static void a_mail_is_a_message_no_argument_breaks_out_of(void **state)
{
	(void)state;
	mail("{\"to\":[\"a@x.example\",\"B "
	     "<b@x.example>\"],\"subject\":\"Hello\",\"body\":\"Hi\\n\","
	     "\"reply\":\"<1@x>\"}",
	     "To: a@x.example, B <b@x.example>\r\nSubject: Hello\r\nIn-Reply-To: <1@x>\r\n"
	     "References: <1@x>\r\n" MIME "SGkK\r\n");
	mail("{\"to\":[\"a@x.example\"],\"subject\":\"\xc3\xa4 =?x?=\",\"body\":\"\"}",
	     "To: a@x.example\r\nSubject: =?UTF-8?B?w6QgPT94Pz0=?=\r\n" MIME);
	mail("{\"to\":[\"a@x.example\"],\"subject\":"
	     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa4 "
	     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\","
	     "\"body\":\"\"}",
	     "To: a@x.example\r\nSubject: "
	     "=?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n"
	     " =?UTF-8?B?w6QgYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi?=\r\n" MIME);
	refuses("mail.send", "{\"to\":[\"a@x.example\\r\\nBcc: e@x\"],\"body\":\"\"}",
		ERR_MALFORMED);
	refuses("mail.send", "{\"to\":[\"a@x.example, b@x\"],\"body\":\"\"}", ERR_MALFORMED);
	refuses("mail.send", "{\"to\":[\"\xc3\xa4@x.example\"],\"body\":\"\"}", ERR_MALFORMED);
	refuses("mail.send", "{\"to\":[],\"body\":\"\"}", ERR_MALFORMED);
	refuses("mail.send", "{\"body\":\"\"}", ERR_MALFORMED);
	refuses("mail.send", "{\"to\":[\"a@x\"],\"subject\":\"a\\nb\",\"body\":\"\"}",
		ERR_MALFORMED);
}

static void an_account_without_the_variable_cannot_be_called(void **state)
{
	scoped(doc_done) struct doc args = { 0 };
	struct tools_values values = { .args = &args };
	struct tools_request request;

	(void)state;
	sample_read("{\"owner\":\"o\",\"repo\":\"r\"}", &args);
	assert_int_equal(
		tools_build(service, sample_tool(service, "repos.delete"), 0, &values, &request),
		ERR_NOT_FOUND);
	tools_request_done(&request);
}

static void the_projection_is_told_in_lines(void **state)
{
	scoped(dynbuf_done) struct dynbuf out;
	static struct select select;

	(void)state;
	dynbuf_init(&out, SELECT_TEXT_MAX);
	assert_int_equal(tools_select(sample_tool(service, "issues.list"), &out), OK);
	assert_text(&out, "from items\nfield id id\nbeside next page.next\n");
	dynbuf_reset(&out);
	assert_int_equal(tools_select(sample_tool(service, "issues.get"), &out), OK);
	assert_text(&out, "field number number\nfield author user.login\nfield b a.b\n");
	assert_int_equal(select_parse(dynbuf_view(&out), &select), OK);
	dynbuf_reset(&out);
	assert_int_equal(tools_select(sample_tool(service, "repos.delete"), &out), OK);
	assert_int_equal(out.n, 0);
}

static void a_resource_has_an_id_made_of_arguments(void **state)
{
	scoped(doc_done) struct doc args = { 0 };
	scoped(dynbuf_done) struct dynbuf out;
	const struct service_tool *tool = sample_tool(service, "issues.get");

	(void)state;
	dynbuf_init(&out, 100);
	sample_read("{\"owner\":\"acme\",\"repo\":\"site\"}", &args);
	assert_int_equal(tools_text(tool, str("{owner}/{repo}"), &args, &out), OK);
	assert_text(&out, "acme/site");
	assert_int_equal(tools_text(tool, str("{number}"), &args, &out), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_stay_in_their_path_segment),
		cmocka_unit_test(a_number_has_one_form_in_a_path),
		cmocka_unit_test(paths_of_several_segments_stay_below_theirs),
		cmocka_unit_test(parameters_are_encoded_and_absent_ones_left_out),
		cmocka_unit_test(members_of_a_body_keep_type_and_digits),
		cmocka_unit_test(own_headers_have_the_values_of_the_connection),
		cmocka_unit_test(headers_come_from_service_and_tool),
		cmocka_unit_test(forms_nest_by_name),
		cmocka_unit_test(a_text_is_sent_as_it_is),
		cmocka_unit_test(a_second_request_knows_the_first_answer),
		cmocka_unit_test(times_are_told),
		cmocka_unit_test(a_query_of_graphql_is_never_changed),
		cmocka_unit_test(a_mail_is_a_message_no_argument_breaks_out_of),
		cmocka_unit_test(an_account_without_the_variable_cannot_be_called),
		cmocka_unit_test(the_projection_is_told_in_lines),
		cmocka_unit_test(a_resource_has_an_id_made_of_arguments),
	};

	return cmocka_run_group_tests(tests, make_service, free_service);
}
