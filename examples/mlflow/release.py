"""A release step with MLflow: audit a model, register its weights, log the report, and promote it or refuse to.

    python release.py --policy policy.yaml --key audit.key.pem --chain audit-chain.pem --trust root.crt.pem

Ends with the exit code of `unlearn-audit`: 0 only where the alias now points to a version that passed. Auditing needs
`unlearn-audit[train]`, the rest `unlearn-audit[mlflow]`; where they are installed apart, UNLEARN_AUDIT names the
command that audits.
"""

import argparse
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import RestException

from unlearn_audit import publish_to_mlflow
from unlearn_audit.errors import AuditError, ExitCode
from unlearn_audit.policy import find_policy

HAS_A_VERDICT = (ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE)


def main() -> int:
    """Audit, register, publish, promote; return the exit code."""
    options = read_options()
    code = audit(options)
    if code not in HAS_A_VERDICT:
        return code
    try:
        version = register(options.model, options.out, options.tracking_uri)
        done = publish_to_mlflow(
            options.out,
            options.tracking_uri,
            trust=(options.trust,),
            policy=find_policy(options.policy),
            model_version=version,
            promote=options.alias,
        )
    except AuditError as error:
        print(f"release: {error.message}", file=sys.stderr)
        return error.exit_code
    if done.objection is not None:
        print(f"release: {version} is not promoted: {done.objection.sentence}", file=sys.stderr)
    else:
        print(f"release: {options.alias} is {version}")
    return done.exit_code


def read_options() -> argparse.Namespace:
    """Read the command line; what it does not know is handed on to `unlearn-audit run`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", required=True, help="policy that the model must pass")
    parser.add_argument("--key", type=Path, required=True, help="your signing key; a TEST key is never promoted")
    parser.add_argument("--chain", type=Path, required=True, help="its certificates")
    parser.add_argument("--trust", type=Path, required=True, help="your root certificate")
    parser.add_argument("--out", type=Path, default=Path("audit"), help="folder of the report")
    parser.add_argument("--model", default="unlearned-classifier", help="name of the registered model")
    parser.add_argument("--alias", default="champion", help="that what is served follows")
    parser.add_argument("--tracking-uri", default=os.environ.get("MLFLOW_TRACKING_URI"))
    options, options.more = parser.parse_known_args()
    return options


def audit(options: argparse.Namespace) -> int:
    """Train, unlearn, audit and sign, by the command itself; return its exit code."""
    command = os.environ.get("UNLEARN_AUDIT", "unlearn-audit")
    signing = ["--key", options.key, "--chain", options.chain]
    words = [command, "run", "--policy", options.policy, "--out", options.out, *signing, *options.more]
    return subprocess.run([str(word) for word in words], check=False).returncode


def register(name: str, report: Path, tracking_uri: str | None) -> str:
    """Register the audited weights, and nothing else, as a new version of the model; return NAME/VERSION.

    The file is registered as it is: a version is bound to the audit by its bytes.
    """
    record = json.loads((report / "record.json").read_bytes())
    audited = record["verdicts"][0]["model"]
    (file,) = (card["file"] for card in record["provenance"]["models"] if card["name"] == audited)
    client = MlflowClient(tracking_uri)
    home = client.get_experiment_by_name(name)
    run = client.create_run(home.experiment_id if home else client.create_experiment(name)).info
    client.log_artifact(run.run_id, str(report / file), "model")
    client.set_terminated(run.run_id)
    with suppress(RestException):  # it is there already
        client.create_registered_model(name)
    version = client.create_model_version(name, f"{run.artifact_uri}/model", run.run_id)
    return f"{name}/{version.version}"


if __name__ == "__main__":
    sys.exit(main())
