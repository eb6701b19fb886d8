"""Audit machine unlearning of medical image classifiers.

Two questions, answered at once and by a written policy: did the model forget, and is it still clinically safe?
"""

__version__ = "0.1.0"
