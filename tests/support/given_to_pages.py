"""The files that pages take for granted: the reader's policy, data, models and keys, as small as they can be."""

import re

from tests.support.pages import CONTRIBUTING, ROOT, read_page
from tests.support.policies import LOOSE, REMEMBERED, write_policy
from tests.support.prediction_files import POLICY as PREDICTIONS_POLICY
from tests.support.prediction_files import make_rows, write_rows

POLICY = write_policy(
    "dermatology",
    ["{id: risk, metric: global-risk, at_most: 3.0, why: ceiling}", *LOOSE],
    title="Small",
    version="1.0",
    membership="{attacks: [confidence], fpr: [0.01]}",
    reference_case=REMEMBERED,
)
"""Passes within seconds on the built-in data."""
ASKS_THE_OFFICER = "responsible: [{name: Dr. A. Example, role: clinical safety officer, countersigns: true}]\n"
FACTORY = """\
from torch import nn

def make(shape, classes):
    return nn.Sequential(nn.Linear(shape[0], classes))
"""
CASE = "schema: unlearn-audit/case/v1\nname: external\ndataset: breast-cytology\nforget: ids.csv\n"
_KEYS = "--key laboratory/signer.key.pem --chain laboratory/signer-chain.pem"


def ask_the_officer(reader):
    """Put the passage of the page into the policy that the page before made."""
    passage = re.search(r"```yaml\n(responsible:.*?)```", read_page("first-audit.md#erasure-request"), re.DOTALL)
    path = reader.folder / "cytology.yaml"
    text, times = re.subn(r"^responsible:\n(?:  .*\n)+", passage.group(1), path.read_text("utf-8"), flags=re.MULTILINE)
    assert times == 1
    path.write_text(text)


def give_predictions(reader):
    reader.write("policy.yaml", PREDICTIONS_POLICY)
    write_rows(reader.folder / "predictions.csv", make_rows())


def give_images(reader):
    """A folder of small grey images, a little brighter where malignant, and the ids of some of them.

    A network learns them by heart more than by brightness, so that it remembers whom it has to forget.
    """
    import numpy as np
    from PIL import Image

    rng, rows = np.random.default_rng(1), ["file,split,label"]
    (reader.folder / "clinic").mkdir()
    for i in range(480):
        label, split = i % 2, ("train", "train", "train", "val", "test")[i // 2 % 5]
        pixels = rng.integers(0, 220, (8, 8)) + 20 * label
        Image.fromarray(pixels.astype(np.uint8)).save(reader.folder / "clinic" / f"{i}.png")
        rows.append(f"{i}.png,{split},{('benign', 'malignant')[label]}")
    reader.write("clinic/records.csv", "\n".join(rows))
    train = [i for i in range(480) if i // 2 % 5 < 3]
    reader.write("ids.csv", "id\n" + "\n".join(f"{i}.png" for i in train[:80]))
    reader.write("policy.yaml", POLICY.replace("dataset: breast-cytology", "dataset: own-data"))


def give_models(reader):
    """Linear models on the built-in data: an original that overfits, and one that never saw the records to forget."""
    import numpy as np
    import torch
    from safetensors.torch import save_file
    from sklearn.linear_model import LogisticRegression

    from unlearn_audit.data import load_dataset

    data = load_dataset("breast-cytology")
    train = np.flatnonzero(data.select("train"))
    erased, kept = train[:200], train[200:]
    for role, strength, rows in (("original", 100.0, train), ("unlearned", 0.2, kept)):
        fitted = LogisticRegression(C=strength, max_iter=5000).fit(data.x[rows], data.label[rows])
        weight = np.stack([np.zeros(data.x.shape[1]), fitted.coef_[0]]).astype(np.float32)
        bias = np.array([0.0, fitted.intercept_[0]], dtype=np.float32)
        save_file({"0.weight": torch.from_numpy(weight), "0.bias": torch.from_numpy(bias)},
                  reader.folder / f"{role}.safetensors")  # fmt: skip
    reader.write("my_network.py", FACTORY)
    reader.write("ids.csv", "id\n" + "\n".join(data.ids[erased].tolist()))
    reader.write("case.yaml", CASE)
    reader.write("policy.yaml", POLICY.partition("reference_case")[0])
    reader.importable.append(reader.folder)


def give_pipeline(reader):
    """A policy in the reader's own folder, and the last release's report."""
    own_folder(reader, "policies")
    reader.write("policies/my-model.yaml", POLICY.replace("id: dermatology", "id: my-model"))
    assert reader.run("unlearn-audit run --policy policies/my-model.yaml --out last-release")[0] == 0


def give_plugin(reader):
    """The passage of the page inside of a small policy."""
    from ruamel.yaml import YAML

    passage = re.findall(r"```yaml\n(.*?)```", read_page(f"{CONTRIBUTING}#plug-ins"), re.DOTALL)[0]
    yaml = YAML(typ="safe")
    policy, added = yaml.load(POLICY), yaml.load(passage)
    policy["id"] = "example"
    policy["checks"] = [*(c for c in policy["checks"] if c["id"] != "risk"), *added["checks"]]
    policy["membership"] |= added["membership"]
    policy["reference_case"] |= added["reference_case"]
    with (reader.folder / "example.yaml").open("w") as file:
        yaml.dump(policy, file)
    own_folder(reader, "examples")
    for path in (ROOT / "examples").rglob("*"):  # setuptools writes beside its source
        if path.is_file() and not {"__pycache__", "build"} & set(path.parts) and ".egg-info" not in str(path):
            reader.write(f"examples/{path.relative_to(ROOT / 'examples')}", path.read_bytes())


def give_references(reader):
    own_folder(reader, "policies")
    policy = POLICY.replace("[confidence]", "[confidence, u-lira]").replace("at_most: 3.0", "at_most: 9.0")
    reader.write("policies/breast-cytology.yaml", policy)


def give_report(reader):
    own_folder(reader, "policies")
    reader.write("policies/breast-cytology.yaml", POLICY.replace("id: dermatology", "id: breast-cytology"))
    make_report(reader)


def give_reader_of_reports(reader):
    """A report with a trusted time, that its reader got with certificates and a revocation list beside it."""
    make_report(reader)
    for given, name in (
        ("laboratory/root.crt.pem", "laboratory-root.crt.pem"),
        ("laboratory/root.crl.pem", "laboratory-root.crl.pem"),
        ("policy.yaml", "our-policy.yaml"),
        ("audit-dermatology/report.pdf", "report.pdf"),
    ):
        reader.write(name, (reader.folder / given).read_bytes())


def give_keys(reader):
    """The officer's key below the page's own laboratory comes from the page; a PKCS#12 file does not.

    A seal draws the seed of its run: the policy takes an original that, by that seed, remembers too little.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

    policy = POLICY.replace("fpr: [0.01]", "fpr: [0.01], unrecognised: inform")
    reader.write("policy.yaml", policy + ASKS_THE_OFFICER)
    found_laboratory(reader, "elsewhere")
    passphrase = reader.environment["UNLEARN_AUDIT_KEY_PASSPHRASE"].encode()
    folder = reader.folder / "elsewhere"
    key = load_pem_private_key((folder / "signer.key.pem").read_bytes(), passphrase)
    signer, *others = x509.load_pem_x509_certificates((folder / "signer-chain.pem").read_bytes())
    content = pkcs12.serialize_key_and_certificates(b"signer", key, signer, others, BestAvailableEncryption(passphrase))
    reader.write("signer.p12", content).chmod(0o600)
    assert reader.run('unlearn-audit keys issue elsewhere --name "Dr. A. Example"')[0] == 0
    for name in ("key.pem", "chain.pem"):
        officer = next(folder.glob(f"dr-a-example*{name}"))
        reader.write(f"officer{'.' if name == 'key.pem' else '-'}{name}", officer.read_bytes()).chmod(0o600)


def make_report(reader):
    reader.write("policy.yaml", POLICY)
    found_laboratory(reader, "laboratory")
    reader.write(
        "signing.yaml",
        f"schema: unlearn-audit/signing/v1\ntimestamps: {{url: '{reader.stamps.url}', trust: [authority-root.pem]}}\n",
    )
    assert reader.run(f"unlearn-audit run --policy policy.yaml {_KEYS} --signing signing.yaml")[0] == 0


def found_laboratory(reader, name):
    code, output = reader.run(f'unlearn-audit keys init {name} --organisation "Example Clinic" --name "Audit desk"')
    assert code == 0, output


def own_folder(reader, name):
    """Put a folder of the reader's own in the place of the checkout's."""
    path = reader.folder / name
    path.unlink()
    path.mkdir()


GIVEN = {
    "data.md": give_images,
    "first-audit.md#erasure-request": ask_the_officer,
    "models.md": give_models,
    "pipelines.md": give_pipeline,
    f"{CONTRIBUTING}#plug-ins": give_plugin,
    "data.md#predictions": give_predictions,
    "references.md": give_references,
    "report.md": give_report,
    "signing.md": give_keys,
    "verify.md#options": give_reader_of_reports,
}
