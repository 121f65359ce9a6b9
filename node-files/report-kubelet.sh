#!/bin/bash
# Tells the provisioning server when the kubelet runs, and when it says that it is healthy.
#
#     report-kubelet URL HEALTHZ SECONDS      waits at most so long
set -uo pipefail

url=$1 healthz=$2 deadline=$((SECONDS + $3))
tell() { /opt/bin/rackseed-phone-home "$url" "$1" "$2"; }

until systemctl is-active --quiet kubelet.service; do
  if [[ $SECONDS -ge $deadline ]]; then
    tell kubelet "not running: $(systemctl show --property=Result --value kubelet.service)"
    exit 1
  fi
  sleep 1
done
tell kubelet running
until curl --fail --silent --max-time 5 --output /dev/null "$healthz"; do
  if [[ $SECONDS -ge $deadline ]]; then
    tell kubelet "running, but not healthy: $healthz doesn't answer"
    exit 1
  fi
  sleep 1
done
tell up 'the kubelet is healthy'
