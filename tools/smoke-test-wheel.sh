#!/usr/bin/env bash
# Builds sdist and wheel, checks both, installs the wheel alone into a fresh environment (no torch), judges and renders from it.
set -euo pipefail
python=$1
here=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m twine check --strict "$work"/dist/*
"$python" -m check_wheel_contents "$work"/dist/*.whl
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt "$(echo "$work"/dist/*.whl)[pdf]"
command="$work/venv/bin/unlearn-audit"

export HOME=$work XDG_CONFIG_HOME=$work/.config # a TEST key of its own
cd "$work" # away from the checkout: templates and policies must come from the wheel
"$work/venv/bin/python" -c 'import importlib.util as u; assert u.find_spec("torch") is None, "the base install brought torch"'
"$command" --version
"$command" policy check breast-cytology
sample="$here/sample_reports/breast-cytology"
"$command" render "$sample/record.json" --out "$work/rendered"
cmp "$sample/report.html" "$work/rendered/report.html"
may_end() { "$@" && code=0 || code=$?; [ $code -eq 0 ] || [ $code -eq 1 ] || [ $code -eq 3 ] || { echo "exit $code: $*"; exit 1; }; }
may_end "$command" recheck "$sample/evidence.parquet" --policy "$sample/policy.yaml" --out "$work/again" >"$work/recheck.log"
grep -q "the same, bit for bit" "$work/recheck.log" || { cat "$work/recheck.log"; exit 1; }
may_end "$command" verify "$work/again" --trust "$HOME/.config/unlearn-audit/test-key/root.crt.pem" --recompute
echo "wheel: judges and renders without torch, and reproduces the sample byte for byte"
