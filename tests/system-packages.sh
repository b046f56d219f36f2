#!/bin/sh
# The programs some tests compare with or drive. Without root or apt those tests skip with a reason.
set -eu
missing=
for pair in tshark:tshark chromium:chromium ip:iproute2 tc:iproute2 tcpdump:tcpdump dnsmasq:dnsmasq-base \
  nft:nftables ethtool:ethtool squid:squid-openssl zstd:zstd tcpreplay:tcpreplay certutil:libnss3-tools pdftoppm:poppler-utils \
  named-checkzone:bind9-utils unbound-checkconf:unbound; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null 2>&1 \
    || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing$missing …"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1 \
    || echo "could not install$missing; the tests that need them will skip"
else
  echo "not installed:$missing; the tests that need them will skip"
fi
