#!/usr/bin/env bash
# Builds the image of the gate and asks it for a verdict without a network. Skips, and says so, where nothing can build.
set -euo pipefail
for builder in docker podman; do
  if command -v "$builder" >/dev/null && "$builder" info >/dev/null 2>&1; then break; fi
  builder=
done
if [ -z "$builder" ]; then
  echo "container: skipped, neither docker nor podman answers on this machine"
  exit 0
fi
image=unlearn-audit:smoke-test
"$builder" build --quiet --file Containerfile --tag "$image" .
gate() { "$builder" run --rm --network none --volume "$PWD/sample_reports:/work:ro" "$image" "$@"; }
gate --version
gate policy check --help >/dev/null
gate recheck breast-cytology/evidence.parquet --policy breast-cytology/policy.yaml --no-remedy && code=0 || code=$?
[ "$code" -eq 1 ] || { echo "container: expected the sample's verdict FAIL (exit 1), got exit $code"; exit 1; }
echo "container: $image judges the sample without network or torch"
