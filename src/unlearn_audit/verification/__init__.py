"""Verification, offline: integrity, signatures, trust in the signer, and whether the verdict follows.

Read `verification` (the questions in their order), `answers` (one line each, and the exit code), `integrity` (every
byte of the folder), `pdf_signatures` and `pdf_revisions`, `signers`, `seals`. `rerendering` compares pages with the
record, `recomputation` numbers with the evidence.
"""
