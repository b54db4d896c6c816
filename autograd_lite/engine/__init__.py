"""The engine: what is recorded, and how derivatives are found in the recording.

A Tensor remembers the operation that computed it, its operands and its local gradients; one sweep over that graph,
newest node first, is backpropagation, and every other derivative is made of such sweeps. The engine imports NumPy and
nothing else, and knows operations only as names of methods, and `identity`: they are the rows of `autograd_lite.table`.
"""
