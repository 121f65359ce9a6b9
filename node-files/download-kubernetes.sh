#!/bin/bash
# Downloads parts of Kubernetes, checks them against their SHA-512 and puts them where they belong.
#
#     download-kubernetes URL FILE…
#
# A FILE is a program (to /opt/bin), cni-plugins.tgz (unpacked in /opt/cni/bin) or kubernetes.raw, a system extension that
# is merged into /usr. Beside each lies FILE.sha512. Gives up after two and a half minutes.
set -euo pipefail

url=$1
shift
deadline=$((SECONDS + 150))
mkdir -p /opt/bin
work=$(mktemp --directory /opt/bin/.download-XXXXXX)
trap 'rm -rf "$work"' EXIT

fetch() {
  local left status
  while left=$((deadline - SECONDS)) && [[ $left -gt 0 ]]; do
    status=$(curl --fail --silent --show-error --connect-timeout 5 --max-time "$left" \
      --speed-limit 1000 --speed-time 15 --write-out '%{http_code}' --output "$work/$1" "$url/$1") && return
    # The server has said no; to ask again would not help.
    if [[ $status == 4?? ]]; then break; fi
    sleep 2
  done
  echo "$url/$1 could not be downloaded" >&2
  return 1
}

for file in "$@"; do
  fetch "$file.sha512"
  fetch "$file"
  read -r expected _ <"$work/$file.sha512" || true
  if ! sha512sum --check --status <<<"$expected  $work/$file"; then
    echo "$url/$file is not what its checksum says" >&2
    exit 1
  fi
  case $file in
    cni-plugins.tgz)
      mkdir -p /opt/cni/bin
      tar --extract --gzip --no-same-owner --file="$work/$file" --directory=/opt/cni/bin
      ;;
    kubernetes.raw)
      mkdir -p /opt/extensions /etc/extensions
      mv -f "$work/$file" /opt/extensions/kubernetes.raw
      ln -sfn /opt/extensions/kubernetes.raw /etc/extensions/kubernetes.raw
      systemd-sysext refresh
      # Where the extension keeps the plugins, containerd doesn't look.
      if [[ -d /usr/local/bin/cni ]]; then
        mkdir -p /opt/cni/bin
        cp -R /usr/local/bin/cni/. /opt/cni/bin/
      fi
      ;;
    *)
      chmod 0755 "$work/$file"
      mv -f "$work/$file" "/opt/bin/$file"
      ;;
  esac
done
