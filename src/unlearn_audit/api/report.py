"""Writing the signed report of an audit from Python."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from unlearn_audit.pipeline.result import Audit


def write_report(
    audit: Audit,
    folder: str | Path,
    *,
    key: str | Path | None = None,
    chain: str | Path | None = None,
    passphrase: str | None = None,
    formats: Sequence[str] = (),
    force: bool = False,
) -> Path:
    """Write the signed report of `audit`, as `unlearn-audit run` does, and return its folder; `verify` takes it.

    Args:
        audit: what `audit` returned.
        folder: must not hold anything, or an earlier report with `force`.
        key: signing key (PKCS#8 PEM or PKCS#12); without one a labelled TEST key signs, which every page says.
        chain: certificates of the key (PEM), signer first.
        passphrase: of the key.
        formats: such as 'html', 'pdf' and 'json'; all of these that this installation can write where none is named.
        force: replace an earlier report.

    Raises:
        ReportError, KeyFileError, UnknownNameError: nothing is left behind then.
    """
    from unlearn_audit.formats import choose_formats
    from unlearn_audit.pipeline.audit import name_signer
    from unlearn_audit.pki.keys import describe_signer, load_signing_key
    from unlearn_audit.pki.laboratory_ca import make_test_key
    from unlearn_audit.signing.bundle import validate_output_folder
    from unlearn_audit.signing.report import ReportRequest, write_signed_report

    validate_output_folder(Path(folder), force=force)
    chosen, left_out = choose_formats(formats)
    for reason in left_out:
        warnings.warn(reason, stacklevel=2)
    chain_path = Path(chain) if chain is not None else None
    signer = load_signing_key(Path(key), chain_path, passphrase) if key is not None else make_test_key()
    request = ReportRequest(signer, chosen, force=force)
    return write_signed_report(name_signer(audit, describe_signer(signer.certificate)), Path(folder), request)
