-- SPDX-License-Identifier: Apache-2.0
-- wrk: GET, or POST of so many bytes; with a bearer token or without. All comes in the environment.
local n = tonumber(os.getenv("BENCH_BYTES") or "0")
if n > 0 then
	wrk.method = "POST"
	wrk.body = string.rep("x", n)
	wrk.headers["Content-Type"] = "application/octet-stream"
end
local auth = os.getenv("BENCH_AUTH")
if auth and auth ~= "" then
	wrk.headers["Authorization"] = auth
end
