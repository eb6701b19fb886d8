"""Verification, offline: is it whole, who signed it, is that someone the verifier trusts, and does it follow?

Read `verification` (the questions in their order), `answers` (one line each, and the exit code), `integrity` (every
byte of the folder), `pdf_signatures` and `pdf_revisions`, `signers`, `seals`. `rerendering` compares pages with the
record, `recomputation` numbers with the evidence.
"""
