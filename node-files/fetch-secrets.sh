#!/bin/bash
# Fetches this machine's keys and puts them where they belong, each file at once or not at all.
#
#     fetch-secrets FILE      FILE tells curl from where, and by which CA the server is known; it is deleted at the end
#
# Asks again for up to a minute while the server can't be reached or has nothing to say yet.
set -euo pipefail
umask 077

config=$1
deadline=$((SECONDS + 60))
mkdir -p /run/rackseed
work=$(mktemp -d /run/rackseed/secrets-XXXXXX)
trap 'rm -rf "$work"' EXIT

while :; do
  status=$(curl --config "$config" --proto '=https' --noproxy '*' --silent --show-error --connect-timeout 5 --max-time 15 \
    --write-out '%{http_code}' --output "$work/archive") || status=000
  if [[ $status == 200 ]]; then break; fi
  # The server has said no; to ask again would not help.
  if [[ $status == 4?? ]]; then
    echo "the server refuses this machine's keys ($status): $(head -c 200 "$work/archive")" >&2
    exit 1
  fi
  if [[ $SECONDS -ge $deadline ]]; then
    echo "this machine's keys could not be fetched ($status)" >&2
    exit 1
  fi
  sleep 2
done

mkdir "$work/files"
tar -x -p -f "$work/archive" -C "$work/files"
cd "$work/files"
find . -type f -print0 | while IFS= read -r -d '' file; do
  target=${file#.}
  (umask 022 && mkdir -p "${target%/*}")
  cp --preserve=mode,ownership "$file" "$target.new"
  mv -f "$target.new" "$target"
done
rm -f "$config"
