import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const socket = '/run/web/http.sock';
let requests = 0;

const server = createServer((request, response) => {
  requests += 1;
  console.log(`${request.method} ${request.url}`);
  response.setHeader('content-type', 'text/plain');
  response.end(`${process.env.GREETING}, ${hostname()} (process ${process.pid}, request ${requests})\n`);
});

// One that was killed has left its socket behind.
rmSync(socket, { force: true });
server.listen(socket, () => console.log(`listening on ${socket}`));

process.on('SIGTERM', () => {
  console.log(`stopping after ${requests} requests`);
  server.closeAllConnections();
  server.close();
});
