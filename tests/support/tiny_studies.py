"""The policy and the parts of study files that the tests of studies are made of."""

from tests.support.policies import OUT_OF_REACH, WITH_SALUN, write_policy

POLICY = write_policy(
    "tiny", OUT_OF_REACH, points="cost-optimal, argmax", membership="{attacks: [logit]}", reference_case=WITH_SALUN
)
FINE = {"name": "fine", "title": "Fine-tuning", "method": "fine-tune", "parameters": {"epochs": 1}}
BROKEN = {
    "name": "broken",
    "title": "Broken",
    "method": "fine-tune",
    "parameters": {"epochs": 3, "learning_rate": 10.0},
}
SALUN = {"name": "salun", "title": "SalUn", "method": "salun", "parameters": {"epochs": 1}}
CLAIM = {
    "says": "Fine-tuning misses more.",
    "source": "Tests",
    "measure": "fnr",
    "model": "fine",
    "than": "original",
    "expected": "higher",
}
STUDY = {
    "schema": "unlearn-audit/study/v1",
    "id": "tiny",
    "title": "A tiny study",
    "policy": "tiny.yaml",
    "seeds": [1, 2],
    "cells": [{"forget": 0.3, "models": [FINE]}],
}
CREATED = "2026-05-02T03:04:05Z"
