"""The network: whatever you have. It is called as make(shape, classes), with the shape of one record."""

from torch import Tensor, nn


class Net(nn.Module):
    """Two hidden layers with dropout."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(features, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, classes) logits."""
        logits: Tensor = self.body(x)
        return logits


def make(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return the network, freshly initialised."""
    return Net(shape[0], classes)
