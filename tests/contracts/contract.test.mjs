// SPDX-License-Identifier: Apache-2.0
// Each tool of the catalogue against the public description that it names: method, address, parameters and their
// places and types, members of the body and those that must be there, what is projected of the answer, and, where the
// description says it, the scopes. What is compared are the facts kept beside this file; descriptions that npm
// carries are read as they are, and must give the same facts.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import { described, requests, services } from './catalogue.mjs';
import { read } from './description.mjs';
import { check, derive } from './facts.mjs';
import { checkDocument, keptSchema } from './graphql.mjs';
import { table } from './table.mjs';

const here = (name) => new URL(name, import.meta.url);
const json = (name) => JSON.parse(readFileSync(here(name), 'utf8'));
const documents = json('documents.json');
const all = services();
const kept = Object.fromEntries(all.map(({ id }) => [id, json(`facts/${id}.json`)]));

function compare(service, tool, request, facts) {
	if (facts.kind === 'graphql')
		return checkDocument(keptSchema(facts.schema), request).map((each) => `${service.id} ${tool.name}: ${each}`);
	return check(service, tool, request, facts);
}

const wrong = (service, tool) => requests(service, tool)
	.flatMap((request, i) => compare(service, tool, request, kept[service.id].tools[tool.name][i]));

for (const service of all)
	for (const tool of service.tools ?? []) {
		const about = described(tool);
		if (about.kind === 'document')
			test(`${service.id} ${tool.name} is as ${about.operations.join(', then ')} of ${about.document}`, () => {
				const facts = kept[service.id].tools[tool.name];
				assert.deepEqual(facts.map((each) => each.operation ?? 'graphql'), requests(service, tool)
					.map((request, i) => (request.graphql === undefined ? about.operations[i] : 'graphql')));
				assert.deepEqual(wrong(service, tool), []);
			});
		else if (about.kind === 'page')
			test(`${service.id} ${tool.name} names the vendor's page that describes it`, () => {
				assert.match(about.page, /^https:\/\/[\w.-]+\/\S+$/);
				assert.deepEqual(kept[service.id].tools[tool.name], about);
			});
	}

test('facts are kept of the tools there are, and of no others', () => {
	for (const service of all)
		assert.deepEqual(Object.keys(kept[service.id].tools), (service.tools ?? []).map(({ name }) => name), service.id);
});

for (const [name, document] of Object.entries(documents).filter(([, each]) => each.package !== undefined))
	test(`the facts are those of ${name} itself, as npm carries it`, async () => {
		const file = here(`../node_modules/${document.package}/${document.file}`);
		const text = readFileSync(file, 'utf8');
		const description = read(document, text, document.form === 'endpoints' ? (await import(file)).default : undefined);
		const users = all.filter(({ id }) => kept[id].documents[name] !== undefined);
		assert.notEqual(users.length, 0);
		for (const service of users) {
			assert.equal(kept[service.id].documents[name].sha256, createHash('sha256').update(text).digest('hex'));
			for (const tool of service.tools.filter((each) => described(each).document === name))
				requests(service, tool).forEach((request, i) => assert.deepEqual(
					derive(description, described(tool).operations[i], request), kept[service.id].tools[tool.name][i]));
		}
	});

test('the arguments of every tool are a schema that ajv takes, and so do its defaults fit', () => {
	for (const service of all)
		for (const tool of service.tools) {
			const ajv = new Ajv({ strict: true, strictRequired: true, validateFormats: false });
			const takes = ajv.compile(tool.input);
			assert.equal(takes({ no_such_argument: 1 }), false, `${service.id} ${tool.name} takes anything`);
			for (const [name, schema] of Object.entries(tool.input.properties))
				if (schema.default !== undefined)
					assert.ok(ajv.validate(schema, schema.default), `${service.id} ${tool.name}: ${name}`);
		}
});

test('every argument of a tool goes somewhere', () => {
	for (const service of all)
		for (const tool of service.tools) {
			const text = JSON.stringify(tool.request);
			for (const name of Object.keys(tool.input.properties))
				assert.match(text, new RegExp(`\\{([+!]|@now\\+)?${name}\\}`), `${service.id} ${tool.name} has no use for '${name}'`);
		}
});

test('every file of the catalogue is built in', () => {
	const list = readFileSync(here('../../src/core/catalog/meson.build'), 'utf8');
	const names = /catalog_names = \[([^\]]*)\]/.exec(list)[1].match(/[a-z0-9-]+/g);
	assert.deepEqual(names, all.map(({ id }) => id));
});

test('whether something is private is asked as a tool asks, of what a tool shows', () => {
	for (const service of all)
		for (const [kind, { context }] of Object.entries(service.resources ?? {})) {
			if (context === undefined)
				continue;
			const pointer = (typeof context.private === 'string' ? context.private : context.private.at).slice(1).replaceAll('/', '.');
			const asks = ({ path, query }) => JSON.stringify([path, query ?? {}]);
			const tool = service.tools.find((each) => !Array.isArray(each.request) && asks(each.request) === asks(context.request));
			assert.ok(tool !== undefined, `${service.id} ${kind}`);
			const [facts] = kept[service.id].tools[tool.name];
			assert.ok(facts.answer === null || facts.answer.includes(pointer), `${service.id} ${kind}: ${tool.name} answers no '${pointer}'`);
		}
});

/* The comparison itself: whatever is changed in a request is noticed. */
test('another method, address, parameter, member or field is noticed in every tool', () => {
	let tried = 0;
	const noticed = (service, tool, what) => {
		tried++;
		assert.notEqual(wrong(service, tool).length, 0, `${service.id} ${tool.name}: ${what}`);
	};
	for (const service of all)
		for (const tool of service.tools.filter((each) => described(each).kind === 'document')) {
			const copy = () => structuredClone(tool);
			const last = (changed) => (Array.isArray(changed.request) ? changed.request.at(-1) : changed.request);
			if (last(tool).graphql !== undefined) {
				const changed = copy();
				last(changed).graphql = last(changed).graphql.replace(/\{\s*(\w+)/, '{ no$1');
				noticed(service, changed, 'another field');
				continue;
			}
			let changed = copy();
			last(changed).method = last(tool).method === 'PUT' ? 'PATCH' : 'PUT';
			noticed(service, changed, 'another method');
			changed = copy();
			last(changed).path += '/more';
			noticed(service, changed, 'another address');
			changed = copy();
			last(changed).query = { ...last(tool).query, no_such_parameter: '1' };
			noticed(service, changed, 'another parameter');
			const facts = kept[service.id].tools[tool.name].at(-1);
			for (const name of facts.must) {
				changed = copy();
				const path = name.split('.');
				const parent = path.slice(0, -1).reduce((at, each) => at?.[each], last(changed).body);
				delete parent?.[path.at(-1)];
				noticed(service, changed, `without ${name}`);
			}
		}
	assert.ok(tried > 3 * Object.keys(kept).length);
});

test('docs/catalogue.md is what the files say, and no tool is unverified', () => {
	assert.equal(readFileSync(here('../../docs/catalogue.md'), 'utf8'), table(), 'print it anew: node tests/contracts/table.mjs > docs/catalogue.md');
	for (const service of all)
		for (const tool of service.tools)
			assert.notEqual(described(tool).kind, 'nothing', `${service.id} ${tool.name}`);
});
