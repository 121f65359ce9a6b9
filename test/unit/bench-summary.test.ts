import test from 'ava';
import type { Contender, Goal, Metric, Scenario, Setting } from '../../bench/benchmark.ts';
import { readAvalanche, readLatency, readReport } from '../../bench/clients/perfdhcp.ts';
import { readRequests } from '../../bench/clients/request-log.ts';
import { formatOutcome, toJson } from '../../bench/report.ts';
import { chooseScenarios, type Outcome } from '../../bench/runner.ts';
import { compare, judge, median, percentile } from '../../bench/summary.ts';

const SPEED: Metric = { name: 'MB/s', digits: 1 };
const TIME: Metric = { name: 'seconds', digits: 2, better: 'less' };

function outcome(goals: readonly Goal[] = []): Outcome {
  const scenario: Scenario = { title: 'A load', metrics: [SPEED, TIME], goals, measure: async () => [] };
  return {
    benchmark: 'bench',
    scenario,
    standings: [
      {
        contender: 'rackseed',
        values: [
          [30, 10, 20],
          [1, 2, 3],
        ],
      },
      {
        contender: 'peer',
        values: [
          [10, 10, 10],
          [4, 4, 4],
        ],
      },
    ],
  };
}

test('the median is the middle value, or the mean of the two in the middle', (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
  t.is(median([1, Number.NaN]), Number.NaN);
  t.is(median([]), Number.NaN);
});

test('a percentile is the smallest value that so many are not above', (t) => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  t.is(percentile(values, 0.5), 100);
  t.is(percentile(values, 0.99), 198);
  t.is(percentile([7], 0.99), 7);
  t.is(percentile([], 0.99), Number.NaN);
});

test('peers are compared by the medians of the first metric', (t) => {
  t.deepEqual(compare(outcome()), [{ peer: 'peer', ratio: 2 }]);
});

test('a goal is a multiple of a peer or a number of its own, and an upper limit where less is better', (t) => {
  const goals: Goal[] = [
    { metric: 'MB/s', value: 2, peer: 'peer' },
    { metric: 'MB/s', value: 21 },
    { metric: 'seconds', value: 0.5, peer: 'peer' },
    { metric: 'seconds', value: 1.9 },
  ];
  t.deepEqual(
    judge(outcome(goals)).map(({ reached, met }) => [reached, met]),
    [
      [2, true],
      [20, false],
      [0.5, true],
      [2, false],
    ],
  );
});

test('a goal about something that is not measured is refused', (t) => {
  t.throws(() => judge(outcome([{ metric: 'MB/h', value: 1 }])), { message: /has no MB\/h/ });
  t.throws(() => judge(outcome([{ metric: 'MB/s', value: 1, peer: 'nobody' }])), { message: /of nobody/ });
});

test('a table shows medians, the range, ratios and goals', (t) => {
  const table = formatOutcome(outcome([{ metric: 'MB/s', value: 3, peer: 'peer' }]));
  t.is(
    table,
    [
      'A load',
      '             MB/s   seconds     min–max   rackseed is',
      '  rackseed   20.0      2.00   10.0–30.0',
      '  peer       10.0      4.00   10.0–10.0   2.00 ×',
      '  goal: MB/s ≥ 3 × peer: 2.00 ×, not met',
      '',
    ].join('\n'),
  );
});

test('programs get every value, every ratio and every goal', (t) => {
  t.like(toJson([['kernel', 'Linux']], [outcome([{ metric: 'seconds', value: 3 }])]), {
    facts: { kernel: 'Linux' },
    results: [
      {
        scenario: 'A load',
        comparisons: [{ peer: 'peer', ratio: 2 }],
        goals: [{ metric: 'seconds', value: 3, reached: 2, met: true }],
      },
    ],
  });
});

test('long settings are left out of a quick run, unless they are asked for', (t) => {
  const { scenario } = outcome();
  const absent: Contender = { name: 'absent', start: () => Promise.reject(new Error('it is not measured')) };
  const setting: Setting = { contenders: [absent], scenarios: [scenario], long: true };
  const count = (quick: boolean, only: string) => chooseScenarios(setting, { quick, only }).length;
  t.deepEqual(
    [count(false, ''), count(true, ''), count(true, 'a LOAD'), count(false, 'other')],
    [1, 0, 1, 0],
  );
});

test("perfdhcp's reports are read: counts, times of packets, and the end of an avalanche", (t) => {
  const statistics = (title: string, sent: number, received: number) =>
    `***Statistics for: ${title}***\nsent packets: ${sent}\nreceived packets: ${received}\n`;
  const report = statistics('DISCOVER-OFFER', 100, 99) + statistics('REQUEST-ACK', 99, 98);
  t.deepEqual(readReport(report), { begun: 100, completed: 98 });
  t.throws(() => readReport('nothing'), { message: /no report/ });

  const times = [
    '000000.000000 / 000000.002000',
    '000000.100000 / 000000.103000',
    '000001.000000 / 000001.001000',
  ];
  const latency = readLatency(times.map((line) => `sent / received: ${line}`).join('\n'));
  t.deepEqual([latency.median.toFixed(3), latency.p99.toFixed(3)], ['2.000', '3.000']);

  const end =
    'It took 00:01:02.500000 to provision 10 clients. \nRequests sent + resent: 25\nRequests resent: 5\n';
  t.deepEqual(readAvalanche(end), { seconds: 62.5, resent: 5 });
});

test("requests are read from tcpdump's output, with their times", (t) => {
  const output = [
    '1700000000.250000 IP 10.0.0.2.1 > 10.0.0.1.80: Flags [P.], length 60: HTTP: GET /boot.ipxe HTTP/1.1',
    'E..<.....GET /boot.ipxe HTTP/1.1',
    'Connection: keep-alive',
    '1700000001.500000 IP 10.0.0.2.2 > 10.0.0.1.80: Flags [P.], length 60: HTTP: POST /phone-home/m HTTP/1.1',
    'E..<.....POST /phone-home/m HTTP/1.1',
    '',
  ].join('\n');
  t.deepEqual(readRequests(output), [
    { at: 1_700_000_000_250, method: 'GET', path: '/boot.ipxe' },
    { at: 1_700_000_001_500, method: 'POST', path: '/phone-home/m' },
  ]);
});
