"""The bundle: a folder of files, each of which its attestation names. What is signed, byte for byte.

Read `layout` (names of files), `envelope` (DSSE in exactly one form), `attestation` (the statement over every file),
`countersignatures`, then `signed_content` with `seals` and `waiver_seals`. `docs/report_format.md` specifies the same
bytes apart from the code.
"""
