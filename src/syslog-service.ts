import type { BootTracker } from './boot-tracker.ts';
import type { Network } from './config/config.ts';
import { logSyslog } from './log-events.ts';
import type { MachineAddresses } from './machine-addresses.ts';
import type { SharedParts } from './network-service.ts';
import { describeMessage } from './syslog/message.ts';
import { openSyslogReceiver, type SyslogReceiver } from './syslog/receiver.ts';

/** Puts what machines log on their timelines. */
export function openSyslog(
  network: Network,
  { registry, metrics, logger, inherited }: SharedParts,
  addresses: MachineAddresses,
  tracker: BootTracker,
  onTied: (fd: number) => void,
): Promise<SyslogReceiver> {
  return openSyslogReceiver({
    onTied,
    network: network.name,
    interface: network.interface,
    address: network.address,
    inherited,
    holder: addresses.holder,
    bootOf: (mac) => registry.get(mac)?.boot?.number ?? 0,
    observe: (event) => {
      metrics.observeSyslog(event);
      logSyslog(logger, event);
      if (event.type === 'message') tracker.message(event.mac, describeMessage(event.message), Date.now());
      else if (event.type === 'limited') tracker.message(event.mac, event.detail, Date.now());
    },
  });
}
