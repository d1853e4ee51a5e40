// COVERAGE.md.

export function table(all, allowed) {
  const columns = all.map((it) => `${it.judge} ${it.version}`);
  const kinds = [...new Set(all.flatMap((it) => [...it.compared.keys()]))].sort();
  const differing = (findings, kind) => [...findings.differences.values()].filter((it) => it.kind === kind).length;
  const cell = (findings, kind) => {
    const fields = findings.compared.get(kind)?.size;
    const differences = differing(findings, kind);
    if (fields === undefined && differences === 0) return '';
    return differences ? `${fields ?? 0} (${differences})` : `${fields}`;
  };
  const rows = kinds.map((kind) => `| \`${kind}\` | ${all.map((it) => cell(it, kind)).join(' | ')} |`);
  const reasons = allowed.lines.map((it) =>
    `| ${it.what} | \`${it.kind}\` | \`${it.field || '(itself)'}\` | ${it.versions.replace('<', 'before ')} | ${it.reason} |`);
  return `# What the simulator's objects were compared with

Written by \`.ci/shapes\`. *npm* are the type declarations of npm's \`stripe\` that pins the version: required fields are there,
null only where it may be, enums hold, nothing is there that is not declared. *openapi* is the description inside
\`stripe-mock\`, judged in the same way. *recorded* are payloads that real accounts got, of which the sets of fields count.
The objects come from one history, told through the API and delivered to a webhook endpoint of each version.

Fields compared, by type and judge; in brackets how many of the differences below are in that type.

| type | ${columns.join(' | ')} |
|---|${columns.map(() => '--:|').join('')}
${rows.join('\n')}

## Differences, each with its reason

| what | type | field | where | reason |
|---|---|---|---|---|
${reasons.join('\n')}
`;
}
