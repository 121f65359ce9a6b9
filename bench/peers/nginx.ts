import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, start } from '../../src/lab/process.ts';
import { type Contender, type Site, serverOf } from '../benchmark.ts';

/** nginx as one would set it up for large files: sendfile, whole packets, a worker for every core, no access log. */
export const nginx: Contender = {
  name: 'nginx',
  start: async (site) => serverOf(await launchNginx(site)),
};

/** Starts nginx. `more` is added to its server block, `log` is where requests are written down. */
export async function launchNginx(site: Site, more = '', log = 'off'): Promise<Child> {
  const file = join(site.scratch, 'nginx.conf');
  await writeFile(file, configuration(site, more, log));
  await mkdir(join(site.scratch, 'tmp'));
  const server = await start(
    site.namespace.command(['nginx', '-e', 'stderr', '-p', site.scratch, '-c', file]),
  );
  await server.waitFor(/start worker process \d/);
  return server;
}

function configuration({ address, files, scratch }: Site, more: string, log: string): string {
  return `daemon off;
user root;
worker_processes auto;
pid ${scratch}/pid;
error_log stderr notice;
worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
  log_format seconds '$msec $request_uri';
  access_log ${log};
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000;
  client_body_temp_path ${scratch}/tmp/body;
  proxy_temp_path ${scratch}/tmp/proxy;
  fastcgi_temp_path ${scratch}/tmp/fastcgi;
  uwsgi_temp_path ${scratch}/tmp/uwsgi;
  scgi_temp_path ${scratch}/tmp/scgi;
  server {
    listen ${address}:80 backlog=16384;
    location /assets/ { alias ${files}/; }
    ${more}
  }
}
`;
}
