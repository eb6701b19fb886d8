import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks are slower on several threads, and their bits depend on how many."""
    torch.set_num_threads(1)
