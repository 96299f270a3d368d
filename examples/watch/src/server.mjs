import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const started = new Date().toISOString();
const server = createServer((_request, response) => {
  const page = readFileSync(new URL('./page.html', import.meta.url), 'utf8');
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page.replace('{{started}}', started));
});
server.listen(8080, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
