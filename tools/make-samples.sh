#!/usr/bin/env bash
# Makes sample_reports/ anew from the embedded data, signed with one labelled TEST key: one report that fails and is
# remedied, one that passes, one that is inconclusive. One policy decides; the cases stand in sample_reports/cases/.
# Times and salts are new each time; the committed files are held to each other by tests/samples.
set -euo pipefail
bin=$1
out=$2
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

make_sample() { # name, exit code of the verdict, then the options of run
  local name=$1 wanted=$2 code
  shift 2
  rm -rf "${out:?}/$name" # an earlier sample is no earlier run of this case
  set +e
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1795392000} XDG_CONFIG_HOME="$cache" \
    "$bin/unlearn-audit" run --policy policies/breast-cytology.yaml --out "$out/$name" --cache "$cache" "$@"
  code=$?
  set -e
  if [ "$code" -ne "$wanted" ]; then
    echo "sample $name: expected the verdict's exit code $wanted, got $code: its policy or README no longer says what it shows" >&2
    exit 5
  fi
}

make_sample breast-cytology 1
make_sample breast-cytology-pass 0 --case sample_reports/cases/warm-restart.yaml
make_sample breast-cytology-inconclusive 3 --case sample_reports/cases/retraining.yaml --no-remedy
install -m 644 "$cache/unlearn-audit/test-key/root.crt.pem" "$out/test-root.pem"
pdftoppm -png -r 80 -f 1 -l 1 -singlefile "$out/breast-cytology/report.pdf" "$out/breast-cytology-page-1"
echo "samples: $out"
