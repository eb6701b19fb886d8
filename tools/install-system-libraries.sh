#!/usr/bin/env bash
# run: what the product needs (Pango for the PDF). test: what its tests read reports with (poppler, Chromium), and a token in software (SoftHSM).
# Installs what is missing when root; else says how. Without the test tools the tests that need them skip and say so.
set -eu
kind=${1:-run}
missing=()
if [ "$kind" = run ]; then
  ldconfig -p | grep -q 'libpango-1.0.so.0' || missing+=(libpango-1.0-0)
  ldconfig -p | grep -q 'libpangoft2-1.0.so.0' || missing+=(libpangoft2-1.0-0)
  ldconfig -p | grep -q 'libharfbuzz-subset.so.0' || missing+=(libharfbuzz-subset0)
  "${PYTHON:-python3}" -I -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
else
  command -v pdfsig >/dev/null || missing+=(poppler-utils)
  command -v chromium >/dev/null || missing+=(chromium)
  command -v softhsm2-util >/dev/null || missing+=(softhsm2)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing system packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi
echo "These system packages are missing: ${missing[*]}" >&2
if [ "$kind" = run ]; then
  echo "Install them, then run make again:  sudo apt-get install -y ${missing[*]}" >&2
  exit 5
fi
echo "The tests that need them will skip. To run them too:  sudo apt-get install -y ${missing[*]}" >&2
