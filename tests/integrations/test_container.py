"""The smoke test of the gate's image: its commands are those of the product; without a builder it says that it skips.

The image itself is built by 'make container-smoke' where a builder answers. A builder that only runs what it is given,
on the checkout, holds the script to the commands, exit codes and files of today.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILDER = """#!{python}
import os, sys
order, *given = sys.argv[1:]
if order == "run":
    mounts = dict(reversed(given[i + 1].split(":")[:2]) for i, word in enumerate(given) if word == "--volume")
    assert given[given.index("--network") + 1] == "none", given
    words = given[given.index({image!r}) + 1 :]
    os.chdir(mounts["/work"])
    words = [mounts["/out"] + word.removeprefix("/out") if word.startswith("/out/") else word for word in words]
    os.execv({command!r}, [{command!r}, *words])
"""


def smoke_test(tmp_path, **builders):
    (tmp_path / "bin").mkdir()
    for name, text in builders.items():
        path = tmp_path / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    script = ["bash", "tools/smoke-test-container.sh"]
    return subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.process
def test_without_a_builder_it_says_that_it_skips(tmp_path):
    done = smoke_test(tmp_path, **dict.fromkeys(("docker", "podman", "buildah"), "#!/bin/sh\nexit 1\n"))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "container: skipped, neither docker nor podman nor buildah answers on this machine\n"


@pytest.mark.process
@pytest.mark.thorough
def test_its_commands_exit_codes_and_files_are_those_of_the_product(tmp_path):
    command = str(Path(sys.executable).with_name("unlearn-audit"))
    builder = BUILDER.format(python=sys.executable, image="unlearn-audit:smoke-test", command=command)

    done = smoke_test(tmp_path, docker=builder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Verdict: FAIL" in done.stdout
    assert "the same, bit for bit" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("container: unlearn-audit:smoke-test judges the sample")
