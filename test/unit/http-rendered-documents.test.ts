import test from 'ava';
import { RenderedDocuments } from '../../src/http/rendered-documents.ts';
import { type BootToken, REPEAT_TIME } from '../../src/machines/boot-token.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import type { RenderedDocument } from '../../src/provision/document.ts';

const WANTED = { format: 'cloud-config' } as const;
const EXPIRES = 900_000;

function token(number: number, mac = number): BootToken {
  return {
    mac: parseMac(`52:54:00:00:00:${mac.toString(16).padStart(2, '0')}`) as Mac,
    address: '192.168.0.7',
    way: 'http',
    hashes: { document: `d${number}`, secrets: `s${number}` },
    expires: EXPIRES,
    delivered: {},
  };
}

const document = (text: string, bytes = 1): RenderedDocument => {
  return { text, secondStage: { type: 'application/x-tar', body: Buffer.alloc(bytes, text) } };
};

/** Asks for a document that would be rendered with this text. */
function ask(documents: RenderedDocuments, of: BootToken, text: string, bytes?: number, now = 0) {
  return documents.get(of, WANTED, now, async () => document(text, bytes));
}

test('a document is rendered once for a token, however many ask at the same time', async (t) => {
  const documents = new RenderedDocuments();
  const all = await Promise.all(['a', 'b', 'c'].map((text) => ask(documents, token(1), text)));
  t.deepEqual(
    all.map(({ text }) => text),
    ['a', 'a', 'a'],
  );
  t.is((await documents.secondStage(token(1), 0))?.body.toString(), 'a');
  t.is((await ask(documents, token(2), 'd')).text, 'd');
});

test('one without a second stage, and one that failed, is rendered again', async (t) => {
  const documents = new RenderedDocuments();
  await documents.get(token(1), WANTED, 0, async () => ({ text: 'a' }));
  t.is((await ask(documents, token(1), 'b')).text, 'b');
  await t.throwsAsync(documents.get(token(2), WANTED, 0, () => Promise.reject(new Error('no keys now'))));
  t.is((await ask(documents, token(2), 'c')).text, 'c');
});

test('another version of it takes its place', async (t) => {
  const documents = new RenderedDocuments();
  for (const version of ['3.3.0', '3.1.0'] as const) {
    await documents.get(token(1), { format: 'ignition', version }, 0, async () => document(version));
  }
  t.is((await documents.secondStage(token(1), 0))?.body.toString(), '3');
  t.is((await ask(documents, token(1), 'new')).text, 'new');
});

test('it is kept for as long as its token may open it', async (t) => {
  const documents = new RenderedDocuments();
  await ask(documents, token(1), 'a');
  t.truthy(await documents.secondStage(token(1), EXPIRES + REPEAT_TIME - 1));
  t.is(await documents.secondStage(token(1), EXPIRES + REPEAT_TIME), undefined);
});

test('a machine that asks for script after script takes nothing from another', async (t) => {
  const documents = new RenderedDocuments();
  await ask(documents, token(1), 'a');
  for (let number = 2; number < 100; number += 1) await ask(documents, token(number, 2), 'b', 1 << 20);
  t.truthy(await documents.secondStage(token(1), 0));
  t.is(await documents.secondStage(token(95, 2), 0), undefined);
  t.truthy(await documents.secondStage(token(96, 2), 0));
});

test('of more than 64 MiB, what was asked for longest ago goes', async (t) => {
  const documents = new RenderedDocuments();
  for (let number = 1; number <= 70; number += 1) await ask(documents, token(number), 'x', 1 << 20);
  t.is(await documents.secondStage(token(7), 0), undefined);
  t.truthy(await documents.secondStage(token(8), 0));
});
