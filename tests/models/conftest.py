import importlib

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks are slower on several threads, and their bits depend on how many."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def torchvision_that_loads():
    """Built for another torch than ours, torchvision misses operators of its own, which nothing here calls."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:  # an operator does not exist; where it does, to declare it again would end the process
        library = torch.library.Library("torchvision", "FRAGMENT")  # what it defines lasts as long as itself
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return library
