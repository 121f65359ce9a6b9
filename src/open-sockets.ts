#!/usr/bin/env node
// Opens the raw sockets of interfaces and puts them into systemd's store of descriptors, for the service that has no
// right to open them itself: open-sockets.js INTERFACE... It is a program of its own, small, and reads no configuration,
// because it is the only one that has CAP_NET_RAW.

import { openDescriptorStore } from './net/descriptor-store.ts';
import { handedName } from './net/handed-sockets.ts';
import { closeDescriptor } from './net/libc.ts';
import { openRaw, RAW_KINDS } from './net/raw-socket.ts';

const { NOTIFY_SOCKET: path } = process.env;
const devices = process.argv.slice(2);

if (!path || devices.length === 0) {
  process.stderr.write('usage: open-sockets.js INTERFACE..., by systemd before the service starts\n');
  process.exitCode = 2;
} else {
  const store = openDescriptorStore(path);
  for (const device of devices) {
    for (const kind of RAW_KINDS) {
      const name = handedName(kind, device);
      try {
        const fd = openRaw(kind, device);
        store.put(name, fd);
        closeDescriptor(fd);
      } catch (error) {
        store.remove(name);
        process.stderr.write(`${name} can't be opened for the service: ${(error as Error).message}\n`);
        process.exitCode = 1;
      }
    }
  }
}
