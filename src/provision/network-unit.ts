/** True for what systemd-networkd and udev read: it lies in systemd/network, and nothing starts it. */
export function isNetworkUnit(name: string): boolean {
  return /\.(?:network|netdev|link)$/.test(name);
}
