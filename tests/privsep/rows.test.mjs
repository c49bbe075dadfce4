// SPDX-License-Identifier: Apache-2.0
// Each row of DESIGN 3, tried from inside the real release processes: inject makes a running child do
// one system call, which must end the process or be refused. What is permitted is tried too, so that
// a refusal means something.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { startDaemon } from '../lib/daemon.mjs';
import { binary, sleep, waitFor } from '../lib/process.mjs';

const inject = join(dirname(binary), 'tests', 'privsep', 'inject');
const missing = !existsSync(inject) ? 'inject is not built'
  : process.getuid() !== 0 ? 'only root may trace processes that are not dumpable' : false;
const roles = ['gate', 'core', 'keeper', 'courier'];

// Numbers of x86-64, and what stands in the headers.
const call = {
  close: 3, socket: 41, connect: 42, bind: 49, clone: 56, fork: 57, execve: 59, kill: 62, ptrace: 101, prctl: 157,
  mount: 165, openat: 257, mmap: 9, getpid: 39, unshare: 272, process_vm_readv: 310, seccomp: 317, bpf: 321,
  io_uring_setup: 425, pidfd_getfd: 438,
};
const HERE = -100;
const [READ, WRITE, CREATE, DIRECTORY] = [0, 1, 0o100, 0o200000];
const [LOCAL, INTERNET, NETLINK] = [1, 2, 16];
const [STREAM, RAW] = [1, 3];
const SIGCHLD = 17;
const SIGSYS = 31;
const STEADY_MS = 1100; // a child that ran so long is started again at once
const RUNS = 7; // PROT_READ | PROT_WRITE | PROT_EXEC

// A busy process may just not be waiting in a call: that says nothing, so it is looked at again.
function from(pid, number, ...args) {
  for (let tries = 1; ; tries++) {
    try {
      return JSON.parse(execFileSync(inject, [pid, number, ...args].map(String),
        { encoding: 'utf8' }));
    } catch (error) {
      if (tries === 20 || !String(error.stderr).includes('does not wait in a system call'))
        throw error;
    }
  }
}

function lines(pid, file) {
  return Object.fromEntries(readFileSync(`/proc/${pid}/${file}`, 'latin1').split('\n')
    .map((line) => line.split(/:\s+/)).filter((pair) => pair.length === 2));
}

function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return { fd: Number(fd), is: readlinkSync(`/proc/${pid}/fd/${fd}`) };
    } catch {
      return null; // closed meanwhile
    }
  }).filter(Boolean);
}

// One daemon for each role, so that their restarts pass side by side.
test('privilege separation', { skip: missing, concurrency: roles.length }, (t) => (
  Promise.all(roles.map((role) => t.test(role, (own) => tryRow(own, role))))));

async function tryRow(t, role) {
  const daemon = await startDaemon(t);
  const alive = () => waitFor(async () => {
    const children = daemon.children();
    return roles.every((role) => children[role]) && (await fetch(`${daemon.url}/readyz`)).ok && children;
  }, { what: 'all processes after a restart' });
  const path = (...names) => `:${join(daemon.data, ...names)}`;
  const segment = `:${join(daemon.data, 'log', readdirSync(join(daemon.data, 'log')).sort()[0] ?? 'none')}`;
  // Without Landlock only the system calls hold core and keeper, and doctor says so.
  const { sandbox } = await daemon.api('GET', '/status');
  const landlock = sandbox.landlock > 0;
  const outside = join(daemon.dir, 'outside.txt');
  writeFileSync(outside, 'not for children');

  await t.test('the parent, which has no such row, is let through: the probe works', () => {
    const { result } = from(daemon.program.pid, call.openat, HERE, `:${outside}`, READ, 0);
    assert.ok(result >= 0);
    from(daemon.program.pid, call.close, result);
  });

  await t.test('it runs under seccomp, without new privileges, capabilities or core files', async () => {
    const { [role]: pid } = await alive();
    const status = lines(pid, 'status');
    assert.equal(status.Seccomp, '2');
    assert.equal(status.NoNewPrivs, '1');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status[set], /^0+$/, set);
    assert.match(readFileSync(`/proc/${pid}/limits`, 'latin1'), /Max core file size\s+0\s+0/);
    assert.equal(from(pid, call.getpid).result, pid);
  });

  await t.test('it holds the descriptors of its row and no other', async () => {
    const beneath = (...names) => (is) => names.some((name) => is === join(daemon.data, name)
      || is.startsWith(`${join(daemon.data, name)}/`));
    const rows = {
      // sockets: control, core, listening, and what clients have open
      gate: { files: () => false, sockets: [3, 64] },
      // control, gate, keeper, courier
      core: { files: beneath('state', 'log'), sockets: [4, 4] },
      // control, core, unseal
      keeper: { files: beneath('keys', 'log'), sockets: [3, 3] },
      // control, core; libcurl's own pair, and name servers while it asks
      courier: { files: () => false, sockets: [2, 8] },
    };
    const { [role]: pid } = await alive();
    const row = rows[role];
    const all = descriptors(pid).filter(({ fd }) => fd > 2);
    const sockets = all.filter(({ is }) => is.startsWith('socket:')).length;
    assert.ok(sockets >= row.sockets[0] && sockets <= row.sockets[1], `${sockets} sockets`);
    for (const { is } of all) {
      if (/^(socket|pipe):|^anon_inode:\[(eventpoll|eventfd|timerfd)\]$/.test(is)) continue;
      assert.ok(row.files(is), is);
    }
  });

  // what: 'refused' — answered with an error; 'ended' — the kernel ends the process; 'done' — permitted.
  const keys = path('keys');
  const state = path('state', 'state.db');
  const secretFile = `:${join(daemon.dir, 'unseal.key')}`;
  const address = ':\u0002'; // of no use: nothing may get as far as reading it
  const program = [':/bin/true', 0, 0];
  const everywhere = [
    ['fork', 'ended', call.fork],
    ['clone a process', 'ended', call.clone, SIGCHLD, 0],
    ['execute a program', 'ended', call.execve, ...program],
    ['trace another process', 'ended', call.ptrace, 16, 1],
    ['signal another process', 'ended', call.kill, 1, 0],
    ['read the memory of another process', 'ended', call.process_vm_readv, 1, 0, 0, 0, 0, 0],
    ['take a descriptor of another process', 'ended', call.pidfd_getfd, 0, 0, 0],
    ['map memory that runs', 'ended', call.mmap, 0, 4096, RUNS, 0x22, -1, 0],
    ['mount', 'ended', call.mount, ':none', ':/tmp', ':tmpfs', 0, 0],
    ['leave its namespaces', 'ended', call.unshare, 0x10000000],
    ['load a program into the kernel', 'ended', call.bpf, 0, 0, 0],
    ['set up io_uring', 'ended', call.io_uring_setup, 1, 0],
    ['become dumpable', 'ended', call.prctl, 4, 1],
    ['make a local socket', 'ended', call.socket, LOCAL, STREAM, 0],
    ['make a raw socket', 'ended', call.socket, INTERNET, RAW, 1],
    ['speak to the kernel\'s network configuration', 'ended', call.socket, NETLINK, RAW, 0],
    ['open a file of the machine', 'refused', call.openat, HERE, ':/etc/passwd', READ, 0],
    ['open the unseal key', 'refused', call.openat, HERE, secretFile, READ, 0],
    ['open a file beside the data directory', 'refused', call.openat, HERE, `:${outside}`, READ, 0],
    ['make a file elsewhere', 'refused', call.openat, HERE, `:${outside}.new`, WRITE | CREATE, 0o600],
  ];
  const noNetwork = [
    ['make an internet socket', 'ended', call.socket, INTERNET, STREAM, 0],
    ['connect', 'ended', call.connect, 0, address, 16],
    ['bind', 'ended', call.bind, 0, address, 16],
  ];
  const noFiles = [
    ['open the keys', 'refused', call.openat, HERE, keys, DIRECTORY, 0],
    ['open the log', 'refused', call.openat, HERE, segment, READ, 0],
    ['open the database', 'refused', call.openat, HERE, state, READ, 0],
    ['open the data directory', 'refused', call.openat, HERE, path(), DIRECTORY, 0],
  ];
  const attempts = {
    gate: [...everywhere, ...noNetwork, ...noFiles],
    core: [
      ...everywhere, ...noNetwork,
      ['open the keys', 'refused', call.openat, HERE, keys, DIRECTORY, 0],
      ['write the log', 'refused', call.openat, HERE, segment, WRITE, 0],
      ['read the log', 'done', call.openat, HERE, segment, READ, 0],
      ['open the database', 'done', call.openat, HERE, state, READ, 0],
    ],
    keeper: [
      ...everywhere, ...noNetwork,
      ['open the database', 'refused', call.openat, HERE, state, READ, 0],
      ['open the state directory', 'refused', call.openat, HERE, path('state'), DIRECTORY, 0],
      ['open the log', 'done', call.openat, HERE, segment, READ, 0],
    ],
    courier: [
      ...everywhere, ...noFiles,
      ['bind', 'ended', call.bind, 0, address, 16],
      ['make an internet socket', 'done', call.socket, INTERNET, STREAM, 0],
    ],
  };
  for (const [name, what, number, ...args] of attempts[role]) {
    const skip = what === 'refused' && !landlock && ['core', 'keeper'].includes(role) && 'no Landlock in this kernel';
    await t.test(`${what === 'done' ? 'may' : 'cannot'} ${name}`, { skip }, async () => {
      if (what === 'ended') await alive().then(() => sleep(STEADY_MS));
      const { [role]: pid } = await alive();
      const answer = from(pid, number, ...args);
      if (what === 'ended') assert.deepEqual(answer, { killed: SIGSYS });
      else if (what === 'refused') assert.ok(answer.result < 0, JSON.stringify(answer));
      else assert.ok(answer.result >= 0, JSON.stringify(answer));
      if (what === 'done') from(pid, call.close, answer.result);
    });
  }

  await t.test('and after all of that it serves', alive);
}
