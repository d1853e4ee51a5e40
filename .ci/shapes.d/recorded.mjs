// Judges the fields of events' objects by recorded payloads of the same event type and version.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Findings, Place } from './findings.mjs';

const OLDEST = '2019-02-19';

// One judge per version of which something was recorded and is simulated.
export function recorded() {
  const root = path.join(process.env.CORPUS, 'events');
  const byVersion = new Map();
  for (const file of readdirSync(root).sort()) {
    const version = file.match(/_(\d{4}-\d\d-\d\d(?:\.[a-z]+)?)_/)?.[1];
    if (!version || version < OLDEST) continue;
    const event = JSON.parse(readFileSync(path.join(root, file), 'utf8'));
    byVersion.set(version, [...(byVersion.get(version) ?? []), event]);
  }
  return [...byVersion].map(([version, events]) => new Recorded(version, events));
}

class Recorded {
  constructor(version, events) {
    this.version = version;
    this.events = events;
  }

  judge(documents) {
    this.findings = new Findings('recorded', this.version);
    const ours = documents.filter((it) => it.object === 'event');
    for (const theirs of this.events) {
      const same = ours.find((it) => it.type === theirs.type);
      if (same) this.compare(theirs.data.object, same.data.object, new Place(theirs.data.object.object));
    }
    return this.findings;
  }

  // What either lacks; below a field only where both have something.
  compare(theirs, ours, place) {
    if (Array.isArray(theirs) && Array.isArray(ours)) {
      if (theirs[0] && ours[0]) this.compare(theirs[0], ours[0], place.element());
      return;
    }
    if (!isObject(theirs) || !isObject(ours)) return;
    if (place.path === 'metadata' || place.path.endsWith('.metadata')) return;
    const here = place.enter(theirs);
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      const at = here.field(name);
      if (!(name in ours)) this.findings.differs('missing', at, 'was recorded');
      else if (!(name in theirs)) this.findings.differs('unknown', at, 'was not recorded');
      else {
        this.findings.saw(at);
        this.compare(theirs[name], ours[name], at);
      }
    }
  }
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
