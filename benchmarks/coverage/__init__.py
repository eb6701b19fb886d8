"""How often does each bound that can decide a check lie on the wrong side of the truth? `make coverage-study`."""
