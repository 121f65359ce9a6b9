import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { start } from '../../src/lab/process.ts';
import type { Contender, Site } from '../benchmark.ts';

/** nginx as one would set it up for large files: sendfile, whole packets, a worker for every core, no access log. */
export const nginx: Contender = {
  name: 'nginx',
  async start(site) {
    const file = join(site.scratch, 'nginx.conf');
    await writeFile(file, configuration(site));
    await mkdir(join(site.scratch, 'tmp'));
    const server = await start(
      site.namespace.command(['nginx', '-e', 'stderr', '-p', site.scratch, '-c', file]),
    );
    await server.waitFor(/start worker process \d/);
    return server;
  },
};

function configuration({ address, files, scratch }: Site): string {
  return `daemon off;
user root;
worker_processes auto;
pid ${scratch}/pid;
error_log stderr notice;
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000;
  client_body_temp_path ${scratch}/tmp/body;
  proxy_temp_path ${scratch}/tmp/proxy;
  fastcgi_temp_path ${scratch}/tmp/fastcgi;
  uwsgi_temp_path ${scratch}/tmp/uwsgi;
  scgi_temp_path ${scratch}/tmp/scgi;
  server {
    listen ${address}:80;
    location /assets/ { alias ${files}/; }
  }
}
`;
}
