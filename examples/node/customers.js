// The map of what customers have: filled by a watch's frames, read with a clock.
import fs from 'node:fs';

/** Of a Timestamp or Duration. */
export const milliseconds = ({ seconds, nanos }) => Number(seconds) * 1e3 + nanos / 1e6;

/** The map. With a path it is kept there, as the frames of a snapshot. */
export class Customers {
  revision = '';
  defaults = { features: [] };
  sets = new Map();
  skew = 0; // the service's clock, seen from ours

  constructor(path) {
    this.path = path;
    if (path && fs.existsSync(path)) {
      for (const line of fs.readFileSync(path, 'utf8').split('\n')) this.fold(JSON.parse(line));
    }
  }

  save() {
    if (!this.path) return;
    const frames = [
      { event: 'opened', opened: { start: 'START_SNAPSHOT' } },
      { event: 'defaults', defaults: this.defaults },
      ...[...this.sets.values()].map((set) => ({ event: 'customerEntitlements', customerEntitlements: set })),
      { event: 'checkpoint', checkpoint: {}, revision: this.revision },
    ];
    const text = frames.map((each) => JSON.stringify({ previousRevision: '', revision: '', ...each })).join('\n');
    fs.writeFileSync(`${this.path}.new`, text);
    fs.renameSync(`${this.path}.new`, this.path);
  }

  /** Takes the next frame. False: one before it was lost. */
  fold(frame) {
    if (frame.event === 'opened') {
      this.snapshot = frame.opened.start === 'START_SNAPSHOT';
      this.position = this.snapshot ? '' : this.revision;
      this.seen = new Set();
    }
    if (frame.previousRevision !== this.position) {
      this.revision = '';
      return false;
    }
    this.position = frame.revision;
    this.revision = this.position || this.revision;
    if (frame.event === 'defaults') this.defaults = frame.defaults;
    if (frame.event === 'customerEntitlements') {
      this.sets.set(frame.customerEntitlements.customer, frame.customerEntitlements);
      this.seen.add(frame.customerEntitlements.customer);
    }
    if (frame.event === 'checkpoint' && this.snapshot) {
      for (const customer of this.sets.keys()) if (!this.seen.has(customer)) this.sets.delete(customer);
      this.snapshot = false;
    }
    const { evaluateTime } = frame[frame.event];
    if (evaluateTime) this.skew = milliseconds(evaluateTime) - Date.now();
    return true;
  }

  /** What holds now. Undefined: nothing is known, which is not "no". */
  answer(customer, feature) {
    const set = this.sets.get(customer);
    if (!set) return undefined; // who is watched is in the map, if only with an empty set
    const schedule = [...set.features, ...this.defaults.features].find((each) => each.feature === feature);
    const due = schedule?.changes.filter((each) => milliseconds(each.time) <= Date.now() + this.skew);
    return due?.at(-1)?.answer ?? schedule?.first;
  }
}

export function show(answer) {
  const { access, value, limit, option, text, reason } = answer;
  const shown = { limit: limit?.unlimited ? 'unlimited' : limit?.amount, option, text }[value];
  return [access === 'ACCESS_GRANTED' ? 'granted' : 'denied', shown, reason].filter(Boolean).join(' ');
}
