// The differences that are meant: one a line, `what`, type, field, versions and the reason, with tabs between.
//
// `what` is missing, unknown, null, value or type. A type and a field may end in `*`. Versions are one judge's
// (`npm 2024-06-20`, `openapi`, `recorded`), those before one (`<2025-03-31.basil`), or all (`*`).

import { readFileSync } from 'node:fs';

export class Allowed {
  constructor(file) {
    const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line && !line.startsWith('#'));
    this.lines = lines.map((text) => {
      const [what, kind, field, versions, reason, ...rest] = text.split('\t');
      if (!reason || rest.length > 0) throw new Error(`${file}: not five columns: ${text}`);
      return { text, what, kind, field, versions, reason, used: new Set() };
    });
  }

  unexplained(findings) {
    return [...findings.differences.values()].flatMap((it) => {
      const fitting = this.lines.filter((line) => fits(line, it, findings));
      for (const line of fitting) line.used.add(`${findings.judge} ${findings.version}`);
      const where = `${it.what}\t${it.kind}\t${it.field}\t${findings.judge} ${findings.version}`;
      return fitting.length > 0 ? [] : [`${where}\t${it.detail}`];
    });
  }

  unused() {
    return this.lines.filter((line) => line.used.size === 0).map((line) => line.text);
  }
}

function pattern(wanted, text) {
  return wanted.endsWith('*') ? text.startsWith(wanted.slice(0, -1)) : wanted === text;
}

function fits(line, it, findings) {
  if (line.what !== it.what || !pattern(line.kind, it.kind) || !pattern(line.field, it.field)) return false;
  if (line.versions === '*') return true;
  if (line.versions.startsWith('<')) return findings.version < line.versions.slice(1);
  const [judge, version = findings.version] = line.versions.split(' ');
  return judge === findings.judge && version === findings.version;
}
