import { readFileSync } from 'node:fs';
import { read } from '/work/wt/files/tests/contracts/description.mjs';
import { follow, kind, OPEN, required } from '/work/wt/files/tests/contracts/schema.mjs';
const [form, file, ...names] = process.argv.slice(2);
const d = read({ form }, form === 'endpoints' ? '' : readFileSync(file, 'utf8'), form === 'endpoints' ? (await import('@notionhq/client/build/src/api-endpoints.js')).default : undefined);
const list = (schema, depth = 1, out = new Set()) => { for (const s of follow(d.find, schema, [], true) === OPEN ? [] : follow(d.find, schema, [], true)) for (const [n, v] of Object.entries(s.properties ?? {})) { const at = follow(d.find, v, []); out.add(n + ':' + kind(at) + (depth > 0 && ['object','array'].includes(kind(at)) ? '{' + list(v, depth - 1) + '}' : '')); } return [...out].join(' '); };
for (const n of names) { const o = d.operation(n); if (!o) { console.log(n, '???'); continue; }
	console.log(`## ${n}: ${o.method} ${o.path} [${o.send}] scopes=${JSON.stringify(o.scopes)}\n params: ${o.parameters.filter((p) => p.in !== 'path').map((p) => p.name + (p.required ? '!' : '') + (p.in === 'query' ? '' : '@' + p.in) + ':' + kind([follow(d.find, p.schema, [])].flat())).join(' ')}\n must: ${o.body ? required(d.find, o.body) : ''}\n body: ${o.body ? list(o.body, 1).slice(0, +process.env.B || 1200) : ''}\n answer: ${o.answer ? list(o.answer, 1).slice(0, +process.env.A || 1500) : 'none'}`); }
