"""Reference models: the original's recipe on random halves of the audit set, so each record has models IN and OUT.

Read `ensemble` (what a case holds), `trainer` (what is made and kept), `jobs` (one model), `workers` (where jobs run)
and `pool` (the records as every worker reads them). A new place for jobs is added in `workers`.
"""

from unlearn_audit.reference_models.workers import Backend, Workers, open_workers

__all__ = ["Backend", "Workers", "open_workers"]
