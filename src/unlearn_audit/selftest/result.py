"""The result of a self-test: one letter per repeat, and the rates of wrong decisions with their intervals."""

import json
from dataclasses import dataclass
from typing import Any, Self

from unlearn_audit.errors import ExitCode
from unlearn_audit.records import SelfTestSummary, WrongDecisions, to_canonical_json
from unlearn_audit.selftest.scenarios import Kind
from unlearn_audit.stats import compute_clopper_pearson

SELFTEST_SCHEMA = "unlearn-audit/selftest/v1"
INTERVAL = 0.95
"""Confidence of the interval of each rate, two-sided and by itself."""


@dataclass(frozen=True)
class Rate:
    """How often a decision was wrong: `events` of `n`, with its Clopper-Pearson interval."""

    events: int
    n: int

    @property
    def value(self) -> float:
        """The share."""
        return self.events / self.n

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high end of the interval."""
        return compute_clopper_pearson(self.events, self.n, (1 - INTERVAL) / 2)

    def to_json(self) -> dict[str, Any]:
        """Return the rate with its interval, for readers of the file."""
        low, high = self.ends
        return {"events": self.events, "n": self.n, "rate": self.value, "low": low, "high": high}

    def __str__(self) -> str:
        """As printed in tables."""
        low, high = self.ends
        return f"{self.value:.4f} [{low:.4f}, {high:.4f}]"


@dataclass(frozen=True)
class Trials:
    """All repeats of one scenario. `outcomes` has a letter for each, in order: p(ass), f(ail), i(nconclusive)."""

    name: str
    title: str
    truth: str
    kind: Kind
    outcomes: str

    def count(self, letter: str) -> int:
        """Return how many repeats ended in `letter`."""
        return self.outcomes.count(letter)

    @property
    def false_pass(self) -> Rate | None:
        """How often it passed although it must not; None for sound models and for what answers cannot tell."""
        return None if self.kind in ("sound", "undetectable") else Rate(self.count("p"), len(self.outcomes))

    @property
    def false_fail(self) -> Rate | None:
        """How often it failed although no true value lies beyond its tolerance; None for planted failures."""
        return Rate(self.count("f"), len(self.outcomes)) if self.kind in ("boundary", "sound") else None

    def to_json(self) -> dict[str, Any]:
        """Return what the published file holds on this scenario."""
        rates = {"false_pass": self.false_pass, "false_fail": self.false_fail}
        return {
            "name": self.name,
            "planted": self.title,
            "truth": self.truth,
            "kind": self.kind,
            **{word: self.count(word[0]) for word in ("passed", "failed", "inconclusive")},
            **{name: rate.to_json() if rate else None for name, rate in rates.items()},
            "outcomes": self.outcomes,
        }


@dataclass(frozen=True)
class Tampering:
    """Signed reports with one bit changed. `outcomes`: a letter for each, r(efused), a(ccepted) or b(roke it)."""

    outcomes: str

    @property
    def accepted(self) -> Rate:
        """How often a changed report was verified all the same. Must be never."""
        return Rate(self.outcomes.count("a"), len(self.outcomes))


@dataclass(frozen=True)
class SelfTest:
    """The whole of it; the same version, seed and repeats give the same letters."""

    version: str
    seed: int
    repeats: int
    confidence: float
    scenarios: tuple[Trials, ...]
    tampering: Tampering

    def list_excesses(self) -> list[str]:
        """Return, as sentences, which rates are shown to be above what the gate promises.

        A rate is shown to be above 1 - confidence when the lower end of its interval is. Of changed reports one is
        too many that is accepted, or that verification breaks down over instead of refusing it.
        """
        allowed = 1 - self.confidence
        lines = [
            f"{trials.name}: {word} {rate}, more than the {allowed:.2g} that is promised"
            for trials in self.scenarios
            for word, rate in (("false pass", trials.false_pass), ("false fail", trials.false_fail))
            if rate is not None and rate.ends[0] > allowed + 1e-12
        ]
        accepted = self.tampering.accepted
        if accepted.events:
            lines.append(f"tampered-report: {accepted.events} of {accepted.n} changed reports were accepted")
        if broken := self.tampering.outcomes.count("b"):
            lines.append(f"tampered-report: verification broke down over {broken} of {accepted.n} changed reports")
        return lines

    @property
    def exit_code(self) -> ExitCode:
        """0 unless something is shown to decide wrongly more often than promised, then 1."""
        return ExitCode.FAIL if self.list_excesses() else ExitCode.PASS

    @property
    def fewest_noticed(self) -> int:
        """Wrong decisions of one kind in one scenario that are enough to be noticed with so many repeats."""
        counts = (k for k in range(self.repeats + 1) if Rate(k, self.repeats).ends[0] > 1 - self.confidence)
        return next(counts, self.repeats + 1)

    def summarise(self) -> SelfTestSummary:
        """Return the short form that every record carries."""

        def count(kind: Kind, letter: str) -> WrongDecisions:
            chosen = [trials for trials in self.scenarios if trials.kind == kind]
            n = sum(len(trials.outcomes) for trials in chosen)
            return WrongDecisions(wrong=sum(trials.count(letter) for trials in chosen), n=n)

        accepted = self.tampering.accepted
        return SelfTestSummary(
            version=self.version,
            confidence=self.confidence,
            on_tolerance=count("boundary", "p"),
            failures=count("failure", "p"),
            sound=count("sound", "f"),
            dishonest=count("dishonest", "p"),
            changed_reports=WrongDecisions(wrong=accepted.events, n=accepted.n),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what the published file holds."""
        return {
            "schema": SELFTEST_SCHEMA,
            "version": self.version,
            "seed": self.seed,
            "repeats": self.repeats,
            "confidence": self.confidence,
            "interval": INTERVAL,
            "exit_code": int(self.exit_code),
            "scenarios": [trials.to_json() for trials in self.scenarios],
            "tampered_reports": {
                "accepted": self.tampering.accepted.to_json(),
                "outcomes": self.tampering.outcomes,
            },
        }

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return to_canonical_json(self.to_json())

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a published result back; counts and rates are computed anew from its letters."""
        document = json.loads(content)
        scenarios = tuple(
            Trials(row["name"], row["planted"], row["truth"], row["kind"], row["outcomes"])
            for row in document["scenarios"]
        )
        tampering = Tampering(document["tampered_reports"]["outcomes"])
        return cls(
            document["version"], document["seed"], document["repeats"], document["confidence"], scenarios, tampering
        )
