// SPDX-License-Identifier: Apache-2.0
// Many calls that wait for a person at once, each of a vault of its own, by the plain API or over MCP of either era; then all
// are approved, and what the provider got is compared with what was approved. For a test and for bench/held.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

import { acmeStage } from './acme.mjs';
import { sleep } from './process.mjs';

function kib(pid) {
  const found = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  return found ? Number(found[1]) : 0;
}

/** User and system time so far, in milliseconds. */
function cpu(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const words = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(words[11]) + Number(words[12])) * 10;
}

export const snapshot = (daemon) => Object.fromEntries(Object.entries(daemon.children())
  .map(([role, pid]) => [role, { pss: kib(pid), cpu: cpu(pid) }]));

/** @p work over all of @p list, so many at a time. */
export async function each(list, width, work) {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < list.length) await work(list[next], next++);
  }));
}

/** One request on a connection of its own; from several addresses, for one alone may not hold so many. */
function post(agent, i, url, path, headers, body) {
  const { port, host } = new URL(url);
  return new Promise((done, failed) => {
    const asked = request(`http://127.0.0.1:${port}${path}`, {
      localAddress: `127.0.0.${2 + (i % 8)}`, method: 'POST', agent,
      headers: { host, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
    }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }));
      answer.on('error', failed);
    });
    asked.on('error', failed);
    asked.end(body);
  });
}

const args = (i) => ({ to: 'bo', text: `text ${i}` });

const last = ({ text }) => {
  const at = text.lastIndexOf('data: ');
  return JSON.parse(at < 0 ? text : text.slice(at + 6));
};

/** Ways to call: each answers whether it went well, when it is decided. */
const ways = {
  async api(vault, i, url, agent) {
    const { status } = await post(agent, i, url, '/api/v1/calls', { authorization: `Bearer ${vault.token}` },
      JSON.stringify({ service: 'acme', tool: 'notes.send', arguments: args(i), wait: true }));
    return status === 200;
  },

  async legacy(vault, i, url, agent, count) {
    const path = new URL(vault.mcp_url).pathname;
    const auth = { authorization: `Bearer ${vault.token}`, accept: 'application/json, text/event-stream' };
    const begun = await post(agent, i, url, path, auth, JSON.stringify({
      jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'held', version: '0' } },
    }));
    const answer = await post(agent, i, url, path, { ...auth, 'mcp-session-id': begun.headers['mcp-session-id'] }, JSON.stringify({
      jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'acme_notes_send', arguments: args(i), _meta: { progressToken: i } },
    }));
    count.messages += answer.text.split('data: ').length - 1;
    return last(answer).result?.isError === false;
  },

  async modern(vault, i, url, agent, count) {
    const path = new URL(vault.mcp_url).pathname;
    const headers = {
      authorization: `Bearer ${vault.token}`, accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'acme_notes_send',
    };
    let requestState;
    for (let id = 1; ; id++) {
      const answer = await post(agent, i, url, path, headers, JSON.stringify({
        jsonrpc: '2.0', id, method: 'tools/call', params: {
          name: 'acme_notes_send', arguments: args(i), ...(requestState ? { requestState } : {}),
          _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} },
        },
      }));
      count.messages += answer.text.split('data: ').length - 1;
      const { result } = last(answer);
      if (result?.resultType !== 'input_required') return result?.isError === false;
      ({ requestState } = result);
      count.legs++;
    }
  },
};

/**
 * Holds, waits, approves. @p told gets each stage's name and what the processes have by then. Answers figures and what is
 * wrong: an empty list is good.
 */
export async function holdMany(t, { count, way = 'modern', wait = 10000, told = () => {} }) {
  const s = await acmeStage(t, { answer: (r) => ({ status: 201, body: JSON.parse(r.body) }) });
  const vaults = new Array(count);
  await each([...vaults.keys()], 32, async (i) => { vaults[i] = await s.newVault(); });
  told('before', snapshot(s.daemon));
  const counted = { legs: 0, messages: 0 };
  const began = Date.now();
  const agents = vaults.map(() => new Agent({ keepAlive: true, keepAliveMsecs: 600000, maxSockets: 1 }));
  const answers = vaults.map((vault, i) => ways[way](vault, i, s.daemon.url, agents[i], counted).catch((error) => error));
  let pending = [];
  while (pending.length < count && Date.now() - began < 120000) {
    await sleep(200);
    pending = await s.daemon.list('/approvals?state=pending&limit=500');
  }
  const held = Date.now() - began;
  told('held', snapshot(s.daemon));
  await sleep(wait);
  told('later', snapshot(s.daemon));
  const shown = new Map();
  await each(pending, 64, async ({ id }) => { shown.set(id, JSON.parse((await s.show(id)).object).arguments); });
  const resumed = Date.now();
  await each(pending, 64, async ({ id }) => { await s.approve(id); });
  const approved = Date.now() - resumed;
  const good = await Promise.all(answers);
  const answered = Date.now() - resumed;
  told('after', snapshot(s.daemon));
  for (const agent of agents) agent.destroy();
  // The object that is approved holds the hash of the arguments; this tool's body is these very bytes.
  const wanted = [...shown.values()].sort();
  const got = s.upstream.seen.map((r) => createHash('sha256').update(r.body).digest('hex')).sort();
  const wrong = [];
  if (pending.length !== count) wrong.push(`${pending.length} of ${count} were held`);
  if (got.length !== count) wrong.push(`the provider got ${got.length} requests`);
  if (JSON.stringify(got) !== JSON.stringify(wanted)) wrong.push('what the provider got is not what was approved');
  const bad = good.filter((one) => one !== true);
  if (bad.length > 0) wrong.push(`${bad.length} callers did not get their answer: ${bad[0]}`);
  return { wrong, held, approved, answered, ...counted };
}
