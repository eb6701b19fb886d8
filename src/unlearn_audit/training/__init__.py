"""Training, and the parts that every unlearning method is made of. Importing this package does not import torch.

Nothing here seeds or reads a global random state, writes a file, or changes a model that it is given: models go in,
new models come out in evaluation mode. A run that is interrupted leaves nothing behind. The same seed on the same
number of threads and the same torch gives the same bits; another number of threads does not.
"""

from unlearn_audit.training.device import Compute, choose_device, lend_model, move_setting, unlearn_on, use
from unlearn_audit.training.fitting import fit
from unlearn_audit.training.learner import Learner, count_batches, draw_batches
from unlearn_audit.training.method import Method, OwnOutputs, Parameters, Run, Setting, Start, Train
from unlearn_audit.training.prediction import count_classes, predict_log_probs, read_model
from unlearn_audit.training.randomness import make_generator
from unlearn_audit.training.recipe import Recipe, adapt, find_rate, is_ordinary, shorten
from unlearn_audit.training.relabelling import Relabelling, draw_labels, relabel
from unlearn_audit.training.saliency import find_importance, find_saliency, find_slope, select_salient, validate_ranked
from unlearn_audit.training.stages import Stage, train_in_stages
from unlearn_audit.training.streamed import Inputs, Streamed, choose_batch, join_inputs, select_inputs, split_inputs
from unlearn_audit.training.tensors import Records
from unlearn_audit.training.together import fit_together
from unlearn_audit.training.user_supplied import OpenParameters, UserTraining, UserUnlearning

__all__ = [
    "Compute",
    "Inputs",
    "Learner",
    "Method",
    "OpenParameters",
    "OwnOutputs",
    "Parameters",
    "Recipe",
    "Records",
    "Relabelling",
    "Run",
    "Setting",
    "Stage",
    "Start",
    "Streamed",
    "Train",
    "UserTraining",
    "UserUnlearning",
    "adapt",
    "choose_batch",
    "choose_device",
    "count_batches",
    "count_classes",
    "draw_batches",
    "draw_labels",
    "find_importance",
    "find_rate",
    "find_saliency",
    "find_slope",
    "fit",
    "fit_together",
    "is_ordinary",
    "join_inputs",
    "lend_model",
    "make_generator",
    "move_setting",
    "predict_log_probs",
    "read_model",
    "relabel",
    "select_inputs",
    "select_salient",
    "shorten",
    "split_inputs",
    "train_in_stages",
    "unlearn_on",
    "use",
    "validate_ranked",
]
