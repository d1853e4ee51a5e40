// Tells the story, lets each judge see it in the judge's version, and writes down what they say.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Allowed } from './allowed.mjs';
import { start } from './client.mjs';
import { Declarations } from './declarations.mjs';
import { OpenApi } from './openapi.mjs';
import { recorded } from './recorded.mjs';
import { Story } from './story.mjs';
import { table } from './table.mjs';

const NATIVE = '2026-09-30.endive';
const COVERAGE = 'crates/simulator/COVERAGE.md';

const [mode = ''] = process.argv.slice(2);
if (!['', '--check', '--smoke'].includes(mode)) throw new Error('usage: .ci/shapes [--check|--smoke]');
const smoke = mode === '--smoke';
const modules = path.join(process.env.DECLARATIONS, 'node_modules');
const installed = readdirSync(modules).filter((it) => it.startsWith('stripe-')).map((it) => it.slice(7)).sort();
const declared = smoke ? [NATIVE] : installed;
const openapi = new OpenApi();
const recordings = smoke ? [] : recorded();
const versions = [...new Set([...declared, openapi.version, ...recordings.map((it) => it.version)])].sort();

const client = await start();
const story = new Story(client);
await story.run(versions);

const all = [];
for (const version of versions) {
  const documents = await story.documents(version);
  if (version === NATIVE) {
    documents.push(...story.answers, ...story.sink.taken.get('/thin').values());
    complete(documents);
  }
  if (declared.includes(version)) all.push(new Declarations(version).judge(documents));
  if (openapi.version === version) all.push(openapi.judge(documents));
  for (const judge of recordings) if (judge.version === version) all.push(judge.judge(documents));
}

const allowed = new Allowed('.ci/shapes.d/allowed.tsv');
const unexplained = all.flatMap((findings) => allowed.unexplained(findings));
for (const it of unexplained) console.error(it);
const unused = smoke ? [] : allowed.unused();
for (const it of unused) console.error(`allowed.tsv: explains nothing: ${it}`);
if (!smoke) {
  const text = table(all, allowed);
  const stale = readFileSync(COVERAGE, { encoding: 'utf8', flag: 'a+' }) !== text;
  if (mode === '--check' && stale) {
    console.error(`${COVERAGE} is not what .ci/shapes writes`);
    process.exitCode = 1;
  } else writeFileSync(COVERAGE, text);
}
const fields = all.reduce((sum, it) => sum + [...it.compared.values()].reduce((n, set) => n + set.size, 0), 0);
console.log(`${all.length} judgements, ${fields} fields compared, ${unexplained.length} differences unexplained`);
if (unexplained.length + unused.length > 0) process.exitCode = 1;
process.exit();

// Every kind of object that the simulator's sources name has to be in the story.
function complete(documents) {
  const seen = new Set();
  const look = (value) => {
    if (value === null || typeof value !== 'object') return;
    if (typeof value.object === 'string') seen.add(value.object);
    Object.values(value).forEach(look);
  };
  documents.forEach(look);
  const root = 'crates/simulator/src';
  const sources = readdirSync(root, { recursive: true }).filter((it) => it.endsWith('.rs'));
  const named = sources.flatMap((it) => [...readFileSync(path.join(root, it), 'utf8').matchAll(/"object": "([a-z_.0-9]+)"/g)]);
  const missing = [...new Set(named.map((it) => it[1]))].filter((it) => !seen.has(it) && it !== 'list');
  if (missing.length > 0) throw new Error(`in no answer of the story: ${missing.join(', ')}`);
}
