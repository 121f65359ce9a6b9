/**
 * The systems that the lab's machines can run. `small`: a kernel, busybox and the stand-in for coreos-cloudinit, up in a few
 * seconds. `debian`: Debian with systemd, real Ignition, real cloud-init and the same stand-in.
 */
export const GUESTS = ['small', 'debian'] as const;
export type Guest = (typeof GUESTS)[number];
