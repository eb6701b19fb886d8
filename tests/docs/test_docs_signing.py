"""docs/signing.md, docs/verify.md: every command exists with its options, and the policy passage is a policy's."""

import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from unlearn_audit.cli.commands import group
from unlearn_audit.pki.keys import PASSPHRASE_VARIABLE
from unlearn_audit.pki.pkcs11 import PIN_VARIABLE
from unlearn_audit.policy import SigningFile, load_signing
from unlearn_audit.policy.model import Person

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text("utf-8") for name in ("signing.md", "verify.md")}
COMMANDS = [line for page in PAGES.values() for line in re.findall(r"^unlearn-audit (.*)$", page, re.MULTILINE)]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_exists_with_its_options(line):
    words = shlex.split(line)
    command = group.commands[words[0]]
    if hasattr(command, "commands"):
        command = command.commands[words[1]]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_passage_about_people_is_one_of_a_policy():
    (passage,) = re.findall(r"```yaml\n(.*?)```", PAGES["signing.md"], re.DOTALL)  # signing files have titles
    (person,) = YAML(typ="safe").load(passage)["responsible"]
    assert Person.model_validate(person).countersigns


@pytest.mark.parametrize("name", ["token.yaml", "lasting.yaml"])
def test_the_signing_files_are_signing_files(name, tmp_path):
    text = re.search(rf'```yaml title="{name}"\n(.*?)```', PAGES["signing.md"], re.DOTALL).group(1)
    (tmp_path / name).write_text(text)
    assert load_signing(tmp_path / name).chain == "laboratory/signer-chain.pem"


def test_the_page_names_every_key_of_a_signing_file():
    for name in SigningFile.model_fields:
        assert re.search(rf"^{name.rstrip('_')}:", PAGES["signing.md"], re.MULTILINE), name


def test_the_variables_for_secrets_are_the_ones_that_are_read():
    for name in (PIN_VARIABLE, PASSPHRASE_VARIABLE):
        assert name in PAGES["signing.md"]


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", "".join(PAGES.values())))
def test_every_link_leads_somewhere(link):
    assert (DOCS / link).exists()
