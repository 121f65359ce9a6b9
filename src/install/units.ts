import { dirname, join } from 'node:path';
import type { Network } from '../config/config.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { RAW_KINDS } from '../net/raw-socket.ts';

/** The service's unit. */
export const SERVICE_UNIT = 'rackseed.service';

const DHCP_PORT = 67;
/** Where other servers' answers are overheard. */
const DHCP_CLIENT_PORT = 68;
const TFTP_PORT = 69;
const SYSLOG_PORT = 514;
/** The boot server of PXE 2.1. */
const PXE_PORT = 4011;

/** Bytes the kernel may queue for a socket: room for some ten thousand requests that arrive at once. */
const RECEIVE_BUFFER = '16M';
/** As the service sets it for HTTP connections when it opens its sockets itself. */
const SEND_BUFFER = '256K';

/** What the service's unit depends on. */
export interface ServiceSettings {
  /** The program that serves, with absolute paths, and the user and group it runs as. */
  readonly program: readonly string[];
  readonly user: string;
  /** The folder of the configuration, absolute. */
  readonly config: string;
  /** Folders that the service writes to, absolute; the rest of the system it can only read. */
  readonly writable: readonly string[];
}

/**
 * The service's unit: without root, without a capability, its sockets opened by the units of its networks. What remains of
 * the system is to be read only. JavaScript is compiled as it runs, so memory must be writable and executable at times.
 */
export function serviceUnit({ program, user, config, writable }: ServiceSettings): string {
  return `# Written by rackseed install.
[Unit]
Description=rackseed, network boot of bare-metal machines
Documentation=man:rackseed(8)
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=notify
ExecStart=${commandLine([...program, 'serve', '--config', config])}
ExecReload=/bin/sh -c "kill -HUP \${MAINPID}"
User=${user}
Group=${user}
Restart=on-failure
RestartSec=2
WatchdogSec=60
TimeoutStartSec=120
LimitNOFILE=65536
UMask=0077

CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=${writable.map((path) => quoted(`-${path}`)).join(' ')}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# ip(8) gives up capabilities, also when it has none.
SystemCallFilter=capset
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** A unit file, or a drop-in of one. */
export interface Unit {
  /** Below the folder of units: `rackseed.service`. */
  readonly name: string;
  readonly text: string;
}

/** What a raw socket needs. */
const CAPABILITY = 'net_raw';

/**
 * The drop-in of the service's unit by which it gets raw sockets on the interfaces of its networks: a program of its own opens
 * them before each start and puts them into systemd's store of descriptors, from which the service gets them. That program
 * has the service's user and one capability; where it fails, the service starts without what needs them.
 */
export function rawSocketsDropIn(
  { program, user }: Pick<ServiceSettings, 'program' | 'user'>,
  networks: readonly Pick<Network, 'interface'>[],
): Unit {
  const devices = [...new Set(networks.map((network) => network.interface))];
  const [runtime = '', main = ''] = program;
  const opener = [
    ...['/usr/bin/setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--no-new-privs'],
    ...[
      `--bounding-set=-all,+${CAPABILITY}`,
      `--inh-caps=-all,+${CAPABILITY}`,
      `--ambient-caps=+${CAPABILITY}`,
    ],
    ...[runtime, join(dirname(main), 'open-sockets.js'), ...devices],
  ];
  return {
    name: `${SERVICE_UNIT}.d/10-raw-sockets.conf`,
    text: `# Written by rackseed install from the interfaces of networks; run it again when they change.
[Service]
NotifyAccess=exec
FileDescriptorStoreMax=${devices.length * RAW_KINDS.length}
ExecStartPre=-+${commandLine(opener)}
`,
  };
}

/**
 * The units that open a network's sockets, bound to its interface. A card may come late, or go and come back: with
 * `hasDeviceUnits`, which takes udev, the sockets are opened whenever it is there.
 */
export function socketUnits(network: Network, hasDeviceUnits: boolean): readonly Unit[] {
  const { name, interface: device, address, http, https, dhcp, syslog } = network;
  const own = formatIpv4(address);
  const card = `sys-subsystem-net-devices-${escapeUnitName(device)}.device`;
  const unit = (suffix: string, what: string, lines: readonly string[]): Unit => ({
    // A hyphen in the network's name is escaped, so no two networks' units meet.
    name: `rackseed-${escapeUnitName(name)}${suffix}.socket`,
    text: `# Written by rackseed install from the network ${name}; run it again when that changes.
[Unit]
Description=rackseed on ${device}: ${what}
${hasDeviceUnits ? `BindsTo=${card}\nAfter=${card}\n` : ''}
[Socket]
Service=${SERVICE_UNIT}
${lines.join('\n')}
BindToDevice=${device}
# The address may come after the card.
FreeBind=yes

[Install]
WantedBy=sockets.target ${SERVICE_UNIT}${hasDeviceUnits ? ` ${card}` : ''}
`,
  });
  return [
    unit('', 'DHCP, TFTP and syslog', [
      `ListenDatagram=0.0.0.0:${DHCP_PORT}`,
      `ListenDatagram=${own}:${DHCP_PORT}`,
      `ListenDatagram=${own}:${PXE_PORT}`,
      ...(dhcp.mode === 'authoritative' ? [] : [`ListenDatagram=0.0.0.0:${DHCP_CLIENT_PORT}`]),
      `ListenDatagram=${own}:${TFTP_PORT}`,
      ...(syslog.enabled ? [`ListenDatagram=${own}:${SYSLOG_PORT}`] : []),
      'Broadcast=yes',
      `ReceiveBuffer=${RECEIVE_BUFFER}`,
    ]),
    unit('-http', 'HTTP', [
      `ListenStream=${own}:${http.port}`,
      `ListenStream=${own}:${https.port}`,
      'Backlog=4096',
      `SendBuffer=${SEND_BUFFER}`,
    ]),
  ];
}

/** A name as part of a unit's name, as systemd-escape(1) writes it. */
export function escapeUnitName(name: string): string {
  return name.replace(/[^A-Za-z0-9:_.]|^\./g, (character) =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

function commandLine(argv: readonly string[]): string {
  return argv.map(quoted).join(' ');
}

/** A word of a unit file, in which spaces part, `%` begins a specifier and `$` a variable. */
function quoted(word: string): string {
  const safe = word.replace(/[\\"]/g, '\\$&').replace(/%/g, '%%').replace(/\$/g, '$$$$');
  return /[\s"\\;']/.test(word) ? `"${safe}"` : safe;
}
