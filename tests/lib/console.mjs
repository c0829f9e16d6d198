// SPDX-License-Identifier: MIT
// The console's API as its pages use it: a cookie, a CSRF token, JSON.
import { send } from './http.mjs';

// A visitor without a session; `base` says below what its paths are. Every call gives {status, headers, text, json()}.
export function visitor(pollux, more = {}) {
  const self = {
    cookie: null, csrf: null, origin: pollux.origin, base: '/admin/api', ...more,
    async call(method, path, body, headers = {}) {
      const answer = await send(pollux.url, `${self.base}${path}`, {
        method, body: method === 'GET' ? undefined : body ?? {},
        headers: {
          ...(self.origin ? { origin: self.origin } : {}), ...(self.cookie ? { cookie: self.cookie } : {}),
          ...(self.csrf && method !== 'GET' ? { 'x-csrf-token': self.csrf } : {}), ...headers,
        },
      });
      const [set] = answer.headers['set-cookie'] ?? [];
      if (set) self.cookie = /Max-Age=0/.test(set) ? null : set.split(';')[0];
      return answer;
    },
    get: (path) => self.call('GET', path),
    post: (path, body) => self.call('POST', path, body),
    patch: (path, body) => self.call('PATCH', path, body),
    remove: (path, body) => self.call('DELETE', path, body),
    async login(name, password) {
      const answer = await self.post('/login', { name, password });
      self.csrf = answer.status === 200 ? answer.json().csrf : self.csrf;
      return answer;
    },
  };
  return self;
}

// Makes an administrator and signs them in.
export async function signIn(pollux, name = 'boss', role = 'owner') {
  const { password } = await pollux.cli('admin', 'add', name, '--role', role);
  const person = visitor(pollux);
  const answer = await person.login(name, password);
  if (answer.status !== 200) throw new Error(`${name} could not sign in: ${answer.status} ${answer.text}`);
  return Object.assign(person, { name, password });
}
