"""Verdict: each check of the policy against its finding. Only bounds decide.

Read `decision` (one check, then the whole), `reasons` and `group_reasons` (why, in sentences), `recommendation` (what
to do), and `comparison` (this release against an earlier record). A new kind of limit is added in `decision` and
`reasons`.
"""
