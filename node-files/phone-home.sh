#!/bin/bash
# Tells the provisioning server how far this machine is. Never fails: a server that is away stops nothing.
#
#     phone-home URL STAGE [DETAIL]
#     phone-home URL --from FILE      the file's first line is the stage, its second the detail; the file is then
#                                     renamed to FILE.sent
set -uo pipefail

url=$1 stage=$2 detail=${3-} file=
if [[ $stage == --from ]]; then
  file=$detail
  { read -r stage && read -r detail; } <"$file" || exit 0
fi
# A minute at most: six attempts of five seconds, with pauses between.
for pause in 1 2 4 8 15 0; do
  if curl --fail --silent --show-error --max-time 5 --output /dev/null \
    --data-urlencode "stage=$stage" --data-urlencode "detail=$detail" "$url"; then
    if [[ -n $file ]]; then mv -f "$file" "$file.sent"; fi
    exit 0
  fi
  sleep "$pause"
done
echo "the provisioning server could not be told: $stage $detail" >&2
