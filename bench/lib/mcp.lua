-- SPDX-License-Identifier: Apache-2.0
-- wrk: one message, posted again and again. Body and headers come in the environment, a header a line.
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^:\n]+): ([^\n]+)") do
	wrk.headers[name] = value
end
