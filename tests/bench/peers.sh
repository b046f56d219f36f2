#!/bin/sh
# What the benchmarks compare with, from Debian's packages; without root only what is there is used.
set -e
missing=""
for pair in tshark:tshark ndpiReader:libndpi-bin rg:ripgrep tcpreplay:tcpreplay; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
  echo "not compared with:$missing (not installed)" >&2
fi
