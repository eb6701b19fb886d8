"""Make this version's golden bundle: a small real audit with everything that a report can carry.

Sealed, signed at level B-LTA, countersigned. `tests/golden` verifies it for ever, so it is made once for each released
version and never again: python tools/make_golden_bundle.py. Needs the training extra and tests/ beside it; the only
network is a time-stamp authority of its own on the loopback, whose certificate lasts a hundred years.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OFFICER = "Golden Officer"
POLICY = f"""\
schema: unlearn-audit/policy/v1
id: golden
version: "1"
title: Golden bundle
owner: The project's tests
applies_to: A multilayer perceptron on the Wisconsin breast cytology data
responsible: [{{name: {OFFICER}, role: clinical safety officer, countersigns: true}}]
task: {{positive: [malignant], operating_points: [argmax, cost-optimal]}}
costs: {{false_negative: 10, false_positive: 1, rationale: Tests}}
checks:
  - {{id: risk, metric: global-risk, at_most: 2, why: ceiling}}
  - {{id: forgotten, metric: membership-auc, within: [0.02, 0.98], why: unseen}}
  - {{id: forgotten-malignant, metric: membership-auc, among: positive, within: [0.02, 0.98], why: unseen}}
  - {{id: kept, metric: retain-accuracy, at_least: 0.5, why: utility}}
membership: {{attacks: [confidence, modified-entropy], fpr: [0.01], unrecognised: inform}}
protocol: {{resamples: 1000}}
reference_case:
  dataset: breast-cytology
  model: mlp
  unlearn: {{method: fine-tune, parameters: {{epochs: 1}}}}
  recipe: {{epochs: 10, batch: 32}}
"""
_A_CENTURY = 36_500.0  # days


def main() -> None:
    """Make the bundle in tests/golden/bundles/v<version>, or in --out."""
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
    from unlearn_audit import __version__

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "golden" / "bundles" / f"v{__version__}")
    out: Path = parser.parse_args().out
    if out.exists():
        sys.exit(f"{out} exists: a golden bundle is never made again")
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"XDG_CONFIG_HOME": f"{place}/config", "XDG_CACHE_HOME": f"{place}/cache"}
        made = _make(Path(place))
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, out)
    sys.stdout.write(f"{out}: {sum(path.stat().st_size for path in out.rglob('*') if path.is_file()):,} bytes\n")


def _make(place: Path) -> Path:
    from tests.support.timestamp_authority import Responder, serve

    made, lab = place / "golden", place / "lab"
    made.mkdir()
    (place / "policy.yaml").write_text(POLICY, "utf-8")
    _run("keys", "init", lab, "--organisation", "Golden Clinic", "--name", "Audit desk", "--no-passphrase")
    _run("keys", "issue", lab, "--name", OFFICER, "--no-passphrase")
    desk = ("--key", lab / "signer.key.pem", "--chain", lab / "signer-chain.pem")
    officer = ("--key", lab / "golden-officer.key.pem", "--chain", lab / "golden-officer-chain.pem")
    policy = ("--policy", place / "policy.yaml")
    with serve(Responder(place / "stamps", days=(-1, _A_CENTURY))) as stamps:
        (place / "signing.yaml").write_text(
            "schema: unlearn-audit/signing/v1\nlevel: B-LTA\n"
            f"timestamps: {{url: '{stamps.url}', trust: ['{stamps.root_path}']}}\n"
            f"revocations: [lab/root.crl.pem, '{stamps.crl_path}']\n",
            "utf-8",
        )
        lasting = ("--signing", place / "signing.yaml")
        _run("seal", *policy, *desk, *lasting, "--out", place / "golden.seal.json")
        sealed = ("--seal", place / "golden.seal.json")
        _run("run", *policy, "--out", made / "bundle", *sealed, *desk, *lasting, may_end=(0, 1, 3))
        _run("countersign", made / "bundle", *officer, *lasting)
        shutil.copy(stamps.root_path, made / "time-root.pem")
    shutil.copy(lab / "root.crt.pem", made / "root.pem")
    trust = ("--trust", made / "root.pem", "--trust-time", made / "time-root.pem", "--require-timestamp")
    found = json.loads(_run("verify", made / "bundle", *trust, "--json", may_end=(0, 1, 3)))
    expected = {"exit_code": found["exit_code"], "lines": {line["name"]: line["state"] for line in found["lines"]}}
    (made / "expected.json").write_text(json.dumps(expected, indent=2) + "\n", "utf-8")
    return made


def _run(*arguments: object, may_end: tuple[int, ...] = (0,)) -> str:
    """Run the command in this process; return what it said, or stop with it."""
    from unlearn_audit.cli import run_guarded

    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = run_guarded([str(argument) for argument in arguments])
    if code not in may_end:
        sys.exit(f"exit {code}: {' '.join(map(str, arguments))}\n{output.getvalue()}")
    return output.getvalue()


if __name__ == "__main__":
    main()
