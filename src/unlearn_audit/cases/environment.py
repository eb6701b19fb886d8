"""The software and machine that made the models, as the report states them."""

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("numpy", "scipy", "scikit-learn", "medmnist", "pyarrow")


def describe_environment() -> dict[str, str]:
    """Return versions and machine as short texts. Nothing that identifies a person or a host."""
    import torch

    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["torch"] = str(torch.__version__)  # with the build, such as +cpu, which its metadata may leave out
    found["threads"] = str(torch.get_num_threads())
    return found
