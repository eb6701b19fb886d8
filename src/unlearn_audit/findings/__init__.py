"""Findings: what was measured, with bounds; no pass or fail in here.

Read `key` (what a finding is about), `context` (all that a metric may look at), `metric` (a row of the table), then
`measurement`, which walks the table. `metrics/` holds one file for each family of metrics and `attacks/` the membership
attacks: add one there, and its line in the table of that package. `subgroups` measures the same by group;
`calibration_curves` and `threshold_counts` are what the report draws.
"""
