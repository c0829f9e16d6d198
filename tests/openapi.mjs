// SPDX-License-Identifier: MIT
// admin-html/openapi.json and the table of routes agree, both ways, and the document is valid OpenAPI 3.1.
//   node tests/openapi.mjs           compares
//   node tests/openapi.mjs --write   adds what is missing of the console's calls, with their help; look at it before committing
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const file = path.join(top, 'admin-html/openapi.json');
const text = readFileSync(file, 'utf8');
const document = JSON.parse(text);
const table = JSON.parse(execFileSync(path.join(top, 'build/pollux.fcgi'), ['--routes'], { encoding: 'utf8' }));
const { version } = table.pop();
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const problems = [];

const operations = () => Object.entries(document.paths).flatMap(([where, item]) =>
  methods.filter((method) => item[method]).map((method) => ({ method: method.toUpperCase(), where, operation: item[method] })));

// The row that serves a request, as the program finds it: the first whose path and method fit. A path of its own that
// does not take the method is not given to a wider one further down.
function rowOf(method, where) {
  for (const row of table) {
    const wide = row.path.endsWith('*');
    const fits = row.door === 'console' ? row.path === where : wide ? where.startsWith(row.path.slice(0, -1)) : where === row.path;
    if (fits && (row.methods === '*' || row.methods.split(' ').includes(method))) return row;
    if (fits && !wide && row.door !== 'console') return undefined;
  }
  return undefined;
}

// What the document says of who may enter.
function doorOf({ security = document.security ?? [] }) {
  const names = security.flatMap((one) => Object.keys(one));
  if (names.length === 0) return 'open';
  if (names.every((name) => name.startsWith('client'))) return 'client';
  return { adminToken: 'admin', session: 'console' }[names[0]];
}

function compare() {
  const described = new Set();
  const ids = new Map();
  for (const { method, where, operation } of operations()) {
    const row = rowOf(method, where);
    if (!row) problems.push(`${method} ${where} is in the document and leads nowhere`);
    else {
      described.add(`${row.path} ${method}`).add(`${row.path} *`);
      // Signing in is how a session begins: it has none.
      if (row.door !== doorOf(operation) && !(where === '/admin/api/login' && doorOf(operation) === 'open')) {
        problems.push(`${method} ${where}: the document says ${doorOf(operation)}, the program ${row.door}`);
      }
    }
    if (!operation.summary) problems.push(`${method} ${where} has no summary`);
    if (ids.has(operation.operationId)) problems.push(`${method} ${where}: ${operation.operationId} is also the id of ${ids.get(operation.operationId)}`);
    ids.set(operation.operationId, where);
    const named = [...where.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort().join();
    const given = [...(document.paths[where].parameters ?? []), ...(operation.parameters ?? [])].filter((one) => one.in === 'path').map((one) => one.name).sort().join();
    if (named !== given) problems.push(`${method} ${where}: the path names ${named}, the parameters ${given}`);
    if (row?.door === 'console' && method !== 'GET' && where !== '/admin/api/login' && !operation.parameters?.some((one) => one.$ref?.endsWith('/Csrf'))) problems.push(`${method} ${where} does not say X-CSRF-Token`);
  }
  for (const row of table) {
    for (const method of row.methods.split(' ')) {
      if (!described.has(`${row.path} ${method}`)) problems.push(`${method} ${row.path} is not in the document${row.door === 'console' ? ': node tests/openapi.mjs --write adds it' : ''}`);
    }
  }
  if (document.info.version !== version) problems.push(`the document is of version ${document.info.version}, the program ${version}`);
}

function references() {
  const used = new Set([...text.matchAll(/"\$ref": "#\/components\/([^"]+)"/g)].map((match) => match[1]));
  const there = Object.entries(document.components).flatMap(([kind, all]) => (kind === 'securitySchemes' ? [] : Object.keys(all).map((name) => `${kind}/${name}`)));
  for (const name of used) if (!there.includes(name)) problems.push(`#/components/${name} is not there`);
}

async function validate() {
  const require = createRequire(path.join(top, 'tests/package.json'));
  const { Validator } = await import(pathToFileURL(require.resolve('@seriousme/openapi-schema-validator')).href);
  const said = await new Validator().validate(structuredClone(document));
  if (!said.valid) problems.push(`not valid OpenAPI: ${JSON.stringify(said.errors).slice(0, 2000)}`);
}

// What the console's own tables say of a call: fcgi/admin/console_routes.c and sql/functions/console.sql.
function consoleHelp(method, where) {
  const rows = readFileSync(path.join(top, 'fcgi/admin/console_routes.c'), 'utf8');
  const actions = readFileSync(path.join(top, 'sql/functions/console.sql'), 'utf8');
  const below = where.slice('/admin/api'.length);
  for (const [row] of rows.matchAll(/\{\.method = [^}]*?(?:\{\w+\}[^}]*?)*\},/g)) {
    if (!row.includes(`.method = "${method}"`) || !row.includes(`.path = "${below}"`)) continue;
    const action = /\.action = "(\w+)"/.exec(row)?.[1];
    const found = new RegExp(`\\('${action}', '(\\w+)', (?:true|false),\\s*'((?:[^']|'')*)'\\)`).exec(actions);
    return { action, role: found?.[1], help: found?.[2].replaceAll("''", "'") };
  }
  return {};
}

function describe({ methods: method, path: where }) {
  const { action, role, help } = consoleHelp(method, where);
  const changes = method !== 'GET';
  const parameters = [...where.matchAll(/\{(\w+)\}/g)].map((match) => ({ name: match[1], in: 'path', required: true, schema: { type: 'string' } }));
  if (changes) parameters.push({ $ref: '#/components/parameters/Csrf' });
  return {
    operationId: `console_${action ?? `${method}_${where.slice('/admin/api/'.length)}`.toLowerCase().replaceAll(/\W+/g, '_')}`,
    tags: ['Console'], summary: help ?? `${method} ${where}`, ...(role ? { 'x-role': role } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(changes && method !== 'DELETE' ? { requestBody: { content: { 'application/json': { schema: { type: 'object' } } } } } : {}),
    responses: {
      200: { description: 'Done.', content: { 'application/json': { schema: {} } } }, 400: { $ref: '#/components/responses/BadRequest' },
      401: { $ref: '#/components/responses/Unauthorized' }, 403: { $ref: '#/components/responses/Forbidden' }, 404: { $ref: '#/components/responses/NotFound' },
    },
    security: where === '/admin/api/login' ? [] : [{ session: [] }],
  };
}

function write() {
  const there = new Set(table.filter((row) => row.door === 'console').map((row) => `${row.methods} ${row.path}`));
  for (const { method, where, operation } of operations()) {
    if (operation.tags?.[0] === 'Console' && where.startsWith('/admin/api/') && !there.has(`${method} ${where}`)) delete document.paths[where][method.toLowerCase()];
  }
  for (const where of Object.keys(document.paths)) if (Object.keys(document.paths[where]).length === 0) delete document.paths[where];
  for (const row of table.filter((one) => one.door === 'console')) (document.paths[row.path] ??= {})[row.methods.toLowerCase()] ??= describe(row);
  writeFileSync(file, `${JSON.stringify(document, null, 1)}\n`);
}

if (process.argv[2] === '--write') {
  write();
} else {
  compare();
  references();
  await validate();
  for (const problem of problems) console.log(`not ok: ${problem}`);
  console.log(problems.length === 0 ? '3 passed, 0 failed' : `0 passed, ${problems.length} failed`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
