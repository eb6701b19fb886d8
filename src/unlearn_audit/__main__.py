"""`python -m unlearn_audit` is the same as the command `unlearn-audit`."""

from unlearn_audit.cli import main

main()
