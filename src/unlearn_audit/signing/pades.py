"""PAdES: invisible signatures, appended to the PDF so that what was rendered stays byte for byte.

Levels B-B, B-T, B-LT and B-LTA (ETSI EN 319 142-1). From B-LT on, revocation lists that were not given, or answers of
OCSP responders, are asked for where the certificates say. What proves a B-LT signature stands in the revision that the
signature itself covers, and the archive time stamp of B-LTA covers the rest: no byte of the file is ever uncovered.
"""

import asyncio
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from unlearn_audit.errors import AuditError, KeyFileError, TimeStampError
from unlearn_audit.pki.answers import make_fetchers
from unlearn_audit.pki.certificates import convert, keep_quiet
from unlearn_audit.pki.keys import SigningKey
from unlearn_audit.pki.time_stamp_client import PATIENCE, Signing, TimeStampAuthority
from unlearn_audit.records import SignatureLevel

FIELD = "AuditSignature"
_LARGEST_LIST = 16 << 20
"""Bytes of a revocation list or an OCSP answer that is fetched."""
_VERSION, _NAME_OF_VERSION = (1, 7), "/1.7"
MADE = "Record made by the named software from the evidence with the stated digest"


@dataclass(frozen=True)
class Purpose:
    """What one signature in a PDF is for: its field, its meaning in words, and whether others may sign after it."""

    field: str = FIELD
    title: str = "Digital signature of the audit report"
    meaning: str = MADE
    certifies: bool = True
    others_follow: bool = False


def sign_pdf(
    pdf: bytes, key: SigningKey, signing: Signing | None = None, purpose: Purpose | None = None
) -> bytes:  # fmt: skip
    """Return `pdf` with an invisible signature; `signed.startswith(pdf)` holds.

    A certifying signature permits no changes, or further signatures only where others follow. The field is invisible:
    a stamp on the page breaks PDF/UA. At level B-B no network is used; the signing time is then the signer's claim.

    Raises:
        TimeStampError: the authority cannot be used; nothing is signed then.
        KeyFileError: from B-LT on, where a certificate was revoked, or neither a current revocation list nor the answer
            of an OCSP responder can be had.
    """
    how, why = signing or Signing(), purpose or Purpose()
    try:
        with keep_quiet():
            return asyncio.run(_sign_and_archive(pdf, key, how, why))
    except AuditError:
        raise
    except Exception as error:
        raise _explain(error, how) from error


def _explain(error: Exception, how: Signing) -> AuditError:
    parts = (" ".join(str(part).split()).rstrip(".: ") for part in (error, error.__cause__) if part)
    text = ": ".join(part for part in parts if part) or type(error).__name__
    if how.level.carries_proof:
        if "revoked at" in text:
            hint = "sign with a key, or name an authority, whose certificate is good"
            return KeyFileError(f"the PDF cannot be signed at level {how.level}: {text}", hint=hint)
        if type(error) is ValueError:  # of a parser, pyHanko's own are below it: anyone can answer anything
            text = f"what a revocation list or an OCSP responder says cannot be read ({text})"
        return KeyFileError(
            f"the PDF cannot be signed at level {how.level}: {text}",
            hint="give current revocation lists of the signer's and the time-stamp authority's issuer as "
            "'revocations' of the signing file (see 'keys crl'), and the authority's root as 'timestamps.trust'",
        )
    return KeyFileError(f"the PDF cannot be signed: {text}")


async def _sign_and_archive(pdf: bytes, key: SigningKey, how: Signing, why: Purpose) -> bytes:
    context, session = None, None
    if how.level.carries_proof:
        fetchers, session = make_fetchers(_LARGEST_LIST, PATIENCE)
        context = _make_context(key, how, fetchers)
    try:
        signed = await _sign(pdf, key, (how, why), context)
        return await _archive(signed, (how, why), context) if how.level is SignatureLevel.LTA else signed
    finally:
        if context is not None:
            await context.aclose()
        if session is not None:
            await session.close()  # the connections over which revocation lists were fetched


async def _sign(pdf: bytes, key: SigningKey, what: tuple[Signing, Purpose], context: Any) -> bytes:
    from pyhanko.sign import fields, signers
    from pyhanko.sign.signers.pdf_signer import DSSContentSettings, SigDSSPlacementPreference

    how, why = what
    proof: dict[str, Any] = {}
    if context is not None:
        placement = SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE
        proof = {
            "embed_validation_info": True,
            "validation_context": context,
            "dss_settings": DSSContentSettings(include_vri=False, placement=placement),
        }
    permits = fields.MDPPerm.FILL_FORMS if why.others_follow else fields.MDPPerm.NO_CHANGES
    meta = signers.PdfSignatureMetadata(
        field_name=why.field,
        md_algorithm="sha256",
        reason=why.meaning,
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=why.certifies,
        docmdp_permissions=permits,
        **proof,
    )
    field = fields.SigFieldSpec(why.field, readable_field_name=why.title, invis_sig_settings=_hide())
    stamper = _make_stamper(how.authority) if how.authority else None
    signer = signers.PdfSigner(meta, _make_signer(key), timestamper=stamper, new_field_spec=field)
    out = await signer.async_sign_pdf(_append_to(pdf))
    return bytes(out.getvalue())


async def _archive(signed: bytes, what: tuple[Signing, Purpose], context: Any) -> bytes:
    """Put a time stamp over the whole file, with what proves it."""
    from pyhanko.sign.signers.pdf_signer import PdfTimeStamper, TimestampDSSContentSettings

    how, why = what
    if how.authority is None:
        raise TimeStampError("an archive time stamp needs an authority")
    stamper = PdfTimeStamper(
        _make_stamper(how.authority), field_name=f"{why.field}Time", invis_settings=_hide(),
        readable_field_name=f"Time stamp over the {why.title[:1].lower()}{why.title[1:]}",
    )  # fmt: skip
    out = await stamper.async_timestamp_pdf(
        _append_to(signed),
        "sha256",
        context,
        dss_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
    )
    return bytes(out.getvalue())


def _append_to(pdf: bytes) -> Any:
    """Return what appends to `pdf` and leaves it PDF 1.7, the version that PDF/A-3 and PDF/UA-1 are made of.

    pyHanko would raise it to 2.0 for the curve of the key, which the extension of 1.7 for PAdES (ESIC) allows as well.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer: Any = IncrementalPdfFileWriter(BytesIO(pdf))
    raise_version, register = writer.ensure_output_version, writer.register_extension
    writer.ensure_output_version = lambda version: raise_version(min(version, _VERSION))
    writer.register_extension = lambda one: register(one) if one.base_version == _NAME_OF_VERSION else None
    return writer


def _hide() -> Any:
    from pyhanko.sign.fields import InvisSigSettings

    return InvisSigSettings(set_print_flag=True, set_hidden_flag=False, box_out_of_bounds=True)


def _make_context(key: SigningKey, how: Signing, fetchers: Any) -> Any:
    """What the signer takes as the roots of its own chain and of the authority's, to collect the proof."""
    from pyhanko_certvalidator import ValidationContext

    own = key.chain[-1:] or (key.certificate,)
    roots = (*own, *(how.authority.roots if how.authority else ()))
    return ValidationContext(
        trust_roots=[convert(root) for root in roots],
        other_certs=[convert(item) for item in key.chain],
        crls=list(how.revocations),
        allow_fetching=True,
        fetcher_backend=fetchers,
        revocation_mode="require",
    )


def _make_signer(key: SigningKey) -> Any:
    from pyhanko.sign.signers.pdf_cms import Signer
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class KeySigner(Signer):
        """Signs with whatever holds the key: a file or a token."""

        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            if digest_algorithm != "sha256":
                raise KeyFileError(f"the key signs SHA-256 only, asked for {digest_algorithm}")
            return bytes(71) if dry_run else key.sign(data)

    new_store: Any = SimpleCertificateStore  # untyped in pyHanko
    store = new_store()
    store.register_multiple([convert(certificate) for certificate in key.chain])
    return KeySigner(signing_cert=convert(key.certificate), cert_registry=store)


def _make_stamper(authority: TimeStampAuthority) -> Any:
    from asn1crypto import cms
    from pyhanko.sign.timestamps import TimeStamper

    class OurStamper(TimeStamper):
        """Hands pyHanko tokens that were asked for and checked by ourselves."""

        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
            if md_algorithm != "sha256":
                raise TimeStampError(f"time stamps are over SHA-256 only, asked for {md_algorithm}")
            return cms.ContentInfo.load(await asyncio.to_thread(authority.stamp_digest, message_digest))

        async def async_dummy_response(self, md_algorithm: str) -> Any:
            probe = await asyncio.to_thread(lambda: authority.probe)
            register: Any = self._register_dummy  # untyped in pyHanko
            register(md_algorithm, dummy := cms.ContentInfo.load(probe))
            return dummy

    new_stamper: Any = OurStamper  # untyped in pyHanko
    return new_stamper()
