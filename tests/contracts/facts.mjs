// SPDX-License-Identifier: Apache-2.0
// Facts: what a public description says of the parts of an operation that the catalogue touches, and what it says
// must be there. They are derived from the description and kept small beside the tests; check() compares a tool with
// them, whether they were kept or derived just now.

import { follow, kind, OPEN, required } from './schema.mjs';
import { sameAddress } from './catalogue.mjs';

const OURS = ['authorization', 'token', 'content-type', 'accept', 'notion-version', 'from', 'user-agent'];

function bodyFacts(description, operation, request) {
	const { find } = description;
	const facts = { must: [], members: {} };

	if (operation.body === null)
		return facts;
	facts.must = required(find, operation.body);
	for (const { path } of request.body) {
		const at = follow(find, operation.body, path.split('.'));
		if (at === null)
			continue;
		facts.members[path] = kind(at);
		if (at !== OPEN && facts.members[path] === 'object' && at.length > 0)
			facts.must.push(...required(find, { allOf: at }).map((name) => `${path}.${name}`));
	}
	return facts;
}

/* Asana answers what a parameter lists, and the description lists what it may be. */
function askedFor(description, operation, request, field) {
	const parameter = operation.parameters.find(({ name }) => name === 'opt_fields');
	const asked = request.query.find(({ name }) => name === 'opt_fields')?.text?.split(',');
	return asked?.includes(field) === true && parameter?.schema.items?.enum?.includes(field) === true;
}

function answerFacts(description, operation, request) {
	if (operation.answer === null)
		return null;
	const found = [];
	for (const { from, path } of request.answer) {
		const list = follow(description.find, operation.answer, from, true);
		const there = list === null ? null : list === OPEN ? OPEN : follow(description.find, { allOf: list }, path, true);
		if (there !== null || askedFor(description, operation, request, path.join('.')))
			found.push([...from, ...path].join('.'));
	}
	return found;
}

/* Of one request; undefined where the description has no such operation. */
export function derive(description, name, request) {
	const operation = description.operation(name);
	if (operation === undefined)
		return undefined;
	const touched = new Set(request.query.map((each) => each.name));
	const query = {};
	for (const parameter of operation.parameters) {
		const plain = parameter.name.replace(/\[\]$/, '');
		const must = parameter.required && parameter.in !== 'path' && !OURS.includes(parameter.name.toLowerCase());
		if (must || (parameter.in === 'query' && touched.has(plain)))
			query[plain] = (parameter.schema === undefined ? 'any' : kind([follow(description.find, parameter.schema, [])].flat())) + (must ? '!' : '');
	}
	const { must, members } = bodyFacts(description, operation, request);
	return {
		operation: name, method: operation.method, path: operation.path, query, send: operation.send, body: members,
		must: must.filter((each) => !OURS.includes(each) && !each.endsWith('@odata.type')), answer: answerFacts(description, operation, request), scopes: operation.scopes,
	};
}

/* An argument of that type may stand where the description has this one. */
const fits = (ours, theirs) => ours === null || theirs === 'any' || ours === theirs ||
	(ours === 'integer' && ['number', 'string'].includes(theirs)) || (ours === 'array' && theirs === 'string') || (ours === 'string' && theirs === 'array');

function checkQuery(request, facts, say) {
	for (const { name, type } of request.query) {
		const theirs = facts.query[name]?.replace('!', '');
		if (theirs === undefined)
			say(`has no query parameter '${name}'`);
		/* On the wire a parameter is a text either way; Slack's timestamps need all their digits. */
		else if (!fits(type, theirs) && !(type === 'string' && theirs === 'number'))
			say(`has '${name}' as ${theirs}, not ${type}`);
	}
	for (const [name, theirs] of Object.entries(facts.query))
		if (theirs.endsWith('!') && !request.query.some((each) => each.name === name && each.always))
			say(`needs the parameter '${name}'`);
}

function checkBody(request, facts, say) {
	for (const { path, type } of request.body) {
		if (facts.body[path] === undefined)
			say(`has no member '${path}'`);
		else if (!fits(type, facts.body[path]) && !(type === 'object' && facts.body[path] === 'array'))
			say(`has '${path}' as ${facts.body[path]}, not ${type}`);
	}
	for (const name of facts.must)
		/* A map is left out only where nothing in it was given. */
		if (request.hasBody && !request.sent.includes(name) && !request.body.some(({ path }) => path.startsWith(`${name}.`)))
			say(`needs the member '${name}'`);
	if (request.body.length > 0 && facts.send !== null && facts.send !== request.send)
		say(`takes ${facts.send}, not ${request.send}`);
}

/* What is wrong with a request, as sentences; none: it is as described. */
export function check(service, tool, request, facts) {
	const wrong = [];
	const say = (text) => wrong.push(`${service.id} ${tool.name}: ${facts.operation} ${text}`);

	if (facts.method !== request.method)
		say(`is ${facts.method}, not ${request.method}`);
	if (!sameAddress(request.url, facts.path))
		say(`is at ${facts.path}, not at ${request.url}`);
	checkQuery(request, facts, say);
	checkBody(request, facts, say);
	if (facts.answer !== null)
		for (const { from, path } of request.answer)
			if (!facts.answer.includes([...from, ...path].join('.')))
				say(`answers no '${[...from, ...path].join('.')}'`);
	/* Slack's description still has the older, longer names: chat:write:user. */
	const same = (theirs) => tool.scopes.some((ours) => ours === theirs || theirs.startsWith(`${ours}:`));
	if (facts.scopes !== null && tool.scopes.length > 0 && !facts.scopes.some((set) => set.some(same)))
		say(`asks for ${facts.scopes.map((set) => set.join('+')).join(' or ')}, not ${tool.scopes.join('+')}`);
	return wrong;
}
