"""PAdES B-B: an invisible certifying signature, appended to the PDF so that what was rendered stays byte for byte."""

from io import BytesIO
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from unlearn_audit.report.keys import SigningKey

FIELD = "AuditSignature"


def _make_signer(key: SigningKey) -> Any:
    from asn1crypto import keys as asn1_keys
    from asn1crypto import x509 as asn1_x509
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    new_store: Any = SimpleCertificateStore  # untyped in pyHanko
    store = new_store()
    for certificate in key.chain:
        store.register(asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)))
    secret = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(key.certificate.public_bytes(Encoding.DER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(secret),
        cert_registry=store,
    )


def sign_pdf(pdf: bytes, key: SigningKey) -> bytes:
    """Return `pdf` with a certifying signature that permits no changes; `signed.startswith(pdf)` holds.

    Level B-B: no time stamp, so the signing time is the signer's claim, and the signature is worth no more once the
    certificate has expired. No network is used. The field is invisible: a stamp on the page breaks PDF/UA.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    field = fields.SigFieldSpec(
        FIELD,
        readable_field_name="Digital signature of the audit report",
        invis_sig_settings=fields.InvisSigSettings(
            set_print_flag=True, set_hidden_flag=False, box_out_of_bounds=True
        ),
    )  # fmt: skip
    meta = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason="Record made by the named software from the evidence with the stated digest",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
    )
    signer = signers.PdfSigner(meta, _make_signer(key), new_field_spec=field)
    return bytes(signer.sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf))).getvalue())
