import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from unlearn_audit.errors import KeyFileError
from unlearn_audit.pki.keys import describe_signer, load_signing_key
from unlearn_audit.pki.laboratory_ca import find_test_folder, init_laboratory_ca, make_test_key

SECRET = "correct horse battery"  # noqa: S105 - of keys that live for one test


def write_key(folder, *, private=None, days=(-1, 10), usage=True, own=None):
    """Write a key with a self-signed certificate; each argument breaks one condition."""
    private = private or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key((own or private).public_key())
        .serial_number(7).not_valid_before(now + timedelta(days=days[0])).not_valid_after(now + timedelta(days=days[1]))
    )  # fmt: skip
    if usage is not None:
        flags = {"digital_signature": usage, "key_cert_sign": True}
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                 "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
        built = built.add_extension(x509.KeyUsage(**{n: flags.get(n, False) for n in names}), critical=True)
    certificate = built.sign(own or private, SHA256())
    key, chain = folder / "k.pem", folder / "c.pem"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    return key, chain, private, certificate


def test_a_sound_key_is_read_with_its_chain(key, laboratory):
    assert describe_signer(key.certificate).subject == "CN=Audit desk,O=Example Clinic"
    assert describe_signer(key.certificate).kind == "configured"
    assert len(key.chain) == 1


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"days": (-10, -1)}, "expired on"),
        ({"days": (1, 10)}, "not valid before"),
        ({"usage": False}, "digitalSignature"),
        ({"usage": None}, "digitalSignature"),
        ({"own": ec.generate_private_key(ec.SECP256R1())}, "does not belong to the key"),
        ({"private": ec.generate_private_key(ec.SECP384R1())}, "must be ECDSA P-256, found secp384r1"),
        ({"private": rsa.generate_private_key(65537, 2048)}, "must be ECDSA P-256, found RSA"),
    ],
)
def test_an_unfit_key_is_refused_by_name(tmp_path, broken, message):
    path, chain, *_ = write_key(tmp_path, **broken)
    with pytest.raises(KeyFileError, match=message):
        load_signing_key(path, chain)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    path, chain, *_ = write_key(tmp_path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="group or others") as caught:
        load_signing_key(path, chain)
    assert f"chmod 600 {path}" == caught.value.hint


def test_a_chain_in_the_wrong_order_is_refused(tmp_path, laboratory, key):
    chain = tmp_path / "c.pem"
    other = init_laboratory_ca(tmp_path / "other", "Other", "Desk")
    chain.write_bytes(key.certificate.public_bytes(Encoding.PEM) + other["root_certificate"].read_bytes())
    with pytest.raises(KeyFileError, match="out of order"):
        load_signing_key(laboratory["signer_key"], chain)


def test_missing_and_malformed_files_are_refused(tmp_path):
    path, chain, *_ = write_key(tmp_path)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_signing_key(tmp_path / "absent.pem", chain)
    with pytest.raises(KeyFileError, match="without a certificate"):
        load_signing_key(path)
    with pytest.raises(KeyFileError, match="no PEM certificates"):
        load_signing_key(path, path)
    path.write_bytes(b"not a key")
    with pytest.raises(KeyFileError, match="cannot be opened"):
        load_signing_key(path, chain)


def test_an_encrypted_key_opens_with_its_passphrase_only_and_never_says_it(tmp_path):
    paths = init_laboratory_ca(tmp_path / "ca", "Example Clinic", "Audit desk", SECRET)
    assert b"ENCRYPTED" in paths["signer_key"].read_bytes()
    assert load_signing_key(paths["signer_key"], paths["signer_chain"], SECRET)
    for wrong in (None, "wrong passphrase", ""):
        with pytest.raises(KeyFileError) as caught:
            load_signing_key(paths["signer_key"], paths["signer_chain"], wrong)
        text = f"{caught.value!r} {caught.value.message} {caught.value.hint} {caught.value.__cause__!r}"
        assert SECRET not in text
        assert not wrong or wrong not in text


def test_a_pkcs12_file_brings_its_chain_in_any_order(tmp_path, key):
    path = tmp_path / "signer.p12"
    content = pkcs12.serialize_key_and_certificates(
        b"signer", key.private, key.certificate, list(key.chain), BestAvailableEncryption(SECRET.encode())
    )
    path.write_bytes(content)
    path.chmod(0o600)
    assert key.chain_pem() == load_signing_key(path, passphrase=SECRET).chain_pem()
    with pytest.raises(KeyFileError, match="cannot be opened"):
        load_signing_key(path, passphrase="wrong")  # noqa: S106 - on purpose


def test_a_key_never_shows_itself(key):
    assert "private" not in repr(key)


def test_the_test_key_is_labelled_private_and_reused(tmp_path):
    folder = tmp_path / "unlearn-audit" / "test-key"
    first = make_test_key(folder)
    assert describe_signer(first.certificate).kind == "test"
    assert describe_signer(first.certificate) == describe_signer(make_test_key(folder).certificate)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {"signer.key.pem", "signer-chain.pem", "root.crt.pem"} == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("damage", ["expired", "readable", "garbage", "half"])
def test_a_test_key_that_is_no_longer_usable_is_made_anew(tmp_path, damage):
    folder = tmp_path / "test-key"
    first = make_test_key(folder)
    path = folder / "signer.key.pem"
    if damage == "expired":
        old, chain, *_ = write_key(tmp_path, days=(-10, -1))
        path.write_bytes(old.read_bytes())
        (folder / "signer-chain.pem").write_bytes(chain.read_bytes())
    elif damage == "readable":
        path.chmod(0o644)
    elif damage == "garbage":
        path.write_bytes(b"?")
    else:
        path.unlink()
    assert describe_signer(first.certificate) != describe_signer(make_test_key(folder).certificate)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_test_key_lies_in_the_users_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert tmp_path / "unlearn-audit" / "test-key" == find_test_folder()


def test_a_laboratory_never_overwrites_and_never_calls_itself_test(tmp_path):
    paths = init_laboratory_ca(tmp_path / "ca", "Example Clinic", "Audit desk")
    before = {role: path.read_bytes() for role, path in paths.items()}
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in paths.values()}
    with pytest.raises(KeyFileError, match="never overwritten"):
        init_laboratory_ca(tmp_path / "ca", "Example Clinic", "Audit desk")
    assert before == {role: path.read_bytes() for role, path in paths.items()}
    for name in ("my test key", " "):
        with pytest.raises(KeyFileError):
            init_laboratory_ca(tmp_path / "b", "Example Clinic", name)
    with pytest.raises(KeyFileError, match="cannot stand in a certificate"):
        init_laboratory_ca(tmp_path / "b", "Example Clinic", "x" * 200)
