#!/bin/bash
# Starts container engines again that began before their folders were on the local disk, and so with files in memory. While a
# folder isn't there, they are stopped and stay down.
#
#     restart-engines MOUNT…
set -uo pipefail

engines=(containerd.service docker.service)

# Microseconds since the machine started; 0 for a unit that never ran.
active_since() { systemctl show --property=ActiveEnterTimestampMonotonic --value "$1"; }

if ! systemctl is-active --quiet "$@"; then
  echo 'the local disk is not mounted: container engines stay down' >&2
  for unit in "${engines[@]}"; do
    if systemctl cat "$unit" >/dev/null 2>&1; then systemctl stop "$unit"; fi
  done
  exit 1
fi
mounted=$(for mount in "$@"; do active_since "$mount"; done | sort -n | tail -n 1)
stale=()
for unit in "${engines[@]}"; do
  if systemctl is-active --quiet "$unit" && [[ $(active_since "$unit") -lt $mounted ]]; then stale+=("$unit"); fi
done
if [[ ${#stale[@]} -eq 0 ]]; then exit 0; fi
# Docker uses containerd: it is stopped first and started last.
for ((i = ${#stale[@]} - 1; i >= 0; i--)); do systemctl stop "${stale[i]}"; done
systemctl start "${stale[@]}"
