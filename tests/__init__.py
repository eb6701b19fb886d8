"""Tests of `unlearn_audit`, laid out as `src/unlearn_audit` is; what several of them need lies in `tests.support`.

Beside the packages: `docs` runs the commands of every page, `integrations` installs the example plug-ins and reads the
files that others copy, `samples` and `golden` hold published reports to what they say, `real` audits real data where
this machine has them.
"""
