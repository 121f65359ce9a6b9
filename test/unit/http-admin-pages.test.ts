import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createTestAdmin } from '../support/admin.ts';

test('the built page is served: index.html fresh, hashed assets for good', async (t) => {
  const ui = await mkdtemp(join(tmpdir(), 'rackseed-ui-'));
  t.teardown(() => rm(ui, { recursive: true }));
  await mkdir(join(ui, 'assets'));
  await writeFile(join(ui, 'index.html'), '<!doctype html><title>rack</title>');
  await writeFile(join(ui, 'assets/index-B1C2d3.js'), 'export {};');
  const { app, remote } = await createTestAdmin(t, { ui });
  const page = await remote({ url: '/' });
  t.is(page.headers['content-type'], 'text/html; charset=utf-8');
  t.is(page.headers['cache-control'], 'no-cache');
  t.regex(page.body, /<title>rack<\/title>/);
  const script = await remote({ url: '/assets/index-B1C2d3.js' });
  t.regex(String(script.headers['content-type']), /^(text|application)\/javascript/);
  t.is(script.headers['cache-control'], 'public, max-age=31536000, immutable');
  for (const url of [
    '/assets/',
    '/assets/other.js',
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/index-B1C2d3.js',
  ]) {
    t.is((await app.inject(url)).statusCode, 404, url);
  }
});

test('without a built page a text says how to build it', async (t) => {
  const { remote } = await createTestAdmin(t);
  const answer = await remote({ url: '/' });
  t.is(answer.statusCode, 200);
  t.is(answer.headers['content-type'], 'text/plain; charset=utf-8');
  t.regex(answer.body, /npm run build/);
});

test('the documentation needs nothing from elsewhere, and nothing inline', async (t) => {
  const { app } = await createTestAdmin(t);
  const page = await app.inject('/docs/');
  t.is(page.headers['content-type'], 'text/html; charset=utf-8');
  t.notRegex(page.body, /(src|href)="(https?:)?\/\//);
  t.notRegex(page.body, /<script>|<style>|style="|onload=/);
  const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file);
  t.true(files.length > 3);
  for (const file of files) {
    t.is((await app.inject(new URL(file, 'http://localhost/docs/').pathname)).statusCode, 200, file);
  }
  const start = await app.inject('/docs/static/swagger-initializer.js');
  t.regex(start.body, /"?validatorUrl"?:\s*null/);
});

test('/openapi.json describes the API with its schemas, roles and errors', async (t) => {
  const { app } = await createTestAdmin(t);
  const document = (await app.inject('/openapi.json')).json();
  t.is(document.openapi, '3.1.0');
  t.is(document.info.version, '1.2.3');
  t.true(Object.keys(document.components.schemas).includes('Machine'));
  const { post } = document.paths['/v1/machines/{mac}/approve'];
  t.regex(post.description, /Needs the role operator/);
  t.deepEqual(post.responses['200'].content['application/json'].schema, {
    $ref: '#/components/schemas/Machine',
  });
  t.truthy(post.responses['4XX'].content['application/problem+json']);
  t.false(JSON.stringify(document).includes('"$id"'));
  t.deepEqual(
    Object.keys(document.paths).filter((path) => !path.startsWith('/v1/')),
    [],
  );
});
