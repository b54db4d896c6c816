"""Networks on top of autograd_lite, with the gradients of the two-layer one derived by hand beside it.

Columns are samples: a batch is a matrix of shape ``(features, batch)``, so that a layer is w a + b as in the
equations. `two_layer` is the chapter's network and `closed_form` its gradients; `layers` makes networks of any depth.
"""

from nets import closed_form
from nets.costs import cross_entropy_cost, log_likelihood_cost, quadratic_cost
from nets.layers import MLP, Layer, Linear, ReLU, Sequential, Sigmoid, Softmax, Tanh
from nets.optimizers import Adam, GradientDescent, Momentum, Optimizer
from nets.saving import load, save
from nets.training import Evaluation, History, evaluate, train
from nets.two_layer import Forward, TwoLayerNet

__all__ = [
    "MLP",
    "Adam",
    "Evaluation",
    "Forward",
    "GradientDescent",
    "History",
    "Layer",
    "Linear",
    "Momentum",
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
    "load",
    "log_likelihood_cost",
    "quadratic_cost",
    "save",
    "train",
]
