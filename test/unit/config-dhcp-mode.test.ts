import test from 'ava';
import { good, problems, RACKSEED } from '../support/config.ts';

const RANGE = '      range: 192.168.0.1-192.168.0.100\n';
const inMode = (mode: string, text = RACKSEED) => text.replace('mode: authoritative', `mode: ${mode}`);

test('authoritative and auto need addresses to lease, proxy needs none', (t) => {
  const missing =
    'config/rackseed.yaml:5: networks[0].dhcp.range: is missing (expected the addresses to lease, such as 192.168.0.1-192.168.0.100; only mode: proxy needs none)';
  const withoutRange = RACKSEED.replace(RANGE, '');
  t.deepEqual(problems({ 'rackseed.yaml': withoutRange }), [missing]);
  t.deepEqual(problems({ 'rackseed.yaml': inMode('auto', withoutRange) }), [missing]);
  const { dhcp } = good({ 'rackseed.yaml': inMode('proxy', withoutRange) }).networks[0] ?? {};
  t.like(dhcp, { mode: 'proxy', ranges: [] });
});

test('a range may stay where it is when the mode becomes proxy, and is checked all the same', (t) => {
  t.is(good({ 'rackseed.yaml': inMode('proxy') }).networks[0]?.dhcp.ranges.length, 1);
  const wrong = inMode('proxy').replace('0.100', '0.254');
  t.regex(problems({ 'rackseed.yaml': wrong }).join('\n'), /holds our own address/);
});

test('a machine has the reply style that its entry names', (t) => {
  const machines = (reply: string) => `machines: [{ mac: "52:54:00:00:00:01", pxe_reply: ${reply} }]\n`;
  const { machines: known } = good({ 'machines/a.yaml': machines('port_4011') });
  t.is([...known.values()][0]?.pxeReply, 'port_4011');
  t.deepEqual(problems({ 'machines/a.yaml': machines('menu') }), [
    'config/machines/a.yaml:1: machines[0].pxe_reply: "menu" is not allowed (expected one of plain, option_43, port_4011)',
  ]);
});
