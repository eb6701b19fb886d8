"""The network: four convolutions that halve the image, and a mean over what is left, so that any size will do."""

from torch import Tensor, nn


class Net(nn.Module):
    """Convolutions with batch normalisation, a mean over places, one linear layer."""

    def __init__(self, channels: int, classes: int, widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        blocks, before = [], channels
        for width in widths:
            blocks += [nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, classes) logits of (n, channels, height, width) images."""
        logits: Tensor = self.head(self.body(x).mean(dim=(2, 3)))
        return logits


def make(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return the network, freshly initialised; `shape` is (channels, height, width)."""
    return Net(shape[0], classes)
