"""The one module that speaks with MLflow. Every refusal becomes one sentence, without secrets."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from unlearn_audit.errors import AuditError, PublishingError, UsageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "DATABRICKS_TOKEN")
_ALWAYS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # no network but the one that was asked for
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it would print the password in it
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_UNLESS_SET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
_NO_ACCESS = {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}
_UNKNOWN = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
_MASK = "***"
_SILENCE = re.compile(
    r"Max retries exceeded(?!.*too many [0-9]+ error)"  # which is an answer, however often
    r"|Failed to (?:establish|resolve)|Connection (?:refused|reset|aborted)"
)


def mask_secrets(text: str) -> str:
    """Return `text` without passwords: those of addresses in it, and those that stand in MLflow's variables."""
    for name in _SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, _MASK)
    return re.sub(r"(?<=://)[^/\s@'\"]*(?:@[^/\s@'\"]*)*@", f"{_MASK}@", text)


def mask_uri(uri: str) -> str:
    """Return an address as it may be printed: without name, password, query and fragment."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"{_MASK}@{host[2]}" if host[1] else parts.netloc, parts.path, "", ""))


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model: NAME/VERSION."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"

    @classmethod
    def parse(cls, text: str) -> "RegisteredVersion":
        """Read NAME/VERSION or models:/NAME/VERSION.

        Raises:
            UsageError: it is neither; an alias or a stage can move, so that only a number is taken.
        """
        name, slash, version = text.removeprefix("models:/").rpartition("/")
        if not slash or not name or not re.fullmatch(r"[0-9]{1,18}", version):
            raise UsageError(
                f"expected a model version as NAME/VERSION, found {text!r}", hint="such as skin-classifier/3"
            )
        return cls(name, version)


class Server:
    """An MLflow tracking server with its registry."""

    def __init__(self, uri: str | None) -> None:
        """Connect on first use.

        Raises:
            UsageError: no address is known: nothing is ever written to a folder by accident.
            PublishingError: MLflow is not installed, or the address cannot be used.
        """
        given = uri or os.environ.get(URI_VARIABLE)
        if not given:
            raise UsageError("no MLflow server was named", hint=f"give --tracking-uri, or set {URI_VARIABLE}")
        self._uri = given
        self.shown = mask_uri(given)
        with self._speaking("be used"):
            self._client: MlflowClient = _import_mlflow().MlflowClient(tracking_uri=given)

    def find_experiment(self, name: str) -> str:
        """Return the id of the experiment called `name`, made where there is none.

        Raises:
            UsageError: it was deleted.
            PublishingError: the server cannot be used.
        """
        with self._speaking(f"find or make the experiment '{name}'"):
            found = self._client.get_experiment_by_name(name)
            if found is None:
                return str(self._client.create_experiment(name))
            if not found.experiment_id:
                raise PublishingError(f"the server at {self.shown} does not answer as MLflow does")
            if found.lifecycle_stage == "deleted":
                raise UsageError(f"the experiment '{name}' at {self.shown} was deleted", hint="restore or rename it")
            return str(found.experiment_id)

    def find_run(self, experiment_id: str, tag: str, value: str) -> str | None:
        """Return the id of the oldest run of the experiment whose `tag` is `value`, None where there is none.

        Raises:
            PublishingError: the server cannot be used.
        """
        with self._speaking("search its runs"):
            found = self._client.search_runs(
                [experiment_id], f"tags.`{tag}` = '{value}'", order_by=["attributes.start_time ASC"], max_results=1
            )
            return str(found[0].info.run_id) if found else None

    def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> str:
        """Return the id of a new run."""
        with self._speaking("make a run"):
            return str(self._client.create_run(experiment_id, tags=dict(tags), run_name=name).info.run_id)

    def read_run(self, run_id: str) -> tuple[dict[str, str], dict[str, float]]:
        """Return tags and latest metrics of a run.

        Raises:
            UsageError: there is no such run.
            PublishingError: the server cannot be used.
        """
        with self._speaking("read the run", f"run {run_id}"):
            run = self._client.get_run(run_id)
            return dict(run.data.tags), dict(run.data.metrics)

    def log(self, run_id: str, params: Mapping[str, str], metrics: Mapping[str, float], moment: int) -> None:
        """Log parameters, and metrics as of `moment` (ms since 1970), to a run."""
        from mlflow.entities import Metric, Param

        with self._speaking("take the numbers"):
            numbers = [Metric(name, value, moment, 0) for name, value in metrics.items()]
            words = [Param(name, text) for name, text in params.items()]
            for part in _cut(max(len(numbers), len(words))):
                self._client.log_batch(run_id, metrics=numbers[part], params=words[part])

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run, all of them at once as far as MLflow takes them."""
        from mlflow.entities import RunTag

        with self._speaking("tag the run", f"run {run_id}"):
            labels = [RunTag(name, _shorten(text)) for name, text in tags.items()]
            for part in _cut(len(labels)):
                self._client.log_batch(run_id, tags=labels[part])

    def upload(self, run_id: str, files: Sequence[tuple[Path, str]]) -> None:
        """Copy files to a run, each below the folder of artifacts that stands beside it."""
        with self._speaking("take the files"):
            for path, folder in files:
                self._client.log_artifact(run_id, str(path), folder)

    def end_run(self, run_id: str, status: str) -> None:
        """Set a run's status: FINISHED or FAILED."""
        with self._speaking("end the run"):
            self._client.set_terminated(run_id, status)

    def end_quietly(self, run_id: str) -> None:
        """Mark a run as FAILED if the server still can; why it failed is being told already."""
        with suppress(AuditError):
            self.end_run(run_id, "FAILED")

    def download(self, model: RegisteredVersion, folder: Path) -> Path:
        """Copy all files of a model version into `folder`; nothing of them is loaded.

        Raises:
            UsageError: there is no such version.
            PublishingError: the server cannot be used.
        """
        with self._speaking(f"find {model}", f"version {model.version} of a model '{model.name}'"):
            uri = self._client.get_model_version_download_uri(model.name, model.version)
        with self._speaking(f"send the files of {model}"):
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            return Path(get_artifact_repository(uri, tracking_uri=self._uri).download_artifacts("", str(folder)))

    def tag_version(self, model: RegisteredVersion, tags: Mapping[str, str]) -> None:
        """Set tags of a model version, in their order."""
        with self._speaking(f"tag {model}", f"model version {model}"):
            for name, text in tags.items():
                self._client.set_model_version_tag(model.name, model.version, name, _shorten(text))

    def find_alias(self, name: str, alias: str) -> str | None:
        """Return the version that `alias` of the registered model `name` points to, None where it does not exist."""
        with self._speaking("read the aliases", f"model '{name}'"):
            version = self._client.get_registered_model(name).aliases.get(alias)
            return None if version is None else str(version)

    def move_alias(self, model: RegisteredVersion, alias: str) -> None:
        """Let `alias` point to a model version."""
        with self._speaking(f"move the alias '{alias}'", f"model version {model}"):
            self._client.set_registered_model_alias(model.name, alias, model.version)

    @contextmanager
    def _speaking(self, what: str, thing: str | None = None) -> Iterator[None]:
        """Turn what MLflow raises into our errors: `what` the server could not do, `thing` it may not know."""
        try:
            with _quiet():
                yield
        except AuditError:
            raise
        except Exception as error:  # noqa: BLE001 - MLflow raises its own, those of requests, of boto3, of SQLAlchemy, ...
            raise self._explain(error, what, thing) from None  # a traceback could show the address with its password

    def _explain(self, error: Exception, what: str, thing: str | None) -> AuditError:
        code = _find_code(error)
        if code in _UNKNOWN and thing is not None:
            return UsageError(f"the MLflow server at {self.shown} knows no {thing}")
        if code in _NO_ACCESS:
            return PublishingError(
                f"the MLflow server at {self.shown} does not allow to {what}",
                hint="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        text = mask_secrets(" ".join(str(error).split()))
        if _SILENCE.search(text):
            return PublishingError(f"no MLflow server answers at {self.shown}", hint="is it running, and reachable?")
        return PublishingError(f"the MLflow server at {self.shown} could not {what}: {_shorten(text, 300)}")


def _find_code(error: Exception) -> str:
    """Return MLflow's name of what went wrong; requests only has the HTTP status."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    by_status = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
    return by_status.get(status or 0) or str(getattr(error, "error_code", ""))


def _cut(count: int) -> Iterator[slice]:
    """Yield slices of as much as MLflow takes at once."""
    for start in range(0, count, 100):
        yield slice(start, start + 100)


def _shorten(text: str, most: int = 5_000) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _import_mlflow() -> ModuleType:
    try:
        import mlflow
    except ImportError as error:
        raise PublishingError(
            "publishing to MLflow needs its client", hint="pip install 'unlearn-audit[mlflow]'"
        ) from error
    module: ModuleType = mlflow
    return module


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from printing, phoning home and retrying for minutes; the process's variables come back after it."""
    wanted = _ALWAYS | {name: value for name, value in _UNLESS_SET.items() if name not in os.environ}
    before: dict[str, Any] = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        with _silent_logs():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _silent_logs() -> Iterator[None]:
    """Keep warnings of urllib3 and MLflow off the terminal: each retry would print the address."""
    import logging

    loggers = [logging.getLogger(name) for name in ("urllib3", "mlflow")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        sys.stdout.flush()
