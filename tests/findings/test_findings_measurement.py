"""Measuring is done on one thread, so that the same evidence gives the same bits wherever it is judged."""

import numpy as np
import scipy.linalg  # noqa: F401 - loads the linear algebra of scipy, which has threads of its own
from threadpoolctl import threadpool_info, threadpool_limits

from unlearn_audit.findings.context import EvaluationContext
from unlearn_audit.findings.measurement import measure
from unlearn_audit.selftest.scenarios import SCENARIOS
from unlearn_audit.selftest.simulation import draw_evidence


def count_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_while_it_is_measured_and_its_own_again_afterwards():
    scenario = SCENARIOS["sound"]
    evidence = draw_evidence(scenario.simulation, np.random.default_rng(3))
    seen = []
    with threadpool_limits(2, user_api="blas"):
        before = count_threads()
        measure(
            EvaluationContext(evidence, scenario.policy),
            progress=lambda *_: seen.append(count_threads()),
            wants=lambda key: key.metric == "global-risk",
        )
        assert count_threads() == before
    assert all(threads == {1} for threads in seen)
    assert seen
