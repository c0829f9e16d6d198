// SPDX-License-Identifier: MIT
// Two small forward proxies: HTTP with CONNECT (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928, 1929). Each keeps a row for every
// connection that was asked for: {user, host, port, from: the port by which it went on}; `refuse` makes it say no from then on: for HTTP a status,
// for SOCKS5 a reply code, or 'reset' to cut every connection.
import http from 'node:http';
import net from 'node:net';

const listen = (server) => new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server.address().port)); });

// Bytes both ways until one side ends.
function join(client, server) {
  client.pipe(server).pipe(client);
  for (const [one, other] of [[client, server], [server, client]]) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
}

function closable(server, self) {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  self.cut = () => { for (const socket of sockets) socket.destroy(); };
  self.stop = () => new Promise((resolve) => {
    self.cut();
    server.close(resolve);
  });
}

export async function startHttpProxy({ users } = {}) {
  const self = { asked: [], plain: 0, refuse: null };
  const server = http.createServer((request, response) => {
    self.plain++; // a request in the clear: the proxy would see the key
    response.writeHead(501).end();
  });
  server.on('connect', (request, client) => {
    const [user, password] = Buffer.from((request.headers['proxy-authorization'] ?? '').replace(/^Basic /, ''), 'base64').toString().split(':');
    const [, host, port] = /^(.*):(\d+)$/.exec(request.url);
    const row = { user, host, port: Number(port), headers: request.headers };
    self.asked.push(row);
    if (self.refuse === 'reset') return client.destroy();
    const status = users && users[user] !== password ? 407 : self.refuse;
    if (status) return client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`);
    const upstream = net.connect(Number(port), host, () => {
      row.from = upstream.localPort;
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      join(client, upstream);
    });
    return upstream.on('error', () => client.destroy());
  });
  closable(server, self);
  self.port = await listen(server);
  return self;
}

// Reads exactly n bytes at a time off a socket.
function reader(socket) {
  let held = Buffer.alloc(0);
  let wake = () => {};
  const take = (data) => {
    held = Buffer.concat([held, data]);
    wake();
  };
  socket.on('data', take);
  return {
    async read(n) {
      while (held.length < n) await new Promise((resolve) => { wake = resolve; });
      const bytes = held.subarray(0, n);
      held = held.subarray(n);
      return bytes;
    },
    release() {
      socket.off('data', take);
      socket.pause();
      if (held.length > 0) socket.unshift(held);
    },
  };
}

export async function startSocksProxy({ users } = {}) {
  const self = { asked: [], refuse: null };
  const serve = async (client) => {
    const { read, release } = reader(client);
    const [, methods] = await read(2);
    await read(methods);
    client.write(Buffer.from([5, users ? 2 : 0]));
    let user;
    if (users) {
      const [, n] = await read(2);
      user = (await read(n)).toString();
      const [m] = await read(1);
      const good = users[user] === (await read(m)).toString();
      client.write(Buffer.from([1, good ? 0 : 1]));
      if (!good) return client.end();
    }
    const [, , , kind] = await read(4);
    const named = kind === 3;
    const host = named ? (await read((await read(1))[0])).toString() : kind === 1 ? [...await read(4)].join('.') : (await read(16)).toString('hex');
    const port = (await read(2)).readUInt16BE();
    self.asked.push({ user, host, port, named });
    if (self.refuse === 'reset') return client.destroy();
    const reply = (code) => client.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]));
    if (self.refuse) {
      reply(self.refuse);
      return client.end();
    }
    release();
    const upstream = net.connect(port, host, () => {
      reply(0);
      join(client, upstream);
    });
    return upstream.on('error', () => client.destroy());
  };
  const server = net.createServer((client) => { serve(client).catch(() => client.destroy()); });
  closable(server, self);
  self.port = await listen(server);
  return self;
}
