import { get } from 'node:http';

const socketPath = '/run/web/http.sock';

function visit() {
  const request = get({ socketPath, path: '/', headers: { connection: 'close' } }, (response) => {
    response.setEncoding('utf8');
    response.on('data', (text) => process.stdout.write(`web says: ${text}`));
  });
  request.on('error', (error) => console.error(`web does not answer: ${error.code}`));
}

visit();
const timer = setInterval(visit, 2000);
process.on('SIGTERM', () => clearInterval(timer));
