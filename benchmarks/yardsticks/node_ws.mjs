// A chat room on Node.js with the `ws` package, as its README broadcasts: each frame a publisher sends goes to every
// subscriber. No accounts, no storage, no limits. Arguments: port, path of the `ws` package.
import { createRequire } from 'node:module';

const [port, wsPath] = process.argv.slice(2);
const { WebSocketServer, WebSocket } = createRequire(import.meta.url)(wsPath);

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(port), perMessageDeflate: false, backlog: 2048 });
const subscribers = new Set();

server.on('connection', (socket, request) => {
  if (request.url === '/subscribe') {
    subscribers.add(socket);
    socket.on('close', () => subscribers.delete(socket));
    return;
  }
  socket.on('message', (data) => {
    const message = JSON.stringify(JSON.parse(data));
    for (const subscriber of subscribers) {
      if (subscriber.readyState === WebSocket.OPEN) subscriber.send(message);
    }
  });
});
