// SPDX-License-Identifier: Apache-2.0
// MCP requests by hand, for what a well-behaved client would not send.

const meta = 'io.modelcontextprotocol/';

/** The bare endpoint of a vault. */
export class Endpoint {
  constructor({ mcp_url: url, token }) {
    Object.assign(this, { url, token, id: 0 });
  }

  async send(body, { headers = {}, token = this.token, method = 'POST', signal } = {}) {
    const answer = await fetch(this.url, {
      method,
      signal,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(method === 'POST' ? { 'content-type': 'application/json', accept: 'application/json, text/event-stream' } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    return answer;
  }

  static async read(answer) {
    const text = await answer.text();
    let body = null;
    if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
      body = events(text).at(-1) ?? null;
    } else {
      try { body = JSON.parse(text); } catch { /* the test looks at the text */ }
    }
    return { status: answer.status, headers: answer.headers, text, body };
  }

  /** A request of 2026-07-28; @p more changes its headers, _meta or the whole message. */
  async modern(method, params = {}, { headers = {}, capabilities = {}, claim = {}, message = {}, ...options } = {}) {
    const id = ++this.id;
    const named = { 'tools/call': params.name, 'prompts/get': params.name, 'resources/read': params.uri }[method];
    return Endpoint.read(await this.send({
      jsonrpc: '2.0',
      id,
      method,
      params: {
        ...params,
        _meta: { [`${meta}protocolVersion`]: '2026-07-28', [`${meta}clientCapabilities`]: capabilities, ...claim },
      },
      ...message,
    }, {
      headers: {
        'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(named === undefined ? {} : { 'mcp-name': named }), ...headers,
      },
      ...options,
    }));
  }

  /** Begins a session of before 2026-07-28. */
  async initialize(version = '2025-11-25', capabilities = {}) {
    const answer = await Endpoint.read(await this.send({
      jsonrpc: '2.0',
      id: 'init',
      method: 'initialize',
      params: { protocolVersion: version, capabilities, clientInfo: { name: 'test', version: '0' } },
    }));
    this.session = answer.headers.get('mcp-session-id');
    return answer;
  }

  async legacy(method, params = {}, { headers = {}, id = ++this.id, ...options } = {}) {
    return Endpoint.read(await this.send({ jsonrpc: '2.0', ...(id === null ? {} : { id }), method, params }, {
      headers: { ...(this.session ? { 'mcp-session-id': this.session } : {}), ...headers }, ...options,
    }));
  }
}

/** The messages of an event stream's text. */
export function events(text) {
  return text.split('\n\n').flatMap((block) => {
    const data = block.split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
    return data ? [JSON.parse(data)] : [];
  });
}
