// What a judge saw: the fields that it compared, and the differences.

// Where in which object, such as `invoice` at `lines.data[].price`.
export class Place {
  constructor(kind, path = '') {
    this.kind = kind;
    this.path = path;
  }
  field(name) {
    return new Place(this.kind, this.path ? `${this.path}.${name}` : name);
  }
  element() {
    return new Place(this.kind, `${this.path}[]`);
  }
  // An object of its own kind is judged under its own name, wherever it is found.
  enter(value) {
    return typeof value?.object === 'string' ? new Place(value.object) : this;
  }
}

export class Findings {
  constructor(judge, version) {
    this.judge = judge;
    this.version = version;
    this.compared = new Map();
    this.differences = new Map();
  }
  saw(place) {
    if (!this.compared.has(place.kind)) this.compared.set(place.kind, new Set());
    this.compared.get(place.kind).add(place.path);
  }
  differs(what, place, detail) {
    const key = [what, place.kind, place.path].join('\t');
    if (!this.differences.has(key)) {
      this.differences.set(key, { what, kind: place.kind, field: place.path, detail });
    }
  }
}
