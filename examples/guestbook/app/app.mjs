import { createServer } from 'node:http';
import { connect } from 'node:net';

/** One command, in the protocol of redis; answers with the line that comes back. */
function redis(...words) {
  return new Promise((resolve, reject) => {
    const socket = connect(6379, 'store');
    socket.once('error', reject);
    socket.once('data', (data) => {
      resolve(data.toString().split('\r\n')[0]);
      socket.end();
    });
    socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
  });
}

const server = createServer(async (_request, response) => {
  try {
    const count = (await redis('INCR', 'visitors')).slice(1);
    response.end(`You are visitor number ${count}.\n`);
  } catch (error) {
    response.statusCode = 502;
    response.end(`${error.message}\n`);
  }
});
server.listen(8080, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
