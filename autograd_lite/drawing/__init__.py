"""The recording as a picture: boxes for Tensors, arrows for local gradients, laid out by Graphviz.

Names and formulas are those of `autograd_lite.writing`, so picture and equations speak of the same things.
"""
