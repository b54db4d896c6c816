"""Networks on top of autograd_lite, with the gradients of the two-layer one derived by hand beside it.

Columns are samples: a batch is a matrix of shape ``(features, batch)``, so that a layer is w a + b as in the
equations. `two_layer` is the chapter's network and `closed_form` its gradients; `layers` makes networks of any depth.
"""

from . import closed_form
from .costs import (
    cross_entropy_cost,
    l2_penalty,
    log_likelihood_cost,
    quadratic_cost,
    sigmoid_cross_entropy_cost,
    softmax_cross_entropy_cost,
)
from .history import History
from .layers import MLP, Layer, Linear, ReLU, Sequential, Sigmoid, Softmax, Tanh
from .network import INITIALISATIONS, Network
from .optimizers import Adam, GradientDescent, Momentum, Optimizer
from .saving import load, save
from .training import Evaluation, evaluate, train
from .two_layer import Forward, TwoLayerNet

__all__ = [
    "INITIALISATIONS",
    "MLP",
    "Adam",
    "Evaluation",
    "Forward",
    "GradientDescent",
    "History",
    "Layer",
    "Linear",
    "Momentum",
    "Network",
    "Optimizer",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TwoLayerNet",
    "closed_form",
    "cross_entropy_cost",
    "evaluate",
    "l2_penalty",
    "load",
    "log_likelihood_cost",
    "quadratic_cost",
    "save",
    "sigmoid_cross_entropy_cost",
    "softmax_cross_entropy_cost",
    "train",
]
