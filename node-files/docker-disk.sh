#!/bin/bash
# Prepares the local disk for containers' data: chooses it, formats it, and leaves /run/rackseed/docker-disk
# pointing at it.
#
#     docker-disk SETTINGS [DISK…]
#
# SETTINGS is a file of lines `key=value`: device, minimum_size (bytes), filesystem, label, wait (seconds) and
# adopt (yes or no). DISK… are the disks to choose among; without them, all that the machine has.
#
# Two kinds of disk are formatted: one that is blank, and one that carries our label, because it was formatted here
# before. Any other is left as it is, unless adopt is yes. A disk that is in use is never touched.
#
# What became of it is written to /run/rackseed/docker-disk.report, for the provisioning server: a stage (disk or
# disk-refused) and, in the second line, the details.
set -euo pipefail

run=/run/rackseed
settings=$1
shift
given=("$@")

setting() { sed -n "s/^$1=//p" "$settings"; }
device=$(setting device)
minimum_size=$(setting minimum_size)
filesystem=$(setting filesystem)
label=$(setting label)
wait=$(setting wait)
adopt=$(setting adopt)

# Tells once: a stage and details that were told already are not told again.
report() {
  local text
  text=$(printf '%s\n%s' "$1" "${2//$'\n'/ }")
  [[ -e $run/docker-disk.report.sent && $(<"$run/docker-disk.report.sent") == "$text" ]] && return
  printf '%s\n' "$text" >"$run/docker-disk.report"
}

refuse() {
  echo "$1" >&2
  report disk-refused "$1"
  exit 1
}

# --- what a disk is ---

block_size() { blockdev --getsize64 "$1"; }

# 20.0GiB
human() { numfmt --to=iec-i --suffix=B --format=%.1f "$1"; }

# Folder of a disk or partition in sysfs.
sysfs() { readlink -f "/sys/class/block/$(basename "$(readlink -f "$1")")"; }

# Why a disk must not be touched, whatever it holds; nothing when it may be.
in_use() {
  local tree kind mounted self=yes
  tree=$(lsblk --noheadings --raw --output TYPE,MOUNTPOINT "$1") || { echo "can't be read" && return; }
  while read -r kind mounted; do
    if [[ -n $mounted ]]; then echo "is mounted at $mounted" && return; fi
    if [[ $self != yes && $kind != part ]]; then echo "is part of a volume ($kind)" && return; fi
    self=no
  done <<<"$tree"
  if [[ $(blockdev --getro "$1") != 0 ]]; then echo 'is read-only'; fi
}

# What is on a disk that isn't ours to format; nothing when it is blank or carries our label.
foreign() {
  local tags signatures bytes status=0
  # 0: one thing was recognised; 2: nothing; 8: several things.
  tags=$(blkid -p -o export "$1" 2>/dev/null) || status=$?
  if [[ $status == 0 ]] && ! grep -q '^PTTYPE=' <<<"$tags" && grep -qxF "LABEL=$label" <<<"$tags"; then return; fi
  if ! signatures=$(wipefs --no-act "$1" 2>&1) || [[ -n $signatures || $status != 2 ]]; then
    tags=$(sed -n 's/^\(PT\)\?TYPE=/ /p' <<<"$tags" | tr --delete '\n')
    echo "${tags:- unknown data}"
  elif ! bytes=$(head --bytes=1048576 "$1" | tr --delete '\0' | wc --bytes) || [[ $bytes != 0 ]]; then
    echo ' unknown data'
  fi
}

ours() { [[ $(blkid -p -s LABEL -o value "$1") == "$label" && -z $(foreign "$1") ]]; }

# --- which disk ---

# The disks to choose among, one a line.
disks() {
  if [[ ${#given[@]} -gt 0 ]]; then
    printf '%s\n' "${given[@]}"
  else
    lsblk --noheadings --raw --nodeps --paths --output NAME,TYPE |
      sed -n '/^\/dev\/\(zram\|ram\|fd\|nbd\|md\|dm-\)/d; s/ disk$//p'
  fi
}

# Why `auto` and `largest` may not take a disk; nothing when they may.
unfit() {
  local obstacle
  if [[ ! -b $1 ]]; then echo 'is no disk' && return; fi
  obstacle=$(in_use "$1")
  if [[ -n $obstacle ]]; then
    echo "$obstacle"
  elif [[ $(<"$(sysfs "$1")/removable") != 0 ]]; then
    echo 'is removable'
  elif [[ $(block_size "$1") -eq 0 || $(block_size "$1") -lt $minimum_size ]]; then
    echo "is smaller than $(human "$minimum_size")"
  elif [[ $(blkid -p -s TYPE -o value "$1") == *_member ]]; then
    echo 'is part of a volume'
  fi
}

candidates() {
  local disk
  while read -r disk; do
    if [[ -z $(unfit "$disk") ]]; then echo "$disk"; fi
  done < <(disks)
}

# Why there is no candidate: `: /dev/sda is mounted at /, /dev/sdb is removable`
passed_over() {
  local disk separator=': '
  while read -r disk; do
    printf '%s' "$separator$disk $(unfit "$disk")"
    separator=', '
  done < <(disks)
}

serial_of() {
  local folder file
  folder=$(sysfs "$1")
  for file in "$folder/serial" "$folder/device/serial"; do
    if [[ -r $file ]]; then tr --delete ' \n' <"$file" && return; fi
  done
  lsblk --noheadings --raw --nodeps --output SERIAL "$1" | tr --delete ' \n'
}

# Sets `chosen`, or `problem` and a status that isn't 0.
choose() {
  local disk found=() marked=()
  chosen='' problem=''
  case $device in
    auto)
      mapfile -t found < <(candidates)
      for disk in "${found[@]}"; do if ours "$disk"; then marked+=("$disk"); fi; done
      # A disk that was formatted here before settles the question.
      if [[ ${#marked[@]} -gt 0 ]]; then found=("${marked[@]}"); fi
      ;;
    largest)
      mapfile -t found < <(candidates | largest)
      ;;
    serial:*)
      while read -r disk; do
        if [[ -b $disk && $(serial_of "$disk") == "${device#serial:}" ]]; then found+=("$disk"); fi
      done < <(disks)
      ;;
    *)
      if [[ -b $device ]]; then found=("$(readlink -f "$device")"); fi
      ;;
  esac
  case ${#found[@]} in
    0)
      problem="there is no disk for device: $device"
      case $device in auto | largest) problem+=$(passed_over) ;; esac
      return 1
      ;;
    1) chosen=${found[0]} ;;
    *) problem="device: $device needs exactly one disk, there are ${#found[@]}: ${found[*]}" && return 1 ;;
  esac
}

# The largest of the disks; of several, one with our label, else the first by name.
largest() {
  local disk mine
  while read -r disk; do
    mine=1
    if ours "$disk"; then mine=0; fi
    echo "$(block_size "$disk") $mine $disk"
  done | sort -k1,1nr -k2,2n -k3,3 | sed -n '1s/^[^ ]* [^ ]* //p'
}

settle() { if command -v udevadm >/dev/null; then udevadm settle --timeout=5 || true; fi; }

# --- the work ---

mkdir -p "$run"
rm -f "$run/docker-disk"

# Controllers may take a while to find their disks. The time is spent once for each boot: whatever asks for the disk
# again is told at once.
if [[ -e $run/docker-disk.awaited ]]; then wait=0; fi
deadline=$((SECONDS + wait))
settle
until choose; do
  if [[ $SECONDS -ge $deadline ]]; then break; fi
  sleep 1
  settle
done
touch "$run/docker-disk.awaited"
if [[ -z $chosen ]]; then refuse "$problem"; fi

obstacle=$(in_use "$chosen")
if [[ -n $obstacle ]]; then refuse "$chosen $obstacle"; fi
data=$(foreign "$chosen")
if [[ -n $data && $adopt != yes ]]; then
  refuse "$chosen holds$data and was left as it is; adopt_disk: true for this machine lets it be formatted"
fi

# wipefs and mkfs take the disk for themselves and fail when somebody else has it. Zeros between them make the disk count
# as blank, should the power fail before there is a label again.
wipefs --all --quiet "$chosen" || refuse "$chosen could not be erased"
dd if=/dev/zero of="$chosen" bs=1M count=1 conv=fsync,notrunc status=none || refuse "$chosen can't be written to"
case $filesystem in
  ext4) mkfs.ext4 -q -F -L "$label" "$chosen" ;;
  xfs) mkfs.xfs -q -f -L "$label" "$chosen" ;;
  btrfs) mkfs.btrfs -q -f -L "$label" "$chosen" ;;
esac || refuse "$chosen could not be formatted as $filesystem"
settle
ln -s "$chosen" "$run/docker-disk"
report disk "$chosen ($(human "$(block_size "$chosen")")) formatted as $filesystem, label $label${data:+, in place of$data}"
