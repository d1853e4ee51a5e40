// Judges JSON by the OpenAPI description that stripe-mock carries.

import { readFileSync } from 'node:fs';
import { Findings, Place } from './findings.mjs';

export class OpenApi {
  constructor() {
    const document = JSON.parse(readFileSync(process.env.OPENAPI, 'utf8'));
    this.schemas = document.components.schemas;
    this.version = document.info.version;
    this.kinds = new Map();
    for (const schema of Object.values(this.schemas)) {
      const kinds = schema.properties?.object?.enum ?? [];
      for (const kind of kinds) this.kinds.set(kind, [...(this.kinds.get(kind) ?? []), schema]);
    }
  }

  judge(documents) {
    this.findings = new Findings('openapi', this.version);
    for (const value of documents) this.whole(value);
    return this.findings;
  }

  whole(value) {
    if (value.object === 'list') return value.data.forEach((one) => this.whole(one));
    // A thin event and what else is of the second API is not in this description.
    if (value.object.startsWith('v2.')) return undefined;
    const place = new Place(value.object);
    const schemas = (this.kinds.get(value.object) ?? []).filter((schema) => this.fits(schema, value));
    if (schemas.length === 0) this.findings.differs('unknown', place, 'no such object is described');
    else this.best(schemas, value, place);
    if (value.object === 'event') this.whole(value.data.object);
    return undefined;
  }

  resolve(schema) {
    return schema.$ref ? this.resolve(this.schemas[schema.$ref.split('/').at(-1)]) : schema;
  }

  fits(schema, value) {
    const { object, deleted } = schema.properties ?? {};
    return (!object?.enum || object.enum.includes(value.object)) && Boolean(deleted) === Boolean(value.deleted);
  }

  best(schemas, value, place) {
    const own = this.findings;
    const tries = schemas.map((schema) => {
      this.findings = new Findings(own.judge, own.version);
      this.object(schema, value, place);
      return this.findings;
    });
    this.findings = own;
    tries.sort((a, b) => a.differences.size - b.differences.size);
    for (const [kind, paths] of tries[0].compared) for (const at of paths) own.saw(new Place(kind, at));
    for (const it of tries[0].differences.values()) own.differs(it.what, new Place(it.kind, it.field), it.detail);
  }

  check(reference, value, place) {
    const outer = this.resolve(reference);
    const parts = (outer.anyOf ?? outer.oneOf ?? [outer]).map((it) => this.resolve(it));
    if (value === null) {
      const nullable = outer.nullable || parts.some((it) => it.nullable) || (outer.enum ?? []).includes(null);
      if (!nullable) this.findings.differs('null', place, 'must not be null');
      return;
    }
    if (Array.isArray(value)) {
      const list = parts.find((it) => it.type === 'array');
      if (!list) return this.findings.differs('type', place, 'is a list');
      value.forEach((one) => this.check(list.items, one, place.element()));
    } else if (typeof value === 'object') {
      const objects = parts.filter((it) => it.type === 'object' || it.properties);
      const fitting = objects.filter((it) => this.fits(it, value));
      if (fitting.length === 0) return this.findings.differs('type', place, `is an object (${value.object ?? 'nameless'})`);
      this.best(fitting, value, place.enter(value));
    } else {
      const type = { string: ['string'], number: ['integer', 'number'], boolean: ['boolean'] }[typeof value];
      const scalars = parts.filter((it) => type.includes(it.type));
      if (scalars.length === 0) return this.findings.differs('type', place, `is a ${typeof value}`);
      if (!scalars.some((it) => !it.enum || it.enum.includes(value))) this.findings.differs('value', place, `is ${value}`);
    }
  }

  object(schema, value, place) {
    const properties = schema.properties ?? {};
    for (const name of schema.required ?? []) {
      if (!(name in value)) this.findings.differs('missing', place.field(name), 'is required');
    }
    for (const [name, inner] of Object.entries(value)) {
      if (properties[name]) {
        this.findings.saw(place.field(name));
        if (name !== 'previous_attributes') this.check(properties[name], inner, place.field(name));
      } else if (typeof schema.additionalProperties === 'object') {
        this.check(schema.additionalProperties, inner, place.field('*'));
      } else if (!schema.additionalProperties && schema.properties) {
        this.findings.differs('unknown', place.field(name), 'is not described');
      }
    }
  }
}
