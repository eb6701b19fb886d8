"""Networks by name, and their weights on disk. Importing this package does not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearn_audit.models.architecture import Architecture, call_factory, count_parameters, find_architecture
from unlearn_audit.models.external import ExternalModel, load_external, name_program
from unlearn_audit.models.preprocessing import Preprocessing
from unlearn_audit.models.weights import decode_weights, encode_weights, load_weights, save_weights
from unlearn_audit.registry import Table

if TYPE_CHECKING:
    from torch import nn


def _make_mlp(shape: tuple[int, ...], classes: int) -> nn.Module:
    from unlearn_audit.models.networks import Perceptron

    return Perceptron(shape, classes, width=128)


def _make_linear(shape: tuple[int, ...], classes: int) -> nn.Module:
    from unlearn_audit.models.networks import LinearHead

    return LinearHead(shape, classes)


def _make_resnet(shape: tuple[int, ...], classes: int) -> nn.Module:
    from unlearn_audit.models.networks import SmallResNet

    return SmallResNet(shape, classes, width=16)


def _make_wide_resnet(shape: tuple[int, ...], classes: int) -> nn.Module:
    from unlearn_audit.models.networks import SmallResNet

    return SmallResNet(shape, classes, width=64, stride=1)


MODELS: Table[Architecture] = Table(
    "model",
    "unlearn_audit.models",
    {
        "mlp": Architecture(
            name="mlp",
            title="Multilayer perceptron, two hidden layers of 128",
            source="Rumelhart, Hinton and Williams 1986, Nature 323, 533-536",
            make=_make_mlp,
            stackable=True,
        ),
        "linear": Architecture(
            name="linear",
            title="Linear model (multinomial logistic regression), for features and embeddings",
            source="Cox 1958, Journal of the Royal Statistical Society B 20, 215-242",
            make=_make_linear,
            stackable=True,
        ),
        "resnet18-small": Architecture(
            name="resnet18-small",
            title="ResNet-18 for small images, width 16",
            source="He, Zhang, Ren and Sun 2016, arXiv 1512.03385",
            make=_make_resnet,
        ),
        "resnet18": Architecture(
            name="resnet18",
            title="ResNet-18 as for CIFAR: width 64, stem of stride 1",
            source="He, Zhang, Ren and Sun 2016, arXiv 1512.03385",
            make=_make_wide_resnet,
        ),
    },
)

__all__ = [
    "MODELS",
    "Architecture",
    "ExternalModel",
    "Preprocessing",
    "call_factory",
    "count_parameters",
    "decode_weights",
    "encode_weights",
    "find_architecture",
    "load_external",
    "load_weights",
    "name_program",
    "save_weights",
]
