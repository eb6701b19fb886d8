"""The software and machine that made the models, as the report states them."""

import platform

from unlearn_audit.software import NUMBERS, PAGES, describe_software


def describe_environment() -> dict[str, str]:
    """Return versions and machine as short texts. Nothing that identifies a person or a host."""
    import torch

    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    found |= describe_software((*NUMBERS, "medmnist", "pyarrow", *PAGES))
    found["torch"] = str(torch.__version__)  # with the build, such as +cpu, which its metadata may leave out
    found["threads"] = str(torch.get_num_threads())
    return found
