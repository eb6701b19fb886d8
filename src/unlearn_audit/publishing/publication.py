"""Verifies a report, logs it to MLflow, tags the model version, and promotes that version where it may."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from unlearn_audit.bundle.layout import ANNEX, EVIDENCE
from unlearn_audit.errors import ExitCode, IntegrityError, PublishingError, UsageError
from unlearn_audit.publishing.binding import Binding, bind, digest_files
from unlearn_audit.publishing.description import OUTCOME, PREFIX, PUBLISHING, RECORD, Description, describe
from unlearn_audit.publishing.promotion import Objection, find_objection
from unlearn_audit.publishing.server import RegisteredVersion, Server
from unlearn_audit.records import AuditRecord
from unlearn_audit.verification.answers import State, Verification
from unlearn_audit.verification.integrity import list_files
from unlearn_audit.verification.verification import VerificationOptions, compare_policy, verify_bundle

FOLDER = "unlearn-audit"
"""Of the run's artifacts."""
_KEPT_BACK = (EVIDENCE, ANNEX, "models/")


@dataclass(frozen=True)
class _Target:
    """The model version that the report is held against, and what came out."""

    model: RegisteredVersion
    binding: Binding


@dataclass(frozen=True)
class Publication:
    """What was published.

    Attributes:
        run_id: of the MLflow run that holds the report.
        server: its address, without secrets.
        outcome: the verdict as it was logged.
        verification: the answers about the report.
        binding: whether the model version holds the audited weights; None where no version was named.
        alias_at: the version that the alias points to now; None where no alias was asked for, or it does not exist.
        objection: why the alias was not moved; None where it was, or none was asked for.
    """

    run_id: str
    server: str
    outcome: str
    verification: Verification
    binding: Binding | None = None
    alias_at: str | None = None
    objection: Objection | None = None

    @property
    def exit_code(self) -> ExitCode:
        """That of the verification; where a promotion was refused, what it was refused for."""
        return self.objection.exit_code if self.objection else self.verification.exit_code


def publish_to_mlflow(
    bundle: str | Path,
    tracking_uri: str | None = None,
    *,
    trust: tuple[Path, ...] = (),
    options: VerificationOptions | None = None,
    policy: Path | None = None,
    experiment: str = FOLDER,
    run_id: str | None = None,
    model_version: str | None = None,
    require_same_weights: bool = False,
    promote: str | None = None,
    with_evidence: bool = False,
) -> Publication:
    """Verify the report in the folder `bundle` and log it to an MLflow server; publishing it again changes nothing.

    Args:
        bundle: the folder that `run` wrote. What is verified and logged is a copy of it, made first.
        tracking_uri: the server; the variable MLFLOW_TRACKING_URI where it is not given.
        trust: PEM files of the root certificates that are trusted, as in `verify`; without one nothing is published.
        options: what else is asked of signatures and times.
        policy: policy that the report must have been judged by.
        experiment: experiment of a new run, made where there is none. The run that already holds this record is taken.
        run_id: log to this run instead; it may not hold another audit.
        model_version: NAME/VERSION of the registered model that was audited; its files are read and it is tagged.
        require_same_weights: refuse, before anything is logged, a version that does not hold the audited weights.
        promote: alias, such as 'champion', that points to `model_version` if the verdict is a pass by `policy`, the
            version holds the audited weights and no TEST key signed. Else it stays where it is, and `objection` says
            why. Needs both arguments.
        with_evidence: log evidence.parquet and models too. The evidence names records.

    Raises:
        UsageError: arguments that do not go together; no such folder, run or model version.
        PolicyError: `policy` is none.
        IntegrityError: the report is altered, not trusted or judged by another policy, or (`require_same_weights`) the
            version holds other weights. Nothing was logged.
        PublishingError: MLflow is not installed, the server is down or refuses.
    """
    if promote is not None and (model_version is None or policy is None):
        raise UsageError(
            "a promotion needs to know which version, and the policy that it must pass",
            hint="give --model-version NAME/VERSION and --policy FILE: a pass by another policy says nothing",
        )
    if promote is not None and not re.fullmatch(r"(?![vV][0-9]+$)[\w-]{1,255}", promote):
        raise UsageError(f"expected an alias of letters, digits, - and _, found {promote!r}", hint="such as champion")
    model = RegisteredVersion.parse(model_version) if model_version is not None else None
    with _copy_bundle(Path(bundle)) as (folder, temporary):
        verification = _verify(folder, trust, options, policy)
        server = Server(tracking_uri)
        target = _Target(model, _bind(server, model, verification, temporary)) if model is not None else None
        if require_same_weights and not (target and target.binding.holds):
            why = target.binding.sentence if target else "no version was named"
            raise IntegrityError(f"the model version is not the audited model, nothing was logged: {why}")
        description = describe(verification)
        run = _find_run(server, description, experiment, run_id)
        files = _choose_files(folder, with_evidence=with_evidence)
        try:
            _log_run(server, run, description, files)
            if target is not None:
                _tag_version(server, run, description, target)
            server.tag_run(run, {OUTCOME: description.outcome})
        except BaseException:
            if run_id is None:
                server.end_quietly(run)
            raise
        if run_id is None:
            server.end_run(run, "FINISHED")
    done = Publication(run, server.shown, description.outcome, verification, target.binding if target else None)
    return _promote(server, done, target, promote) if target is not None and promote is not None else done


@contextmanager
def _copy_bundle(bundle: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a private copy and a place for more: what is verified is what is logged, whoever writes meanwhile."""
    if not bundle.is_dir():
        raise UsageError(f"expected the folder of a bundle, found none at {bundle}")
    with tempfile.TemporaryDirectory(prefix="unlearn-audit-") as place:
        copy = Path(place) / "bundle"
        try:
            shutil.copytree(bundle, copy, symlinks=True)
        except (OSError, shutil.Error) as error:
            raise IntegrityError(f"the bundle {bundle} cannot be read as a whole") from error
        yield copy, Path(place) / "model"


def _verify(
    folder: Path, trust: tuple[Path, ...], options: VerificationOptions | None, policy: Path | None
) -> Verification:
    """Return the answers about a report that may be published: everything holds, whatever its verdict.

    Raises:
        IntegrityError: something does not hold, or nobody is trusted.
        PublishingError: something that was asked for could not be answered.
    """
    verification = verify_bundle(folder, trust, options)
    if policy is not None and verification.record is not None:
        verification = verification.extend((compare_policy(policy, verification.record),))
    bad = [line for line in verification.lines if line.state in (State.INVALID, State.UNTRUSTED)]
    if bad or verification.record is None:
        text = "; ".join(f"{line.name}: {line.sentence}" for line in bad)
        raise IntegrityError(f"the report does not verify, nothing was logged: {text}")
    if silent := [line for line in verification.lines if line.asked and line.state is not State.OK]:
        text = "; ".join(f"{line.name}: {line.sentence}" for line in silent)
        raise PublishingError(f"what was asked could not be verified, nothing was logged: {text}")
    return verification


def _bind(server: Server, model: RegisteredVersion, verification: Verification, place: Path) -> Binding:
    place.mkdir()
    return bind(_get_record(verification), digest_files(server.download(model, place)))


def _get_record(verification: Verification) -> AuditRecord:
    if verification.record is None:
        raise IntegrityError("the report does not verify")
    return verification.record


def _find_run(server: Server, description: Description, experiment: str, run_id: str | None) -> str:
    """Return the run to log to: a run holds one audit, and an audit that was published before keeps its run."""
    record = description.tags[RECORD]
    if run_id is not None:
        tags, _ = server.read_run(run_id)
        if tags.get(RECORD, record) != record:
            raise UsageError(
                f"the run {run_id} at {server.shown} holds another audit, of record {tags[RECORD][:12]}",
                hint="leave --run-id out: every audit gets a run of its own",
            )
        return run_id
    home = server.find_experiment(experiment)
    return server.find_run(home, RECORD, record) or server.create_run(
        home, description.name, {OUTCOME: PUBLISHING, RECORD: record}
    )


def _choose_files(folder: Path, *, with_evidence: bool) -> list[tuple[Path, str]]:
    """Return the files to log, each with its folder among the artifacts."""
    names = [name for name in list_files(folder) if with_evidence or not name.startswith(_KEPT_BACK)]
    return [(folder / name, "/".join((FOLDER, *name.split("/")[:-1]))) for name in names]


def _log_run(server: Server, run: str, description: Description, files: list[tuple[Path, str]]) -> None:
    """Log everything but the outcome, which comes last: what was interrupted says 'publishing'."""
    server.tag_run(run, {OUTCOME: PUBLISHING, **description.tags, **description.checks})
    _, logged = server.read_run(run)
    new = {name: value for name, value in description.metrics.items() if logged.get(name) != value}
    server.log(run, description.params, new, description.created)
    server.upload(run, files)


def _tag_version(server: Server, run: str, description: Description, target: _Target) -> None:
    """Tag the version; where it is not bound the verdict is about another model, and nothing on it may read as its."""
    bound, sentence = target.binding.holds, target.binding.sentence
    about = {f"{PREFIX}bound": "yes" if bound else "not bound", f"{PREFIX}bound_by": sentence}
    server.tag_run(run, {f"{PREFIX}model_version": str(target.model), **about})
    tags = {OUTCOME: PUBLISHING, **description.version_tags, **about, f"{PREFIX}run_id": run}
    if not bound:
        tags[f"{PREFIX}reason"] = f"not bound: {sentence}"
    server.tag_version(target.model, tags)
    server.tag_version(target.model, {OUTCOME: description.outcome if bound else "not bound"})


def _promote(server: Server, done: Publication, target: _Target, alias: str) -> Publication:
    objection = find_objection(done.verification, target.binding)
    if objection is None:
        server.move_alias(target.model, alias)
    return replace(done, alias_at=server.find_alias(target.model.name, alias), objection=objection)
