'use strict';
// Whatever of HTTP/1.1 the other servers do not do. Prints its port; ends with its standard input.
const http = require('http');

const seen = []; // What has happened, for /seen.
const plain = { 'Content-Type': 'text/plain' };

// Calls back with the length of the body, and the sum of its bytes.
function consume(request, then) {
  let length = 0;
  let sum = 0;
  request.on('data', (data) => {
    length += data.length;
    for (const byte of data) sum = (sum + byte) % 1000003;
  });
  request.on('end', () => then(length, sum));
}

function echoLength(request, response) {
  consume(request, (length, sum) => {
    response.writeHead(200, plain);
    response.end(`${length} ${sum}`);
  });
}

const server = http.createServer((request, response) => {
  switch (request.url) {
    case '/chunked': // With trailers.
      response.writeHead(200, { ...plain, Trailer: 'X-Sum, X-Count' });
      response.write('hello');
      response.write(' world');
      response.addTrailers({ 'X-Sum': '1116', 'X-Count': '11' });
      return response.end();
    case '/trailers': // Those of the request.
      return consume(request, (length) => {
        response.writeHead(200, plain);
        const coding = request.headers['transfer-encoding'];
        response.end(`${coding} ${length} ${JSON.stringify(request.trailers)}`);
      });
    case '/length':
      return echoLength(request, response);
    case '/hints':
      return response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => {
        response.writeHead(200, plain);
        response.end('hinted');
      });
    case '/two-hints':
      return response.writeEarlyHints({ link: '</a>; rel=preload' }, () => {
        response.writeProcessing();
        response.writeHead(200, plain);
        response.end('hinted');
      });
    case '/never':
      seen.push('never asked');
      return request.socket.on('close', () => seen.push('never closed'));
    case '/drip': { // A body that never ends, a byte at a time.
      response.writeHead(200, plain);
      const drip = setInterval(() => response.write('.'), 10);
      return request.socket.on('close', () => {
        clearInterval(drip);
        seen.push('drip closed');
      });
    }
    case '/early': { // Answers after a megabyte, and reads on so that the answer is not lost.
      let length = 0;
      request.on('data', (data) => {
        length += data.length;
        if (length < 1 << 20 || response.headersSent) return;
        response.writeHead(413, { ...plain, Connection: 'close', 'Content-Length': 9 });
        response.write('too large');
      });
      request.on('error', () => {});
      return request.socket.on('close', () => seen.push(`early closed`));
    }
    case '/abrupt': { // The same, but goes away at once: the answer may be lost.
      let length = 0;
      return request.on('error', () => {}).on('data', (data) => {
        length += data.length;
        if (length < 1 << 20 || response.headersSent) return;
        response.writeHead(413, { ...plain, Connection: 'close' });
        response.end('too large');
      });
    }
    case '/seen':
      response.writeHead(200, plain);
      return response.end(seen.join('\n'));
    default:
      response.writeHead(404, plain);
      response.end('nothing here');
  }
});

server.on('checkContinue', (request, response) => {
  switch (request.url) {
    case '/granted':
      response.writeContinue();
      return echoLength(request, response);
    case '/refused-417':
    case '/refused-413':
      response.writeHead(Number(request.url.slice(-3)), plain);
      return response.end('no');
    default: // Never says 100, and answers only when the body has come anyway.
      return echoLength(request, response);
  }
});

// An echo of raw bytes, that begins together with the head.
function echo(socket, head, first) {
  socket.on('error', () => {});
  socket.write(head);
  if (first.length > 0) socket.write(first);
  socket.pipe(socket);
}

server.on('upgrade', (request, socket, first) => {
  echo(socket, 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nready', first);
});

server.on('connect', (request, socket, first) => {
  echo(socket, 'HTTP/1.1 200 Connection Established\r\n\r\nready', first);
});

server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit());
