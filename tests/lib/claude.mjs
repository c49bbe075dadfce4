// SPDX-License-Identifier: Apache-2.0
// Claude Code as its users run it, without a model: installed from npm once, with a home of its own and no way out
// of this machine.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { Program, atEnd, folder, run, waitFor } from './process.mjs';

const home = new URL('../claude/', import.meta.url).pathname;
const program = join(home, `node_modules/@anthropic-ai/claude-code-linux-${process.arch}/claude`);

/** Null once it is there, else why it is not. It is large, so it is no package of the tests' own list. */
export async function installClaude(ms = 240000) {
  if (existsSync(program)) return null;
  try {
    const { code, err } = await run('npm', ['ci', '--prefix', home, '--ignore-scripts', '--no-audit', '--no-fund', '--silent'], { ms });
    if (code === 0 && existsSync(program)) return null;
    return `Claude Code could not be installed: ${err.trim().split('\n').at(-1) || `npm ended with ${code}`}`;
  } catch (error) {
    return `Claude Code could not be installed: ${error.message.split('\n')[0].slice(0, 200)}`;
  }
}

/** Stands in for the way out: refuses, and remembers who was to be reached. */
async function startWall(t) {
  const asked = [];
  const server = createServer((request, response) => { asked.push(request.url); response.writeHead(403).end(); });
  server.on('connect', (request, socket) => { asked.push(request.url); socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'); });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  return { asked, url: `http://127.0.0.1:${server.address().port}` };
}

export async function startClaude(t) {
  const wall = await startWall(t);
  const root = folder(t);
  const cwd = join(root, 'project');
  mkdirSync(cwd);
  const base = {
    HOME: root, PATH: '/usr/bin:/bin', TMPDIR: root, CI: '1', TERM: 'dumb',
    CLAUDE_CONFIG_DIR: join(root, 'config'), DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    HTTP_PROXY: wall.url, HTTPS_PROXY: wall.url, http_proxy: wall.url, https_proxy: wall.url,
    NO_PROXY: 'localhost,127.0.0.1', no_proxy: 'localhost,127.0.0.1',
  };
  const clean = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const env = (more) => ({ ...clean, ...base, ...more });
  return {
    wall,
    cwd,
    run: (args, { env: more, ...options } = {}) => run(program, args, { cwd, env: env(more), ms: 60000, ...options }),
    start: (args, more) => {
      const started = new Program(program, args, { cwd, env: env(more) });
      atEnd(t, () => started.stop());
      return started;
    },
    /** Signs in to server @p name on a terminal; answers the program and the address that it opened a browser at. */
    login: async (name) => {
      const opened = join(root, `opened-${name}`);
      const browser = join(root, `browser-${name}`);
      rmSync(opened, { force: true });
      writeFileSync(browser, `#!/bin/sh\nprintf '%s' "$1" >'${opened}.part' && mv '${opened}.part' '${opened}'\n`, { mode: 0o755 });
      const started = new Program('script', ['--quiet', '--return', '--command', `'${program}' mcp login ${name}`, '/dev/null'], {
        cwd, env: env({ BROWSER: browser, SHELL: '/bin/sh' }),
      });
      atEnd(t, () => started.stop());
      await waitFor(() => existsSync(opened), { what: `a browser at the sign-in (${started.out})`, ms: 30000 });
      return { program: started, address: new URL(readFileSync(opened, 'utf8')) };
    },
    /** A line for a shell, with `claude` and `valetkey` being the programs. */
    shell: (line, more) => run('/bin/sh', ['-c', line.replace(/^claude /, `'${program}' `)], { cwd, env: env(more), ms: 60000 }),
  };
}
