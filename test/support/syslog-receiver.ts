import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { openSyslogReceiver } from '../../src/syslog/receiver.ts';

// The syslog receiver alone, for tests: on 192.168.0.254 of rack0, with a lease for each ADDRESS=MAC that is given. Prints
// a line of JSON for each event.

const leases = new Map(
  process.argv.slice(2).map((pair): [Ipv4, Mac] => {
    const [address = '', mac = ''] = pair.split('=');
    return [parseIpv4(address) as Ipv4, parseMac(mac) as Mac];
  }),
);

const print = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);

try {
  await openSyslogReceiver({
    network: 'kubernetes1',
    interface: 'rack0',
    address: parseIpv4('192.168.0.254') as Ipv4,
    inherited: [],
    holder: (address) => leases.get(address),
    bootOf: () => 1,
    observe: print,
  });
  print({ type: 'listening' });
} catch (error) {
  print({ type: 'failed', message: (error as Error).message });
}
