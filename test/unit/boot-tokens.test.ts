import test from 'ava';
import { REPEAT_TIME, secretsToken, type TokenUse, withoutTokens } from '../../src/machines/boot-token.ts';
import { BootTokens, type Grant, type MachineTokens } from '../../src/machines/boot-tokens.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';

const MAC = parseMac('52:54:00:00:00:01') as Mac;
const OTHER = parseMac('52:54:00:00:00:02') as Mac;
const ADDRESS = '192.168.0.7';
const LIFETIME = 900_000;
const NOW = Date.parse('2026-03-01T10:00:00Z');

/** Tokens over a store that is a map, and what another process would find in it. */
function tokensOver(disk = new Map<Mac, MachineTokens>()) {
  const open = () =>
    new BootTokens({
      records: disk.values(),
      // As on a disk: what is written is what it was then.
      save: async (tokens) => void disk.set(tokens.mac, structuredClone(tokens)),
      remove: (mac) => disk.delete(mac),
      lifetime: () => LIFETIME,
    });
  return { tokens: open(), disk, reopen: open };
}

const from = (use: TokenUse = 'document') => ({ mac: MAC, address: ADDRESS, use });

/** What is wrong with a token at a time; undefined when nothing is. */
function faultOf(tokens: BootTokens, text: string, now: number, request = from()): string | undefined {
  const result = tokens.check(text, request, now);
  return 'fault' in result ? result.fault : undefined;
}

async function deliver(tokens: BootTokens, text: string, now: number, complete = true, use?: TokenUse) {
  const told = await tokens.deliver(tokens.check(text, from(use), now) as Grant, now);
  told(complete);
}

test('a token is 32 random bytes in base64url, another one each time', async (t) => {
  const { tokens } = tokensOver();
  const texts = [
    await tokens.issue(MAC, ADDRESS, 'http', NOW),
    await tokens.issue(MAC, ADDRESS, 'http', NOW),
  ];
  for (const text of texts) t.regex(text, /^[A-Za-z0-9_-]{43}$/);
  t.is(new Set(texts).size, 2);
});

test('what is written down holds neither a token nor what opens the keys', async (t) => {
  const { tokens, disk } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  const written = JSON.stringify([...disk.values()]);
  t.false(written.includes(text));
  t.false(written.includes(secretsToken(text)));
  t.false(secretsToken(text).includes(text));
});

test('a token opens what it is for: this machine, this address, this use, its time', async (t) => {
  const { tokens } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  t.is(faultOf(tokens, text, NOW), undefined);
  t.is(faultOf(tokens, text, NOW + LIFETIME), undefined);
  t.is(faultOf(tokens, text, NOW + LIFETIME + 1), 'expired');
  t.is(faultOf(tokens, text, NOW, { ...from(), mac: OTHER }), 'other-machine');
  t.is(faultOf(tokens, text, NOW, { ...from(), address: '192.168.0.8' }), 'other-address');
  t.is(faultOf(tokens, text, NOW, from('secrets')), 'unknown');
  t.is(faultOf(tokens, secretsToken(text), NOW, from('secrets')), undefined);
  t.is(faultOf(tokens, secretsToken(text), NOW), 'unknown');
});

for (const text of ['x', 'x'.repeat(43), 'x'.repeat(100_000), '\0'.repeat(43), '…'.repeat(43)]) {
  test(`${JSON.stringify(text.slice(0, 4))}, ${text.length} characters long, is no token`, (t) => {
    t.is(faultOf(tokensOver().tokens, text, NOW), 'unknown');
  });
}

test('nothing shown is a fault of its own', (t) => {
  t.is(faultOf(tokensOver().tokens, '', NOW), 'missing');
});

test('a complete delivery uses a token up, after two minutes in which it may be repeated', async (t) => {
  const { tokens } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await deliver(tokens, text, NOW);
  t.is(faultOf(tokens, text, NOW + REPEAT_TIME), undefined);
  t.is(faultOf(tokens, text, NOW + REPEAT_TIME, { ...from(), address: '192.168.0.8' }), 'other-address');
  t.is(faultOf(tokens, text, NOW + REPEAT_TIME + 1), 'used');
  t.is(faultOf(tokens, secretsToken(text), NOW + REPEAT_TIME + 1, from('secrets')), undefined);
});

test('a repeat doesn’t begin the two minutes anew', async (t) => {
  const { tokens } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await deliver(tokens, text, NOW);
  await deliver(tokens, text, NOW + REPEAT_TIME);
  t.is(faultOf(tokens, text, NOW + REPEAT_TIME + 1), 'used');
});

test('a document that came in the last moment leaves time for its keys', async (t) => {
  const { tokens } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await deliver(tokens, text, NOW + LIFETIME);
  const keys = secretsToken(text);
  t.is(faultOf(tokens, keys, NOW + LIFETIME + REPEAT_TIME, from('secrets')), undefined);
  t.is(faultOf(tokens, keys, NOW + LIFETIME + REPEAT_TIME + 1, from('secrets')), 'expired');
});

test('a delivery that breaks off uses nothing up; one before it does', async (t) => {
  const { tokens } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await deliver(tokens, text, NOW, false);
  t.is(faultOf(tokens, text, NOW + LIFETIME), undefined);
  await deliver(tokens, text, NOW + 10);
  await deliver(tokens, text, NOW + 20, false);
  t.is(faultOf(tokens, text, NOW + 10 + REPEAT_TIME + 1), 'used');
});

test('of two deliveries at once, the complete one counts, whichever ends first', async (t) => {
  for (const first of [true, false]) {
    const { tokens } = tokensOver();
    const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
    const grant = tokens.check(text, from(), NOW) as Grant;
    const [one, two] = [await tokens.deliver(grant, NOW), await tokens.deliver(grant, NOW)];
    one(first);
    two(!first);
    t.is(faultOf(tokens, text, NOW + REPEAT_TIME + 1), 'used');
  }
});

test('the last four tokens of a machine are good', async (t) => {
  const { tokens } = tokensOver();
  const texts: string[] = [];
  for (let count = 0; count < 6; count += 1)
    texts.push(await tokens.issue(MAC, ADDRESS, 'http', NOW + count));
  t.deepEqual(
    texts.map((text) => faultOf(tokens, text, NOW + 6)),
    ['unknown', 'unknown', undefined, undefined, undefined, undefined],
  );
});

test('scripts by TFTP, which anybody can have sent to a machine, take no token of the others away', async (t) => {
  const { tokens } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  for (let count = 0; count < 10; count += 1) await tokens.issue(MAC, ADDRESS, 'tftp', NOW);
  t.is(faultOf(tokens, text, NOW), undefined);
});

test('another process finds live tokens live and used ones used', async (t) => {
  const { tokens, reopen } = tokensOver();
  const live = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  const used = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await deliver(tokens, used, NOW);
  const after = reopen();
  t.is(faultOf(after, live, NOW + LIFETIME), undefined);
  t.is(faultOf(after, live, NOW + LIFETIME + 1), 'expired');
  t.is(faultOf(after, used, NOW + REPEAT_TIME + 1), 'used');
  t.is(faultOf(after, secretsToken(live), NOW, from('secrets')), undefined);
});

test('a delivery during which the process is lost counts', async (t) => {
  const { tokens, reopen } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await tokens.deliver(tokens.check(text, from(), NOW) as Grant, NOW);
  t.is(faultOf(reopen(), text, NOW + REPEAT_TIME + 1), 'used');
  t.is(faultOf(reopen(), text, NOW + REPEAT_TIME), undefined, 'the machine may ask again');
});

test('one that broke off doesn’t count in another process either', async (t) => {
  const { tokens, reopen } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await deliver(tokens, text, NOW, false);
  t.is(faultOf(reopen(), text, NOW + LIFETIME), undefined);
});

test('a token that can’t be written down is not given', async (t) => {
  const tokens = new BootTokens({
    records: [],
    save: () => Promise.reject(new Error('no space left')),
    remove: () => {},
    lifetime: () => LIFETIME,
  });
  await t.throwsAsync(tokens.issue(MAC, ADDRESS, 'http', NOW), { message: 'no space left' });
});

test('machines whose tokens ended a day ago are forgotten', async (t) => {
  const { tokens, disk } = tokensOver();
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  const later = NOW + LIFETIME + 24 * 3_600_000;
  await tokens.issue(OTHER, '192.168.0.8', 'http', later - 1);
  t.is(faultOf(tokens, text, later - 1), 'expired');
  await tokens.issue(OTHER, '192.168.0.8', 'http', later + 1);
  t.is(faultOf(tokens, text, later + 1), 'unknown');
  t.deepEqual([...disk.keys()], [OTHER]);
});

test('tokens are cut out of texts for logs', async (t) => {
  const text = await tokensOver().tokens.issue(MAC, ADDRESS, 'http', NOW);
  t.is(
    withoutTokens(`nothing at "/nocloud/52-54/${text}/x?token=${text}"`),
    'nothing at "/nocloud/52-54/…/x?token=…"',
  );
  // cloud-init puts its files' names right behind a URL that has no slash at its end.
  t.is(withoutTokens(`nothing at "/nocloud/52-54/${text}user-data"`), 'nothing at "/nocloud/52-54/…"');
});

test('when the clock is set, tokens are good, and count as delivered, for as long as they would have been', async (t) => {
  const { tokens, reopen } = tokensOver();
  const day = 24 * 3_600_000;
  const text = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  const used = await tokens.issue(MAC, ADDRESS, 'http', NOW);
  await deliver(tokens, used, NOW);
  tokens.moveTimes((time) => time + day);
  for (const those of [tokens, reopen()]) {
    t.is(faultOf(those, text, NOW + day + LIFETIME), undefined);
    t.is(faultOf(those, text, NOW + day + LIFETIME + 1), 'expired');
    t.is(faultOf(those, used, NOW + day + REPEAT_TIME), undefined);
    t.is(faultOf(those, used, NOW + day + REPEAT_TIME + 1), 'used');
  }
});
