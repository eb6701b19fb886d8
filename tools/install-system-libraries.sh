#!/usr/bin/env bash
# WeasyPrint needs Pango, the report's tests read PDFs with poppler. Installs what is missing when root, else says how.
set -eu
missing=()
ldconfig -p | grep -q 'libpango-1.0.so.0' || missing+=(libpango-1.0-0)
ldconfig -p | grep -q 'libpangoft2-1.0.so.0' || missing+=(libpangoft2-1.0-0)
command -v pdfsig >/dev/null || missing+=(poppler-utils)
"${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing system libraries: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "These system packages are missing: ${missing[*]}" >&2
  echo "Install them, then run make again:  sudo apt-get install -y ${missing[*]}" >&2
  exit 5
fi
