'use strict';
// Two servers for the client. `http` redirects; `net` closes each connection at the worst moment:
// it answers the first request, and ends the connection after N bytes of the second (N in the path
// of the first; "r" behind it: with a reset). Prints both ports; ends with its standard input.
const http = require('http');
const net = require('net');

const seen = {}; // How often each request has come.
const connections = { http: 0, net: 0 };
let ports;

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  seen[`${request.method} ${url.pathname}`] = (seen[`${request.method} ${url.pathname}`] || 0) + 1;
  let length = 0;
  request.on('data', (data) => { length += data.length; });
  request.on('end', () => {
    const to = (status, location) => {
      response.writeHead(status, { Location: location });
      response.end('moved');
    };
    const [, what, n] = url.pathname.split('/');
    switch (what) {
      case 'relative': return n === '0' ? response.end(`${request.method} ${length}`) : to(302, String(n - 1));
      case 'permanent': return to(308, '/relative/0');
      case 'other': return to(307, `http://localhost:${ports[0]}/told`);
      case 'loop': return to(301, '/loop');
      case 'told': return response.end(JSON.stringify(request.headers));
      case 'seen': return response.end(JSON.stringify({ seen, connections }));
      default: return response.end('fine');
    }
  });
});
server.on('connection', () => { connections.http += 1; });

const worst = net.createServer((socket) => {
  connections.net += 1;
  socket.on('error', () => {});
  let input = '';
  let limit = null;
  socket.on('data', (data) => {
    input += data.toString('latin1');
    for (;;) {
      if (limit !== null && input.length >= limit.bytes) {
        return limit.reset ? socket.resetAndDestroy() : socket.destroy();
      }
      const end = input.indexOf('\r\n\r\n');
      if (end < 0) return undefined;
      const head = input.slice(0, end);
      const length = Number((/content-length: *(\d+)/i.exec(head) || [0, 0])[1]);
      if (input.length < end + 4 + length) return undefined;
      input = input.slice(end + 4 + length);
      const [method, path] = head.split(' ');
      seen[`${method} ${path}`] = (seen[`${method} ${path}`] || 0) + 1;
      const worst = /^\/after\/(\d+)(r?)/.exec(path);
      if (worst) limit = { bytes: Number(worst[1]), reset: worst[2] === 'r' };
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine`, () => {
        if (limit !== null && limit.bytes === 0) {
          if (limit.reset) socket.resetAndDestroy(); else socket.end();
        }
      });
      if (limit !== null && limit.bytes === 0) return undefined;
    }
  });
});

server.listen(0, '127.0.0.1', () => worst.listen(0, '127.0.0.1', () => {
  ports = [server.address().port, worst.address().port];
  console.log(ports.join(' '));
}));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
