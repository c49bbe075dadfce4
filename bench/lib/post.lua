-- SPDX-License-Identifier: Apache-2.0
-- wrk: one form, posted again and again; the form comes in the environment.
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
local auth = os.getenv("BENCH_AUTH")
if auth and auth ~= "" then
	wrk.headers["Authorization"] = auth
end
