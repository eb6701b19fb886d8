"""Signing: everything that is written with a key. Read `report`, then `bundle` and `pades`.

Read `bundle` (a whole folder, there as a whole or not at all), `pades` (the PDF), `countersigning` (a further person),
`sealing` (a policy before its run). Each result is checked as a verifier would check it.
"""
