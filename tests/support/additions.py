"""One throw-away addition of each kind: the files that a contributor writes or touches, and what must then work.

An edit is a pattern and what is put before its match; a new file is its text. All are made in a copy of the source.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_HOME = "src/unlearn_audit"
_LAST_ROW_ENDS = r"^\}\n\Z"
_TABLE_ENDS = r"^    \},\n(?=    typed=False,\n)?(?:    typed=False,\n)?\)"


@dataclass(frozen=True)
class Addition:
    """What is added.

    Attributes:
        files: text of new files, by path.
        edits: what is put in front of the first match of a pattern, by path.
        works: Python that raises unless the addition does what it is there for.
    """

    files: Mapping[str, str]
    works: str
    edits: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    @property
    def touched(self) -> frozenset[str]:
        return frozenset((*self.files, *self.edits))

    def make(self, root: Path) -> None:
        """Make the addition in the checkout at `root`."""
        for path, text in self.files.items():
            assert not (root / path).exists(), path
            (root / path).write_text(text)
        for path, edits in self.edits.items():
            content = (root / path).read_text()
            for pattern, put in edits:
                found = re.search(pattern, content, re.MULTILINE)
                assert found, (path, pattern)
                content = content[: found.start()] + put + content[found.start() :]
            (root / path).write_text(content)


def _row(module: str, name: str, row: str) -> tuple[tuple[str, str], ...]:
    """An import and a row in a table of plug-ins."""
    return ((r"^from unlearn_audit", f"from unlearn_audit.{module} import {name}\n"), (_TABLE_ENDS, row))


METHOD = Addition(
    {
        f"{_HOME}/methods/throwaway.py": '''"""Leaves the model as it is."""

from copy import deepcopy

from unlearn_audit.training import Method, Parameters

THROWAWAY = Method(
    name="throwaway",
    title="Nothing",
    source="a test",
    parameters=Parameters,
    function=lambda original, retain, forget, parameters, setting: deepcopy(original),
    needs=(),
    cost="none",
)
'''
    },
    """
from unlearn_audit.methods import METHODS
from unlearn_audit.pipeline.audit import name_known
assert METHODS["throwaway"].title == "Nothing"
assert "throwaway" in name_known().methods
""",
    {f"{_HOME}/methods/__init__.py": _row("methods.throwaway", "THROWAWAY", '        "throwaway": THROWAWAY,\n')},
)

FORMAT = Addition(
    {
        f"{_HOME}/formats/throwaway.py": '''"""The outcome in a word."""

from unlearn_audit.formats.sources import Sources
from unlearn_audit.records import AuditRecord


def render_word(record: AuditRecord, _: Sources) -> str:
    """Return the outcome."""
    return record.outcome.value
'''
    },
    """
from unlearn_audit.formats import FORMATS
from unlearn_audit.formats.sources import Sources
assert FORMATS["throwaway"].render(record, Sources()) == record.outcome.value
""",
    {
        f"{_HOME}/formats/__init__.py": _row(
            "formats.throwaway",
            "render_word",
            '        "throwaway": Format("The outcome", "outcome.txt", render_word),\n',
        )
    },
)

POLICY_RULE = Addition(
    {},
    """
from unlearn_audit.policy import InvalidPolicyError
try:
    parse_policy(POLICY.replace("owner: Tests", "owner: Nobody"), "p.yaml", name_known())
except InvalidPolicyError as error:
    assert "somebody who answers" in error.message
else:
    raise AssertionError("the rule did not refuse")
""",
    {
        f"{_HOME}/policy/rules.py": (
            (
                r"^_RULES: ",
                """def _owner(data: Data) -> Iterator[FieldError]:
    if data.get("owner") == "Nobody":
        yield FieldError(("owner",), "Nobody", "somebody who answers for it", None)


""",
            ),
            (r"^    _searches,\n\)", "    _owner,\n"),
        )
    },
)

DATA_SET = Addition(
    {
        f"{_HOME}/data/throwaway.py": '''"""Two records of noise."""

import numpy as np

from unlearn_audit.data.dataset import Dataset


def load_noise(path, *, download, progress):
    """Return the built-in data under another name."""
    from dataclasses import replace

    from unlearn_audit.data.cytology import load_breast_cytology

    return replace(load_breast_cytology(None, download=False, progress=progress), name="throwaway")
'''
    },
    """
from unlearn_audit.data import load_dataset
assert load_dataset("throwaway").name == "throwaway"
assert "throwaway" in name_known().datasets
""",
    {
        f"{_HOME}/data/table.py": _row(
            "data.throwaway", "load_noise", '        "throwaway": Source("Noise", load_noise),\n'
        )
    },
)

ATTACK = Addition(
    {
        f"{_HOME}/stats/throwaway.py": '''"""The confidence, doubled."""


def score_twice(log_probs, labels):
    """Return twice the log-probability of the true class: (n,)."""
    return 2 * log_probs[range(len(labels)), labels]
'''
    },
    """
policy = parse_policy(POLICY.replace("[confidence, ", "[throwaway, confidence, "), "p.yaml", name_known())
auc = {f.key.attack: f.estimate.value for f in judge(policy, evidence).findings
       if f.key.metric == "membership-auc" and f.key.model == "unlearned" and str(f.key.among) == "all"}
assert auc["throwaway"] == auc["confidence"]
""",
    {
        f"{_HOME}/findings/attacks/table.py": _row(
            "stats.throwaway", "score_twice", '        "throwaway": Signal(score_twice, "Twice", "a test"),\n'
        )
    },
)

_METRIC_FILE = '''"""Accuracy on test: the share of records that are called right."""

from unlearn_audit.findings.metric import Metric
from unlearn_audit.findings.traits import TRAITS
from unlearn_audit.records import Direction
from unlearn_audit.stats import estimate_rate


def measure_accuracy(context, key):
    """Measure the share of test records that are called what they are."""
    right = context.predict_positive(key.model, key.at) == context.actual
    return estimate_rate(right, **context.sampling(key))


{name} = Metric(
    traits=TRAITS["{slug}"],
    direction=Direction.HIGHER,
    source="a test",
    measure=measure_accuracy,
)
'''


def _metric(slug: str, title: str) -> tuple[dict[str, str], dict[str, tuple[tuple[str, str], ...]]]:
    """The file of a metric, and its rows in the tables of metrics and of traits."""
    name = slug.upper()
    traits = f'    "{slug}": MetricTraits(title="{title}", kind="clinical", at=True, low=0.0, high=1.0),\n'
    return {f"{_HOME}/findings/metrics/{slug}.py": _METRIC_FILE.format(name=name, slug=slug)}, {
        f"{_HOME}/findings/metrics/__init__.py": _row(f"findings.metrics.{slug}", name, f'        "{slug}": {name},\n'),
        f"{_HOME}/findings/traits.py": ((_LAST_ROW_ENDS, traits),),
    }


_FILE, _ROWS = _metric("throwaway", "Throw-away accuracy")
METRIC = Addition(
    _FILE,
    """
from unlearn_audit.formats.html import render_html
assert any(f.key.metric == "throwaway" and f.estimate.bounds for f in record.findings)
assert "Throw-away accuracy" in render_html(record)
""",
    _ROWS,
)

_DECIDING_FILE, _DECIDING_ROWS = _metric("deciding", "Deciding accuracy")
DECIDING_METRIC = Addition(
    _DECIDING_FILE,
    """
from unlearn_audit.policy import find_policy, load_policy
from unlearn_audit.selftest import run_selftest
checks = {check.metric for check in load_policy(find_policy("breast-cytology"), name_known()).checks}
assert "deciding" in checks
result = run_selftest(20, 1, names=("deciding-on-floor",))
assert result.scenarios[0].kind == "boundary"
""",
    {
        **_DECIDING_ROWS,
        "policies/breast-cytology.yaml": (
            (r"^  - id: .*\n", "  - {id: deciding, metric: deciding, at_least: 0.5, why: A test}\n"),
        ),
        f"{_HOME}/selftest/closed_form_truth.py": (
            (
                _LAST_ROW_ENDS,
                """    "deciding": lambda simulation, _check, _costs: (
        1 - PREVALENCE * _fnr(simulation.unlearned) - (1 - PREVALENCE) * _fpr(simulation.unlearned)
    ),
""",
            ),
        ),
        f"{_HOME}/selftest/scenarios.py": (
            (r"^membership: \{attacks: \[logit", "  - {id: deciding, metric: deciding, at_least: 0.7, why: floor}\n"),
            (
                r'^    "no-op": Scenario',
                """    "deciding-on-floor": Scenario(
        "accuracy exactly on its floor", Simulation(_BLURRED, _BLURRED, _BLURRED), "deciding"
    ),
""",
            ),
        ),
    },
)

SECTION = Addition(
    {
        f"{_HOME}/presentation/sections/throwaway.py": '''"""How many findings there are."""

from unlearn_audit.presentation.sections.index import Index


def present_count(index: Index) -> str:
    """Return the number of findings in words."""
    return f"The record holds {len(index.record.findings)} findings."
''',
        "templates/sections/throwaway.html.j2": "<p>{{ view.throwaway }}</p>\n",
    },
    """
from unlearn_audit.formats.html import render_html
page = render_html(record)
assert f"The record holds {len(record.findings)} findings." in page
assert 'id="section-throwaway"' in page
""",
    {
        f"{_HOME}/presentation/sections/contents.py": (
            (r'^    Section\("crosswalk"', '    Section("throwaway", "Throw-away"),\n'),
        ),
        f"{_HOME}/presentation/page.py": (
            (r"^from unlearn_audit", "from unlearn_audit.presentation.sections.throwaway import present_count\n"),
            (r"^    exploration: Exploration", "    throwaway: str\n"),
            (r"^        exploration=", "        throwaway=present_count(index),\n"),
        ),
    },
)

KIND_OF_LIMIT = Addition(
    {},
    """
text = POLICY.replace("metric: global-risk, at_most: 0.5", "metric: positive-share, around: [0.4, 0.3]")
assert text != POLICY
policy = parse_policy(text, "p.yaml", name_known())
check = judge(policy, evidence).verdict.checks[0]
assert (round(check.limit.at_least, 9), round(check.limit.at_most, 9)) == (0.1, 0.7)
assert check.outcome.value == "pass"
from unlearn_audit.formats.html import render_html
assert "around 0.4 to 0.3" in render_html(judge(policy, evidence))
""",
    {
        f"{_HOME}/records/verdicts.py": ((r'(?<="within")\)', ', "around"'),),
        f"{_HOME}/findings/traits.py": ((r'(?<=^_WITHIN = frozenset\(\{"within")\}', ', "around"'),),
        f"{_HOME}/policy/model.py": (
            (
                r"^    required: bool = Field\(default=True, description=\"whether the verdict",
                '    around: tuple[float, float] | None = Field(default=None, description="[middle, half]")\n',
            ),
            (
                r"^        return self.within or \(",
                """        if self.around is not None:
            return self.around[0] - self.around[1], self.around[0] + self.around[1]
""",
            ),
        ),
    },
)

ADDITIONS: Mapping[str, Addition] = {
    "method": METHOD,
    "format": FORMAT,
    "policy rule": POLICY_RULE,
    "data set": DATA_SET,
    "attack": ATTACK,
    "metric, shown in the report": METRIC,
    "metric that decides in a shipped policy": DECIDING_METRIC,
    "section of the report": SECTION,
    "kind of limit": KIND_OF_LIMIT,
}
"""By the name that CONTRIBUTING.md gives each."""
