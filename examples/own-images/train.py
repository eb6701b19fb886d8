"""Your training, on images that may lie in a file: batches are taken by their positions, so that any number will do.

Nothing is imported from unlearn-audit. torch is seeded from `setting.seed` before each call.
"""

import copy

import torch
from network import make
from torch import nn

BATCH = 64


def train(records, setting):
    """Train from nothing: the original, the retrained reference, and every reference model."""
    return _fit(make(setting.shape, setting.classes), records, setting, setting.parameters["epochs"])


def unlearn(original, retain, forget, setting):
    """Shrink the weights half of the way to a fresh network, then train shortly on what is retained."""
    model, fresh = copy.deepcopy(original), make(setting.shape, setting.classes)
    with torch.no_grad():
        for weight, other in zip(model.parameters(), fresh.parameters(), strict=True):
            weight.mul_(0.5).add_(0.5 * other)
    return _fit(model, retain, setting, setting.parameters["epochs"])


def _fit(model, records, setting, epochs):
    model = model.to(setting.device).train()
    steps = epochs * -(-len(records) // BATCH)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=steps)
    for _ in range(epochs):
        for part in torch.randperm(len(records)).split(BATCH):
            x, y = records.x[part].to(setting.device), records.y[part].to(setting.device)
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
            schedule.step()
    return model
