import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/**
 * Ends the answers whose client is gone. Several requests may come at once in a connection (RFC 9112 §9.3.2), and Node tells
 * only the answer whose turn it is that the connection has closed: those behind it would wait for ever, their files open.
 */
export function endAbandonedAnswers(server: Pick<Server, 'on'>): void {
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    request.once('close', () => {
      if (!request.socket.destroyed || response.writableFinished || response.destroyed) return;
      response.destroy();
      response.emit('close');
    });
  });
}
