"""Your training script, as two functions. Nothing is imported from unlearn-audit.

`records` goes into torch's DataLoader as it is: it gives pairs (input, class). `setting.seed` is the seed, from which
torch, NumPy and Python are seeded before each call. `setting.device` is where to train; `setting.parameters` is what
the case file says under 'parameters'.
"""

import copy

import torch
from network import make
from torch import nn
from torch.utils.data import DataLoader


def train(records, setting):
    """Train from nothing: the original, the retrained reference, and every reference model."""
    model = make(setting.shape, setting.classes)
    return _fit(model, records, setting, epochs=setting.parameters["epochs"], rate=3e-3)


def unlearn(original, retain, forget, setting):
    """Push the records to forget towards uncertainty while the others are trained on. The original stays as it is."""
    model = copy.deepcopy(original).to(setting.device).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=setting.parameters.get("rate", 1e-3))
    for _ in range(setting.parameters.get("epochs", 5)):
        for (x, y), (lost, _) in zip(_load(retain), _repeat(_load(forget)), strict=False):
            loss = nn.functional.cross_entropy(model(x.to(setting.device)), y.to(setting.device))
            unsure = -nn.functional.log_softmax(model(lost.to(setting.device)), dim=1).mean()
            optimiser.zero_grad()
            (loss + 0.5 * unsure).backward()
            optimiser.step()
    return model


def _fit(model, records, setting, epochs, rate):
    model = model.to(setting.device).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(epochs):
        for x, y in _load(records):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x.to(setting.device)), y.to(setting.device)).backward()
            optimiser.step()
    return model


def _load(records):
    return DataLoader(records, batch_size=64, shuffle=True)


def _repeat(loader):
    while True:
        yield from loader
