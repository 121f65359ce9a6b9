import test from 'ava';
import fc from 'fast-check';
import { Transfer, type TransferPlan, type TransferStep } from '../../src/tftp/transfer.ts';

const DEFAULTS: TransferPlan = { size: 2_000, blksize: 512, windowsize: 1, oack: false };

function start(plan: Partial<TransferPlan> = {}, now = 0): Transfer {
  const transfer = new Transfer({ ...DEFAULTS, ...plan }, now);
  transfer.begin();
  return transfer;
}

const wait: TransferStep = { type: 'wait' };
const done: TransferStep = { type: 'done' };
const send = (first: number, last = first): TransferStep => ({ type: 'send', first, last });

/** When `tick`, asked every 10 ms up to `until`, does something: `0.5 s send 1..4`. */
function timeline(transfer: Transfer, from: number, until: number): string[] {
  const lines: string[] = [];
  for (let now = from; now <= until; now += 10) {
    const step = transfer.tick(now);
    if (step.type === 'wait') continue;
    const what = step.type === 'send' ? `send ${step.first}..${step.last}` : step.type;
    lines.push(`${now / 1_000} s ${what}`);
    if (step.type !== 'send') break;
  }
  return lines;
}

test('without options the transfer begins with block 1', (t) => {
  t.deepEqual(new Transfer(DEFAULTS, 0).begin(), send(1));
});

test('each ACK brings the next block, and the last ACK ends the transfer', (t) => {
  const transfer = start();
  t.deepEqual(transfer.ack(1, 1), send(2));
  t.deepEqual(transfer.ack(2, 2), send(3));
  t.deepEqual(transfer.ack(3, 3), send(4));
  t.deepEqual(transfer.ack(4, 4), done);
  t.is(transfer.bytes, 2_000);
  t.is(transfer.progressAt, 4);
  t.is(transfer.retransmissions, 0);
});

test('with options it begins with the OACK, and ACK 0 brings block 1', (t) => {
  const transfer = new Transfer({ ...DEFAULTS, oack: true }, 0);
  t.deepEqual(transfer.begin(), send(0));
  t.true(transfer.untouched);
  t.deepEqual(transfer.ack(0, 1), send(1));
  t.false(transfer.untouched);
});

test('a file of whole blocks ends with an empty one, and an empty file is one', (t) => {
  const whole = start({ size: 512 });
  t.deepEqual(whole.ack(1, 1), send(2));
  t.deepEqual(whole.ack(2, 2), done);
  t.deepEqual(start({ size: 0 }).ack(1, 1), done);
});

test('ACKs that are old, repeated or ahead of what was sent do nothing', (t) => {
  const transfer = start({ size: 100_000 });
  transfer.ack(1, 1);
  transfer.ack(2, 2);
  for (const block of [0, 1, 2, 4, 5, 40_000, 65_535]) t.deepEqual(transfer.ack(block, 3), wait);
  t.deepEqual(transfer.ack(3, 4), send(4));
});

test('block numbers roll over from 65535 to 0', (t) => {
  const transfer = start({ size: 70_000 * 8, blksize: 8 });
  for (let block = 1; block < 70_000; block++) {
    const step = transfer.ack(block & 0xffff, block);
    if (step.type !== 'send' || step.first !== block + 1)
      return t.fail(`block ${block} was answered by ${step.type}`);
  }
  t.deepEqual(transfer.ack(70_000 & 0xffff, 70_000), send(70_001));
  t.deepEqual(transfer.ack(70_001 & 0xffff, 70_001), done);
});

test('a window rolls over too, and an ACK inside it at 65535 resumes at 65536', (t) => {
  const transfer = start({ size: 70_000 * 8, blksize: 8, windowsize: 8, oack: true });
  transfer.ack(0, 0);
  for (let block = 8; block <= 65_528; block += 8) transfer.ack(block, block);
  t.deepEqual(transfer.ack(65_535, 65_529), send(65_536, 65_543));
  t.deepEqual(transfer.ack(65_543 & 0xffff, 65_530), send(65_544, 65_551));
});

test('an unanswered block is sent at 0, 1, 3, 7, 15 and 31 s and given up at 60 s', (t) => {
  const transfer = start();
  t.deepEqual(transfer.ack(1, 0), send(2));
  t.deepEqual(timeline(transfer, 0, 100_000), [
    '1 s send 2..2',
    '3 s send 2..2',
    '7 s send 2..2',
    '15 s send 2..2',
    '31 s send 2..2',
    '60 s timeout',
  ]);
});

test('a client that has acknowledged nothing is given up at 15 s: it sends its request again', (t) => {
  t.deepEqual(timeline(start(), 0, 100_000), [
    '1 s send 1..1',
    '3 s send 1..1',
    '7 s send 1..1',
    '15 s timeout',
  ]);
});

test('progress sets the waits back', (t) => {
  const transfer = start();
  t.is(timeline(transfer, 0, 7_000).length, 3);
  t.deepEqual(transfer.ack(1, 8_000), send(2));
  t.deepEqual(timeline(transfer, 8_000, 12_000), ['9 s send 2..2', '11 s send 2..2']);
  t.is(transfer.retransmissions, 5);
});

test('the timeout option sets the first wait, and a long one still gets a retransmission', (t) => {
  t.deepEqual(timeline(start({ timeout: 20 }), 0, 200_000), ['20 s send 1..1', '40 s timeout']);
  t.deepEqual(timeline(start({ timeout: 255 }), 0, 600_000), ['255 s send 1..1', '510 s timeout']);
});

test('when only the last ACK is missing, the file counts as delivered after 15 s', (t) => {
  const transfer = start();
  for (const block of [1, 2, 3]) transfer.ack(block, 0);
  t.deepEqual(timeline(transfer, 0, 100_000), [
    '1 s send 4..4',
    '3 s send 4..4',
    '7 s send 4..4',
    '15 s done',
  ]);
  t.is(transfer.progressAt, 0);
});

test('a client that took the OACK but never acknowledges the only block has the file', (t) => {
  const transfer = start({ size: 10, oack: true });
  transfer.ack(0, 0);
  t.is(timeline(transfer, 0, 100_000).at(-1), '15 s done');
});

test('a client that never said anything has nothing, however small the file', (t) => {
  t.is(timeline(start({ size: 10 }), 0, 100_000).at(-1), '15 s timeout');
  t.is(timeline(start({ size: 10, oack: true }), 0, 100_000).at(-1), '15 s timeout');
});

test('a window of which nothing is acknowledged is a failure, also at the end of the file', (t) => {
  const transfer = start({ windowsize: 4, oack: true });
  t.deepEqual(transfer.ack(0, 0), send(1, 4));
  t.is(timeline(transfer, 0, 100_000).at(-1), '60 s timeout');
});

test('a window is sent at once, and its last ACK brings the next', (t) => {
  const transfer = start({ size: 5_000, windowsize: 4, oack: true });
  t.deepEqual(transfer.ack(0, 1), send(1, 4));
  t.deepEqual(transfer.ack(4, 2), send(5, 8));
  t.deepEqual(transfer.ack(8, 3), send(9, 10));
  t.deepEqual(transfer.ack(10, 4), done);
});

test('an ACK inside a window resumes after it', (t) => {
  const transfer = start({ size: 50_000, windowsize: 4, oack: true });
  transfer.ack(0, 1);
  t.deepEqual(transfer.ack(2, 2), send(3, 6));
  t.is(transfer.retransmissions, 2);
  t.deepEqual(transfer.ack(6, 3), send(7, 10));
});

test('old ACKs of earlier windows do nothing', (t) => {
  const transfer = start({ size: 50_000, windowsize: 4, oack: true });
  for (const block of [0, 4, 8]) transfer.ack(block, 1);
  for (const block of [0, 1, 2, 3, 4, 5, 6, 7]) t.deepEqual(transfer.ack(block, 2), wait);
});

test('a repeated ACK brings a window back once, and never two windows in a row', (t) => {
  const transfer = start({ size: 50_000, windowsize: 4, oack: true });
  transfer.ack(0, 1);
  transfer.ack(4, 2);
  t.deepEqual(transfer.ack(4, 3), send(5, 8), 'block 5 was lost');
  t.deepEqual(transfer.ack(4, 3), wait);
  t.deepEqual(transfer.ack(8, 4), send(9, 12));
  t.deepEqual(transfer.ack(8, 4), wait, 'the echo of the window sent twice');
  t.deepEqual(transfer.ack(12, 5), send(13, 16));
  t.deepEqual(transfer.ack(12, 6), send(13, 16), 'a new loss');
});

test('doubled ACKs never double the data of a transfer without windows', (t) => {
  const transfer = start({ size: 100 * 512 });
  let sent = 1;
  for (let block = 1; block <= 100; block++) {
    for (const step of [transfer.ack(block, block), transfer.ack(block, block)])
      if (step.type === 'send') sent++;
  }
  t.is(sent, 101);
});

test('a repeated request brings the first packet again', (t) => {
  t.deepEqual(start({ oack: true }).repeat(100), send(0));
  t.deepEqual(start().repeat(100), send(1));
});

test('a late copy of the request does not disturb a transfer that is moving', (t) => {
  const transfer = start();
  transfer.ack(1, 500);
  t.deepEqual(transfer.repeat(600), wait);
  t.deepEqual(transfer.ack(2, 700), send(3));
});

test('a client that starts over after a silence gets the file from the beginning', (t) => {
  const transfer = start();
  transfer.ack(1, 500);
  t.deepEqual(transfer.repeat(5_000), send(1));
  t.is(transfer.bytes, 0);
  t.deepEqual(transfer.ack(1, 5_001), send(2));
});

/** What the network does to one packet, milliseconds for each copy that arrives: none, one or two. */
type Fate = readonly number[];

interface Outcome {
  readonly end: 'done' | 'timeout';
  /** Data blocks the client has in order. */
  readonly received: readonly number[];
  readonly silence: number;
}

/**
 * Test double: a client after RFC 1350 and RFC 7440 that acknowledges windows, reports gaps, repeats its last ACK
 * when it hears nothing for 3 s, and falls silent when it has everything; between it and the transfer, a network
 * that treats each packet as the next of `fates` says.
 */
function simulate(plan: TransferPlan, fates: readonly Fate[]): Outcome {
  const transfer = new Transfer(plan, 0);
  const count = Math.floor(plan.size / plan.blksize) + 1;
  const received: number[] = [];
  let ready = !plan.oack;
  let sinceAck = 0;
  let heardAt = 0;
  let packets = 0;
  const events = new Map<number, (() => void)[]>();
  let now = 0;
  let end: Outcome['end'] | undefined;

  const travel = (arrive: () => void) => {
    for (const delay of fates[packets++ % fates.length] ?? []) {
      const at = now + 10 + delay;
      events.set(at, [...(events.get(at) ?? []), arrive]);
    }
  };
  const act = (step: TransferStep) => {
    if (step.type === 'done' || step.type === 'timeout') end = step.type;
    if (step.type === 'send') {
      for (let block = step.first; block <= step.last; block++) travel(() => receive(block));
    }
  };
  const acknowledge = () => {
    sinceAck = 0;
    const block = received.length;
    travel(() => {
      if (!end) act(transfer.ack(block & 0xffff, now));
    });
  };
  const receive = (block: number) => {
    heardAt = now;
    if (block === 0) {
      ready = true;
      if (received.length === 0) acknowledge();
    } else if (ready && block === received.length + 1) {
      received.push(block);
      sinceAck++;
      if (sinceAck === plan.windowsize || block === count) acknowledge();
    } else if (ready) {
      acknowledge();
    }
  };

  act(transfer.begin());
  while (!end) {
    now += 10;
    for (const happen of events.get(now) ?? []) happen();
    events.delete(now);
    if (end) break;
    if (now - heardAt >= 3_000 && received.length < count && received.length > 0) {
      heardAt = now;
      acknowledge();
    }
    act(transfer.tick(now));
    if (now > 10_000_000) throw new Error('the transfer never ends');
  }
  return { end, received, silence: now - transfer.progressAt };
}

const plans = fc.record({
  size: fc.integer({ min: 0, max: 600 }),
  blksize: fc.constantFrom(8, 16, 64),
  windowsize: fc.integer({ min: 1, max: 9 }),
  oack: fc.boolean(),
});
const delays = fc.integer({ min: 0, max: 30 }).map((tens) => tens * 10);
const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant([0]) },
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.tuple(delays) },
  { weight: 1, arbitrary: fc.tuple(delays, delays) },
);

test('through loss, duplication and reordering a transfer delivers every block in order or gives up in time', (t) => {
  fc.assert(
    fc.property(plans, fc.array(fate, { minLength: 1, maxLength: 97 }), (plan, fates) => {
      const count = Math.floor(plan.size / plan.blksize) + 1;
      const { end, received, silence } = simulate(plan, fates);
      received.forEach((block, index) => {
        if (block !== index + 1) throw new Error('a block is missing or out of order');
      });
      if (silence > 60_000) throw new Error(`gave up only after ${silence} ms`);
      if (end === 'done' && received.length < count - 1)
        throw new Error('called done, but blocks are missing');
      if (end === 'done' && received.length < count && silence < 15_000) throw new Error('done too early');
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});

test('a network that delays and doubles but loses nothing delivers every file', (t) => {
  const kind: fc.Arbitrary<Fate> = fc.oneof(fc.tuple(delays), fc.tuple(delays, delays));
  fc.assert(
    fc.property(plans, fc.array(kind, { minLength: 1, maxLength: 97 }), (plan, fates) => {
      const { end, received } = simulate(plan, fates);
      if (end !== 'done') throw new Error(end);
      if (received.length !== Math.floor(plan.size / plan.blksize) + 1) throw new Error('blocks are missing');
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('one lost packet in ten never stops a transfer', (t) => {
  const plan: TransferPlan = { size: 64_000, blksize: 512, windowsize: 4, oack: true };
  const fates = Array.from({ length: 97 }, (_, index): Fate => (index % 10 === 3 ? [] : [0]));
  const { end, received } = simulate(plan, fates);
  t.is(end, 'done');
  t.is(received.length, 126);
});
