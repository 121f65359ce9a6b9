import { chmod, lstat, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { AdminListen, AdminSettings } from '../config/config.ts';
import { noteUnixSockets } from './admin/caller.ts';

/**
 * Makes the admin app listen where the configuration says. When commands on this host can't come in there without a token,
 * it listens on a unix socket for them as well. Such a socket can be opened by the service's own user only (mode 0600); a
 * file left by a dead process is replaced. Throws when something else lives at the path, or answers there.
 * Gives the address as text, for the log.
 */
export async function listenAdmin(
  app: FastifyInstance,
  { listen, local }: Pick<AdminSettings, 'listen' | 'local'>,
): Promise<string> {
  if (!isSame(listen, local)) await openSecondDoor(app, local);
  if (!('path' in listen)) return app.listen({ host: listen.host, port: listen.port });
  await removeStaleSocket(listen.path);
  await app.listen({ path: listen.path });
  // Until here the umask protected it: connecting needs the permission to write.
  await chmod(listen.path, 0o600);
  return `unix:${listen.path}`;
}

function isSame(listen: AdminListen, local: AdminListen): boolean {
  return JSON.stringify(listen) === JSON.stringify(local);
}

/** Hands requests that come through another socket to the same app, which closes it when it closes. */
async function openSecondDoor(app: FastifyInstance, local: AdminListen): Promise<void> {
  if (!('path' in local)) throw new Error('the second way in is a unix socket');
  const server = createServer((request, response) => app.routing(request, response));
  noteUnixSockets(server);
  app.addHook('preClose', () => closeServer(server));
  await app.ready();
  await removeStaleSocket(local.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(local.path, resolve);
  });
  await chmod(local.path, 0o600);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
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
