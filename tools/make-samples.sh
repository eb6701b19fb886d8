#!/usr/bin/env bash
# Makes sample_reports/ anew: the shipped cytology policy on the embedded data, signed with the labelled TEST key.
# Times and salts are new each time; the committed files are held to each other by tests/samples.
set -euo pipefail
bin=$1
out=$2
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

set +e
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1795392000} XDG_CONFIG_HOME="$cache" \
  "$bin/unlearn-audit" run --policy policies/breast-cytology.yaml --out "$out/breast-cytology" --cache "$cache" --force
code=$?
set -e
[ $code -eq 0 ] || [ $code -eq 1 ] || [ $code -eq 3 ] || exit $code
install -m 644 "$cache/unlearn-audit/test-key/root.crt.pem" "$out/test-root.pem"
pdftoppm -png -r 80 -f 1 -l 1 -singlefile "$out/breast-cytology/report.pdf" "$out/breast-cytology-page-1"
echo "samples: $out (verdict exit code $code)"
