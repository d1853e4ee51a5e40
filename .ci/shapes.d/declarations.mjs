// Judges JSON by the TypeScript declarations in one version of npm's stripe.

import { createRequire } from 'node:module';
import { readdirSync, existsSync } from 'node:fs';
import path from 'node:path';
import { Findings, Place } from './findings.mjs';

const ts = createRequire(path.join(process.env.DECLARATIONS, 'x.js'))('typescript');

function declarationFiles(root) {
  const found = [];
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const full = path.join(root, entry.name);
    if (entry.isDirectory()) found.push(...declarationFiles(full));
    else if (entry.name.endsWith('.d.ts')) found.push(full);
  }
  return found;
}

export class Declarations {
  constructor(version) {
    const root = path.join(process.env.DECLARATIONS, 'node_modules', `stripe-${version}`);
    const types = path.join(root, 'types');
    const files = declarationFiles(existsSync(types) ? types : path.join(root, 'cjs'));
    const options = { strict: true, noLib: false, skipLibCheck: true, module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022, types: [] };
    this.program = ts.createProgram(files, options);
    this.checker = this.program.getTypeChecker();
    this.version = version;
    // Stripe's `object` → the interfaces that say they are it.
    this.kinds = new Map();
    for (const file of this.program.getSourceFiles()) {
      if (file.fileName.startsWith(root)) this.index(file);
    }
  }

  index(node) {
    if (ts.isInterfaceDeclaration(node) && !node.typeParameters) {
      const type = this.checker.getTypeAtLocation(node);
      const kind = this.literal(type, 'object');
      if (typeof kind === 'string') this.kinds.set(kind, [...(this.kinds.get(kind) ?? []), type]);
    }
    ts.forEachChild(node, (child) => this.index(child));
  }

  judge(documents) {
    this.findings = new Findings('npm', this.version);
    for (const value of documents) this.whole(value);
    return this.findings;
  }

  // By the `object` that it says it is.
  whole(value) {
    if (value.object === 'list' || value.object === 'search_result') {
      value.data.forEach((one) => this.whole(one));
      return;
    }
    const place = new Place(value.object);
    let types = (this.kinds.get(value.object) ?? []).filter((type) => this.fits(type, value));
    // An event's own declaration, before that of all events.
    const own = types.filter((type) => this.literal(type, 'type') !== undefined);
    if (own.length > 0) types = own;
    else if (value.object === 'event') {
      // That of all events says nothing of what is in it.
      this.findings.differs('value', place.field('type'), `is ${value.type}`);
      this.whole(value.data.object);
      return;
    }
    if (types.length === 0) this.findings.differs('unknown', place, 'no such object is declared');
    else this.best(types, value, place);
    if (value.object === 'event' && value.data?.object) this.whole(value.data.object);
  }

  // The one with the fewest differences speaks.
  best(types, value, place) {
    const own = this.findings;
    const tries = types.map((type) => {
      this.findings = new Findings(own.judge, own.version);
      this.object(type, value, place);
      return this.findings;
    });
    this.findings = own;
    tries.sort((a, b) => a.differences.size - b.differences.size);
    for (const [kind, paths] of tries[0].compared) for (const at of paths) own.saw(new Place(kind, at));
    for (const it of tries[0].differences.values()) own.differs(it.what, new Place(it.kind, it.field), it.detail);
  }

  // What a property has to be, if there is one such thing.
  literal(type, name) {
    const property = type.getProperty(name);
    const declared = property ? this.parts(this.checker.getTypeOfSymbol(property)) : [];
    if (declared.length !== 1) return undefined;
    if (declared[0].isLiteral()) return declared[0].value;
    return declared[0].flags & ts.TypeFlags.BooleanLiteral ? declared[0].intrinsicName === 'true' : undefined;
  }

  // Whether what is a literal in the type is that in the value.
  fits(type, value) {
    if (value.deleted === true && !type.getProperty('deleted')) return false;
    return ['object', 'deleted', 'type'].every((name) => {
      const literal = this.literal(type, name);
      const optional = type.getProperty(name)?.flags & ts.SymbolFlags.Optional;
      return literal === undefined || value[name] === literal || (value[name] === undefined && optional);
    });
  }

  // Without null and undefined.
  parts(type) {
    const nothing = ts.TypeFlags.Null | ts.TypeFlags.Undefined | ts.TypeFlags.Void;
    return (type.isUnion() ? type.types : [type]).filter((it) => !(it.flags & nothing));
  }

  check(type, value, place) {
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return;
    if (value === null) {
      const nullable = type.isUnion() && type.types.some((it) => it.flags & ts.TypeFlags.Null);
      if (!nullable && !(type.flags & ts.TypeFlags.Null)) this.findings.differs('null', place, 'must not be null');
      return;
    }
    const parts = this.parts(type);
    if (Array.isArray(value)) {
      const lists = parts.filter((it) => this.checker.isArrayType(it) || this.checker.isTupleType(it));
      if (lists.length === 0) return this.findings.differs('type', place, 'is a list');
      const element = this.checker.getTypeArguments(lists[0])[0];
      value.forEach((one) => this.check(element, one, place.element()));
    } else if (typeof value === 'object') {
      const objects = parts.filter((it) => it.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection));
      const fitting = objects.filter((it) => this.fits(it, value));
      if (fitting.length === 0) return this.findings.differs('type', place, `is an object (${value.object ?? 'nameless'})`);
      this.best(fitting, value, place.enter(value));
    } else this.scalar(parts, value, place);
  }

  scalar(parts, value, place) {
    const F = ts.TypeFlags;
    const literals = parts.filter((it) => it.isLiteral()).map((it) => it.value);
    const text = typeof value === 'string';
    // `OtherString` beside literals says that Stripe may add some, which is not ours to do.
    const open = { string: F.String, number: F.Number, boolean: F.Boolean | F.BooleanLiteral }[typeof value];
    if (literals.includes(value)) return;
    if (parts.some((it) => it.flags & open && !(it.flags & F.Literal && !(it.flags & F.BooleanLiteral)))) return;
    if (text && parts.some((it) => it.symbol?.name.startsWith('Decimal'))) return;
    if (text && literals.length > 0) this.findings.differs('value', place, `is ${value}`);
    else if (!(text && parts.some((it) => it.isIntersection()))) this.findings.differs('type', place, `is a ${typeof value}`);
  }

  object(type, value, place) {
    const values = this.checker.getIndexTypeOfType?.(type, ts.IndexKind.String) ?? type.getStringIndexType();
    for (const property of this.checker.getPropertiesOfType(type)) {
      const name = property.name;
      const optional = property.flags & ts.SymbolFlags.Optional;
      if (!(name in value)) {
        // What the SDK adds is no part of the answer.
        const added = this.checker.getTypeOfSymbol(property).getCallSignatures().length > 0;
        if (!optional && !added) this.findings.differs('missing', place.field(name), 'is required');
        continue;
      }
      this.findings.saw(place.field(name));
      // Any part of the object.
      if (name === 'previous_attributes') continue;
      this.check(this.checker.getTypeOfSymbol(property), value[name], place.field(name));
    }
    for (const [name, inner] of Object.entries(value)) {
      if (this.checker.getPropertyOfType(type, name)) continue;
      if (values) this.check(values, inner, place.field('*'));
      else this.findings.differs('unknown', place.field(name), 'is not declared');
    }
  }
}
