"""The bundle: a folder of files that names all of itself. What is signed, byte for byte.

Read `layout` (names of files), `envelope` (DSSE in exactly one form), `attestation` (the statement over every file),
`countersignatures` and `seals`. `docs/report_format.md` specifies the same bytes apart from the code.
"""
