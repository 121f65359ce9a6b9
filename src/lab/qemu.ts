/** How a virtual machine starts: SeaBIOS with QEMU's own iPXE ROM, OVMF by PXE and TFTP, or OVMF by HTTP Boot. */
export const FIRMWARES = ['bios', 'uefi', 'uefi-http'] as const;
export type Firmware = (typeof FIRMWARES)[number];

/** `tcg` is emulation and works everywhere; `kvm` needs /dev/kvm. */
export const ACCELERATORS = ['tcg', 'kvm'] as const;
export type Accelerator = (typeof ACCELERATORS)[number];

/** A virtual machine's parts. */
export interface Hardware {
  /** Shown in process lists. */
  readonly name: string;
  readonly firmware: Firmware;
  readonly accelerator: Accelerator;
  readonly mac: string;
  /** Name of the tap device that is the other end of its network cable. */
  readonly tap: string;
  /** MiB. */
  readonly memory: number;
  /** Raw file behind the data disk, /dev/vda. */
  readonly dataDisk: string;
  /** Unix socket of its serial console, made by QEMU. */
  readonly console: string;
  /** File that gets everything printed on the console. */
  readonly consoleLog: string;
  /** File that gets everything written to the second serial port. */
  readonly report: string;
  /** OVMF's code and this machine's own copy of its variables; needed by the UEFI firmwares. */
  readonly ovmf?: { readonly code: string; readonly variables: string };
}

/**
 * QEMU's arguments for a machine without a boot disk: one virtio network card, a virtio data disk, a source of random
 * numbers, a serial console and a second serial port.
 * @throws RangeError when a UEFI machine comes without `ovmf`
 */
export function qemuArguments(hardware: Hardware): string[] {
  const { name, mac, tap, memory, dataDisk, console, consoleLog, report } = hardware;
  return [
    ...['-name', name, '-uuid', uuidFor(mac)],
    ...['-smbios', `type=1,manufacturer=QEMU,product=rackseed lab,serial=${quoteCommas(name)}`],
    // Without graphics SeaBIOS, and with it iPXE, prints on the serial console.
    ...['-machine', `q35,accel=${hardware.accelerator},graphics=off`],
    ...(hardware.accelerator === 'kvm' ? ['-cpu', 'host'] : []),
    ...['-smp', '1', '-m', `${memory}M`],
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...[
      '-chardev',
      `socket,id=console,path=${quoteCommas(console)},server=on,wait=off,logfile=${quoteCommas(consoleLog)}`,
    ],
    ...['-serial', 'chardev:console'],
    ...['-chardev', `file,id=report,path=${quoteCommas(report)}`, '-serial', 'chardev:report'],
    ...firmwareArguments(hardware),
    ...['-netdev', `tap,id=network,ifname=${tap},script=no,downscript=no`],
    // The default option ROM is QEMU's iPXE. OVMF would run it too, so it's left out there.
    ...['-device', `virtio-net-pci,netdev=network,mac=${mac},bootindex=1${hardware.ovmf ? ',romfile=' : ''}`],
    ...['-drive', `if=none,id=data,format=raw,discard=unmap,file=${quoteCommas(dataDisk)}`],
    ...['-device', 'virtio-blk-pci,drive=data,serial=data'],
    // EDK2 does no network boot without random numbers.
    ...['-device', 'virtio-rng-pci'],
  ];
}

function firmwareArguments({ firmware, ovmf }: Hardware): string[] {
  if (firmware === 'bios') return [];
  if (!ovmf) throw new RangeError(`firmware ${firmware} needs OVMF's code and variables`);
  const flash = [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${quoteCommas(ovmf.code)}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${quoteCommas(ovmf.variables)}`],
  ];
  if (firmware === 'uefi') return flash;
  // Without PXE the network card's first boot option is HTTP Boot over IPv4.
  const off = (protocol: string) => ['-fw_cfg', `name=opt/org.tianocore/${protocol}PXESupport,string=n`];
  return [...flash, ...off('IPv4'), ...off('IPv6')];
}

/** The same hardware address always gives the same SMBIOS UUID. */
function uuidFor(mac: string): string {
  return `00000000-0000-4000-8000-${mac.replaceAll(':', '')}`;
}

/** QEMU separates options by commas; one inside a value is doubled. */
function quoteCommas(value: string): string {
  return value.replaceAll(',', ',,');
}
