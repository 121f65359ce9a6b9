import { chmod, lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { AdminListen } from '../config/config.ts';

/**
 * Makes the admin app listen on loopback TCP or on a unix socket that only the service's own user can open (mode 0600).
 * A socket file left by a dead process is replaced; throws when something else lives at the path, or answers there.
 * Gives the address as text, for the log.
 */
export async function listenAdmin(app: FastifyInstance, listen: AdminListen): Promise<string> {
  if (!('path' in listen)) return app.listen({ host: listen.host, port: listen.port });
  await removeStaleSocket(listen.path);
  await app.listen({ path: listen.path });
  // Until here the umask protected it: connecting needs the permission to write.
  await chmod(listen.path, 0o600);
  return `unix:${listen.path}`;
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket())
    throw new Error(`admin.listen: ${path} exists and is not a socket; choose another path`);
  if (await answers(path))
    throw new Error(`admin.listen: another process listens on ${path}; is rackseed running?`);
  await rm(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
