"""A laboratory's authority after it was made: further signers, and keys that are no longer good."""

import stat

import pytest
from cryptography import x509

from tests.support.proofs import found_laboratory
from unlearn_audit.errors import KeyFileError
from unlearn_audit.pki.issuing import issue_further_signer, renew_revocations
from unlearn_audit.pki.keys import describe_signer, load_signing_key, read_chain
from unlearn_audit.pki.laboratory_ca import init_laboratory_ca

SECRET = "correct horse battery"  # noqa: S105 - of keys that live for one test


def read(path):
    return x509.load_pem_x509_crl(path.read_bytes())


def number_of(revocations):
    return revocations.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_a_laboratory_comes_with_a_revocation_list_that_revokes_nobody(tmp_path):
    paths = init_laboratory_ca(tmp_path / "ca", "Example Clinic", "Audit desk")
    found = read(paths["revocations"])
    assert list(found) == []
    assert found.is_signature_valid(read_chain(paths["root_certificate"])[0].public_key())
    assert (found.next_update_utc - found.last_update_utc).days == 90


def test_a_further_signer_stands_below_the_same_root(lab):
    made = issue_further_signer(lab.folder, "Dr. Ünal O'Neill")
    key = load_signing_key(made["signer_key"], made["signer_chain"])
    assert made["signer_key"].name == "dr-unal-o-neill.key.pem"
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in made.values()}
    assert lab.key.chain == key.chain
    assert describe_signer(key.certificate).subject == "CN=Dr. Ünal O'Neill,O=Example Clinic"
    with pytest.raises(KeyFileError, match="never overwritten"):
        issue_further_signer(lab.folder, "Dr. Ünal O'Neill")


def test_an_encrypted_authority_needs_its_passphrase(tmp_path):
    folder = tmp_path / "ca"
    init_laboratory_ca(folder, "Example Clinic", "Audit desk", SECRET)
    for wrong in (None, "wrong"):
        with pytest.raises(KeyFileError):
            issue_further_signer(folder, "Dr. A", wrong)
    made = issue_further_signer(folder, "Dr. A", SECRET)
    assert b"ENCRYPTED" in made["signer_key"].read_bytes()
    with pytest.raises(KeyFileError):
        renew_revocations(folder, (), "wrong")
    assert renew_revocations(folder, (), SECRET)


@pytest.mark.parametrize("name", ["", "  ", "...", "My TEST KEY", "x" * 200])
def test_a_signer_needs_a_name_of_their_own(lab, name):
    with pytest.raises(KeyFileError):
        issue_further_signer(lab.folder, name)


def test_what_is_no_authority_is_refused(tmp_path, lab):
    with pytest.raises(KeyFileError, match="holds no authority"):
        issue_further_signer(tmp_path, "Dr. A")
    other = found_laboratory(tmp_path / "other")
    (other.folder / "root.crt.pem").write_bytes(lab.roots[0].read_bytes())
    with pytest.raises(KeyFileError, match="do not belong together"):
        renew_revocations(other.folder)


def test_what_was_revoked_stays_revoked_and_each_list_has_the_next_number(tmp_path, lab):
    other = found_laboratory(tmp_path / "ca")
    first = read(renew_revocations(other.folder, [other.paths["signer_chain"]]))
    second = read(renew_revocations(other.folder))
    assert (number_of(first), number_of(second)) == (2, 3)
    serial = other.key.certificate.serial_number
    assert [(serial, first[0].revocation_date_utc)] == [(e.serial_number, e.revocation_date_utc) for e in second]
    with pytest.raises(KeyFileError, match="was not issued by"):
        renew_revocations(other.folder, [lab.paths["signer_chain"]])


def test_a_list_that_cannot_be_read_is_not_replaced_by_one_that_forgets(tmp_path):
    other = found_laboratory(tmp_path / "ca")
    other.revocations.write_bytes(b"broken")
    with pytest.raises(KeyFileError, match="is not replaced"):
        renew_revocations(other.folder)
    assert other.revocations.read_bytes() == b"broken"
