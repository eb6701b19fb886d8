#!/usr/bin/env bash
# Builds the image of the gate and asks it for a verdict, a signed report and a verification, without a network. Skips, and
# says so, where nothing can build.
set -euo pipefail
image=unlearn-audit:smoke-test
builder=
for found in docker podman buildah; do
  if command -v "$found" >/dev/null && "$found" info >/dev/null 2>&1; then builder=$found; break; fi
done
if [ -z "$builder" ]; then
  echo "container: skipped, neither docker nor podman nor buildah answers on this machine"
  exit 0
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
chmod 777 "$out" # a user whom the image does not know writes here, as with --user "$(id -u)"
mounts=(--volume "$PWD/sample_reports:/work:ro" --volume "$out:/out")
if [ "$builder" = buildah ]; then # runs without namespaces of its own, so that the network is taken away around it
  buildah build --quiet --isolation chroot --file Containerfile --tag "$image" .
  container=$(buildah from "$image")
  trap 'buildah rm "$container" >/dev/null; rm -rf "$out"' EXIT
  gate() { unshare --net buildah run --isolation chroot --user 12345 "${mounts[@]}" "$container" -- unlearn-audit "$@"; }
else
  "$builder" build --quiet --file Containerfile --tag "$image" .
  gate() { "$builder" run --rm --network none --user 12345 "${mounts[@]}" "$image" "$@"; }
fi
expect() {
  local wanted=$1 code=0
  shift
  gate "$@" || code=$?
  [ "$code" -eq "$wanted" ] || { echo "container: exit $code, expected $wanted: unlearn-audit $*"; exit 1; }
}

expect 0 --version
expect 0 policy check breast-cytology
expect 1 recheck breast-cytology/evidence.parquet --policy breast-cytology/policy.yaml --out /out/again # the sample fails
[ "$(head -c 4 "$out/again/report.pdf")" = %PDF ] || { echo "container: no PDF was written"; exit 1; }
expect 1 verify breast-cytology --trust test-root.pem # signatures hold; the exit code is the verdict's
echo "container: $image judges the sample, signs a report and verifies without network or torch"
