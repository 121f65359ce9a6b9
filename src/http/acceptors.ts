import { createServer, type Server, type Socket } from 'node:net';
import { duplicate, setBacklog } from '../net/libc.ts';

/** Connections that the kernel keeps until they are accepted, at most net.core.somaxconn. Node would have it keep 511. */
const BACKLOG = 4096;
/** Further descriptors of the listening socket. */
const ACCEPTORS = 15;

/**
 * Makes a server that listens on the descriptor `fd` ready for a whole rack that connects at once. Node accepts one
 * connection from a descriptor in each turn of its event loop, and while images are sent a turn lasts milliseconds: the
 * kernel's queue would overflow, and those it turns away try again after 1, 3, 7 s. So that more are accepted in a turn,
 * more descriptors of the same socket are listened on. Gives the function that closes them. Throws SystemCallError.
 */
export function acceptMore(server: Server, fd: number): () => void {
  const acceptors = Array.from({ length: ACCEPTORS }, () => {
    const acceptor = createServer((socket: Socket) => server.emit('connection', socket));
    return acceptor.listen({ fd: duplicate(fd) });
  });
  // Every listen() brings Node's own number.
  setBacklog(fd, BACKLOG);
  return () => {
    for (const acceptor of acceptors) acceptor.close();
  };
}
