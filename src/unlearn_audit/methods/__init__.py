"""The table of unlearning methods. One file and one line here add a method; importing it does not import torch.

Third parties add theirs through the entry-point group 'unlearn_audit.methods', each a `training.Method`.
"""

from unlearn_audit.methods.fine_tune import FINE_TUNE
from unlearn_audit.methods.random_label import RANDOM_LABEL
from unlearn_audit.methods.retrain import RETRAIN
from unlearn_audit.methods.salun import SALUN
from unlearn_audit.methods.salun_cra import SALUN_CRA
from unlearn_audit.methods.warm_restart import WARM_RESTART
from unlearn_audit.registry import Table
from unlearn_audit.training import Method

METHODS: Table[Method] = Table(
    "unlearning method",
    "unlearn_audit.methods",
    {
        "retrain": RETRAIN,
        "fine-tune": FINE_TUNE,
        "random-label": RANDOM_LABEL,
        "salun": SALUN,
        "salun-cra": SALUN_CRA,
        "warm-restart": WARM_RESTART,
    },
)

__all__ = ["METHODS"]
