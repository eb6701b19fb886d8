"""The policy and the parts of study files that the tests of studies are made of."""

POLICY = """\
schema: unlearn-audit/policy/v1
id: tiny
version: "1"
title: Tiny
owner: Tests
applies_to: Tests
task: {positive: [malignant], operating_points: [cost-optimal, argmax]}
costs: {false_negative: 10, false_positive: 1, rationale: Tests}
checks:
  - {id: risk, metric: global-risk, at_most: 0.001, why: unreachable}
  - {id: forgotten, metric: membership-auc, among: positive, within: [0.4, 0.6], why: unseen}
  - {id: kept, metric: retain-accuracy, at_least: 0.99, why: utility}
membership: {attacks: [logit]}
protocol: {resamples: 1000}
reference_case:
  dataset: breast-cytology
  model: mlp
  unlearn: {method: salun, parameters: {epochs: 1}}
  recipe: {epochs: 2, batch: 32}
"""
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
