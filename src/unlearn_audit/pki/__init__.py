"""Keys, certificates and time stamps: who may sign, and when a signature existed.

Read `keys` (ECDSA P-256 only), `pkcs11` (keys on a token), `certificates` (chains and revocation lists),
`laboratory_ca` and `issuing` (a laboratory's own authority), `time_stamps` (RFC 3161 tokens, read strictly),
`time_stamp_client` (asking for one). `der` holds ASN.1 to its one byte string. Nothing here knows a report.
"""

PASSPHRASE_VARIABLE = "UNLEARN_AUDIT_KEY_PASSPHRASE"  # noqa: S105 - the variable's name, not a passphrase
