"""The table of unlearning methods. One file and one line here add a method; importing it does not import torch.

Third parties add theirs through the entry-point group 'unlearn_audit.methods', each a `training.Method`.
"""

from unlearn_audit.methods.boundary_shrink import BOUNDARY_SHRINK
from unlearn_audit.methods.convolution_transpose import CONVOLUTION_TRANSPOSE
from unlearn_audit.methods.fine_tune import FINE_TUNE
from unlearn_audit.methods.gradient_ascent import GRADIENT_ASCENT
from unlearn_audit.methods.l1_sparse import L1_SPARSE
from unlearn_audit.methods.masked_small_gradients import MASKED_SMALL_GRADIENTS
from unlearn_audit.methods.neggrad_plus import NEGGRAD_PLUS
from unlearn_audit.methods.random_label import RANDOM_LABEL
from unlearn_audit.methods.retrain import RETRAIN
from unlearn_audit.methods.rum import RUM
from unlearn_audit.methods.salun import SALUN
from unlearn_audit.methods.salun_cra import SALUN_CRA
from unlearn_audit.methods.scratch import SCRATCH
from unlearn_audit.methods.scrub import SCRUB
from unlearn_audit.methods.ssd import SSD
from unlearn_audit.methods.targeted_restart import TARGETED_RESTART
from unlearn_audit.methods.warm_restart import WARM_RESTART
from unlearn_audit.methods.weight_noise import WEIGHT_NOISE
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
        "scratch": SCRATCH,
        "gradient-ascent": GRADIENT_ASCENT,
        "neggrad-plus": NEGGRAD_PLUS,
        "l1-sparse": L1_SPARSE,
        "scrub": SCRUB,
        "ssd": SSD,
        "boundary-shrink": BOUNDARY_SHRINK,
        "masked-small-gradients": MASKED_SMALL_GRADIENTS,
        "convolution-transpose": CONVOLUTION_TRANSPOSE,
        "weight-noise": WEIGHT_NOISE,
        "targeted-restart": TARGETED_RESTART,
        "rum": RUM,
    },
)

__all__ = ["METHODS"]
