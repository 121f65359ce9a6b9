#!/bin/bash
# Loads archives of container images into a container engine.
#
#     preload ENGINE FOLDER URL SHA256 [URL SHA256]…
#
# ENGINE is containerd (Docker where that doesn't run) or docker; FOLDER has room for the largest archive.
#
# An archive is loaded when all of it is there and it is what its SHA-256 says. Gives up after three and a half minutes.
set -euo pipefail

engine=$1
folder=$2
shift 2
deadline=$((SECONDS + 210))
mkdir -p "$folder"
work=$(mktemp -d "$folder/preload-XXXXXX")
trap 'rm -rf "$work"' EXIT

fetch() {
  local left status
  while left=$((deadline - SECONDS)) && [[ $left -gt 0 ]]; do
    status=$(curl --fail --silent --show-error --noproxy '*' --connect-timeout 5 --max-time "$left" \
      --speed-limit 1000 --speed-time 15 --write-out '%{http_code}' --output "$work/archive" "$1") && return
    # The server has said no; to ask again would not help.
    if [[ $status == 4?? ]]; then break; fi
    sleep 2
  done
  echo "$1 could not be downloaded" >&2
  return 1
}

load() {
  if [[ $engine == containerd ]] && systemctl is-active --quiet containerd.service; then
    # The namespace in which the kubelet's images are.
    ctr --namespace k8s.io images import "$work/archive"
  else
    docker load --input "$work/archive"
  fi
}

while [[ $# -ge 2 ]]; do
  fetch "$1"
  if ! sha256sum --check --status <<<"$2  $work/archive"; then
    echo "$1 is not what its SHA-256 says" >&2
    exit 1
  fi
  load
  rm "$work/archive"
  shift 2
done
