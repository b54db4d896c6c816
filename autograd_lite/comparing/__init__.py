"""Gradients side by side: derived by hand, automatic, and numerical.

A derivation is believed when it agrees with something that does not share its mistakes.
"""
