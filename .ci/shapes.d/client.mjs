// The simulator as a process, a client of it, and places that its webhooks go to.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

export async function start() {
  const simulator = spawn(process.env.SIMULATOR, ['serve', '--listen', '127.0.0.1:0', '--rate-limit', 'off'], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, RUST_LOG: 'error' },
  });
  process.on('exit', () => simulator.kill());
  for await (const line of createInterface({ input: simulator.stdout })) {
    const url = line.match(/http:\S+/)?.[0];
    if (url) return new Client(url);
  }
  throw new Error('the simulator did not start');
}

// `{a: {b: [1]}}` → `a[b][0]=1`
function form(value, name = '') {
  if (typeof value !== 'object') return [[name, String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => form(inner, name ? `${name}[${key}]` : key));
}

export class Client {
  constructor(url) {
    this.url = url;
  }

  async send(method, path, parameters = {}, version = undefined) {
    // The second API speaks JSON.
    const second = method === 'POST' && path.startsWith('/v2/');
    const body = second ? JSON.stringify(parameters) : new URLSearchParams(form(parameters)).toString();
    const headers = { authorization: 'Bearer sk_test_shapes' };
    if (version) headers['stripe-version'] = version;
    const url = `${this.url}${path}${method === 'GET' && body ? `?${body}` : ''}`;
    if (method !== 'GET') headers['content-type'] = second ? 'application/json' : 'application/x-www-form-urlencoded';
    const answer = await fetch(url, { method, headers, body: method === 'GET' ? undefined : body });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(json.error)}`);
    return json;
  }

  get(path, parameters, version) {
    return this.send('GET', path, parameters, version);
  }

  post(path, parameters) {
    return this.send('POST', path, parameters);
  }

  // What no real Stripe has. Without a body: what it says.
  async control(path, body = undefined) {
    const url = `${this.url}/_simulator/${path}`;
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, body ? { method: 'POST', headers, body: JSON.stringify(body) } : {});
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return answer.json();
  }

  // A button of a page.
  async press(url, fields) {
    const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
    if (answer.status !== 303) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  }
}

// Takes webhooks; what came is kept by path and event: one may come twice.
export async function sink() {
  const taken = new Map();
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const event = JSON.parse(Buffer.concat(parts).toString());
      if (!taken.has(request.url)) taken.set(request.url, new Map());
      taken.get(request.url).set(event.id, event);
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.keepAliveTimeout = 600_000;
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}`, taken };
}
