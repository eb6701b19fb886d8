"""The networks themselves. This module imports torch; the table of models imports it only to build one."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from unlearn_audit.errors import CaseError

_SMALLEST = 8  # pixels: the network halves the image four times


class Perceptron(nn.Module):
    """Two hidden layers of `width` with ReLU; inputs of any shape are flattened.

    Source: Rumelhart, Hinton and Williams 1986, Nature 323, 533-536.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, width: int) -> None:
        super().__init__()
        features = torch.Size(shape).numel()
        if not shape or features < 1:
            raise CaseError(f"model 'mlp': expected at least one feature per record, found shape {shape}")
        self.layers = nn.Sequential(
            nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, classes) logits of (n, *shape) inputs."""
        logits: Tensor = self.layers(x.flatten(1))
        return logits


class LinearHead(nn.Module):
    """One linear layer, on features or on the embeddings of a frozen backbone. Inputs of any shape are flattened.

    Source: Cox 1958, Journal of the Royal Statistical Society B 20, 215-242 (logistic regression).
    """

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        features = torch.Size(shape).numel()
        if not shape or features < 1:
            raise CaseError(f"model 'linear': expected at least one feature per record, found shape {shape}")
        self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, classes) logits of (n, *shape) inputs.

        Written as weights times inputs, the transpose of what `nn.Linear` does: where many heads are trained at once,
        both this product and that of the gradient are about twice as fast with few classes and many features.
        """
        return (self.head.weight @ x.flatten(1).T).T + self.head.bias


class _Block(nn.Module):
    """Two 3 x 3 convolutions and a short cut: the paper's basic block."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.short_cut = nn.Sequential()
        if stride != 1 or channels != width:
            self.short_cut = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.short_cut(x))


class SmallResNet(nn.Module):
    """ResNet-18 (four stages of two basic blocks) for small images.

    As the paper's, but of width `width` to 8 `width`, with a 3 x 3 stem of stride `stride` (1 as for CIFAR; 2 costs a
    quarter) and no pooling after it. Weights lie channels-last, which is faster on CPUs. The initialisation is torch's
    own (uniform, fan-in). It matters to a warm restart: with that of He et al. 2015, whose weights start larger, one
    lost more skill on skin images (a single seed of each, so a reason for the choice and no finding).

    Source: He, Zhang, Ren and Sun 2016, arXiv 1512.03385.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, width: int, stride: int = 2) -> None:
        super().__init__()
        if len(shape) != 3 or shape[0] < 1 or min(shape[1:]) < _SMALLEST:  # noqa: PLR2004 - channels, height, width
            raise CaseError(
                f"ResNet-18: expected images (channels, height, width) of {_SMALLEST} x {_SMALLEST} "
                f"pixels or more, found shape {shape}",
                hint="model 'mlp' takes inputs of any shape",
            )
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Sequential(
            nn.Conv2d(shape[0], width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.stages = nn.Sequential(
            *(
                nn.Sequential(_Block(before, after, stride), _Block(after, after, 1))
                for before, after, stride in zip(widths, widths[1:], (1, 2, 2, 2), strict=False)
            )
        )
        self.head = nn.Linear(8 * width, classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, classes) logits of (n, channels, height, width) images."""
        features = self.stages(self.stem(x.contiguous(memory_format=torch.channels_last)))
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits
