"""Keys that never leave their token, with SoftHSM standing in for a smart card or an HSM."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.proofs import make_small_record, write_small_bundle
from unlearn_audit.errors import ExitCode, KeyFileError
from unlearn_audit.pki.keys import describe_signer
from unlearn_audit.pki.pkcs11 import TokenAddress, load_token_key
from unlearn_audit.verification.verification import verify

PIN = "7391-secret"
LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
             "/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so")  # fmt: skip


@pytest.fixture(scope="module")
def module():
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    found = next((Path(name) for name in LIBRARIES if Path(name).is_file()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("needs SoftHSM: apt-get install softhsm2")
    return found


@pytest.fixture(scope="module")
def token(module, lab, tmp_path_factory):
    """A token with the laboratory's key on it, called 'report', and a key of another curve."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(settings))
        _use("--init-token", "--free", "--label", "laboratory", "--so-pin", "0000-so", "--pin", PIN)
        key = folder / "key.pem"
        for label, number, private in (
            ("report", "01", lab.key.private),
            ("other", "02", ec.generate_private_key(ec.SECP256R1())),
        ):
            key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            _use("--import", key, "--token", "laboratory", "--label", label, "--id", number, "--pin", PIN)
        key.unlink()
        yield TokenAddress(module, "laboratory", "report")


def _use(*arguments):
    done = subprocess.run(["softhsm2-util", *arguments], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.fixture
def key(token, lab):
    loaded = load_token_key(token, lab.paths["signer_chain"], PIN)
    yield loaded
    loaded.private.close()


def test_a_report_is_signed_by_a_key_on_a_token(key, lab, tmp_path):
    assert describe_signer(lab.key.certificate) == describe_signer(key.certificate)
    out = write_small_bundle(tmp_path / "out", make_small_record(key), key)
    assert ExitCode.PASS is verify(out, lab.roots).exit_code
    assert "handle" not in repr(key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token": "another"}, "no token is called 'another'"),
        ({"key": "absent"}, "no private key is called 'absent'"),
        ({"module": Path("/nowhere/pkcs11.so")}, "cannot be used"),
        ({"key": "other"}, "does not belong to the key 'other'"),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_named(token, lab, change, message):
    address = TokenAddress(**{"module": token.module, "token": token.token, "key": token.key, **change})
    with pytest.raises(KeyFileError, match=message) as caught:
        load_token_key(address, lab.paths["signer_chain"], PIN)
    assert ExitCode.INCOMPLETE is caught.value.exit_code


def test_a_wrong_pin_is_refused_and_never_said(token, lab):
    with pytest.raises(KeyFileError, match="PIN of token 'laboratory' is wrong") as caught:
        load_token_key(token, lab.paths["signer_chain"], "1234-wrong")
    text = f"{caught.value!r} {caught.value.message} {caught.value.hint} {caught.value.__cause__!r}"
    assert "1234-wrong" not in text
    assert PIN not in text


def test_a_key_on_a_token_needs_its_certificates_in_a_file(token, lab, tmp_path):
    with pytest.raises(KeyFileError, match="without a certificate"):
        load_token_key(token, None, PIN)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_token_key(token, tmp_path / "absent.pem", PIN)
    expired = lab.certify((-10, -1))
    chain = tmp_path / "expired.pem"
    chain.write_bytes(expired.chain_pem())
    with pytest.raises(KeyFileError, match=r"does not belong|expired"):
        load_token_key(token, chain, PIN)


def test_a_token_signs_sha256_and_nothing_else(key):
    with pytest.raises(KeyFileError, match="SHA-256"):
        key.private.sign(b"x", ec.ECDSA(SHA384()))


def test_without_the_library_for_tokens_the_error_says_what_to_install(lab, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(KeyFileError, match="python-pkcs11") as caught:
        load_token_key(TokenAddress(Path("x.so"), "t", "k"), lab.paths["signer_chain"], PIN)
    assert "unlearn-audit[pkcs11]" in caught.value.hint
