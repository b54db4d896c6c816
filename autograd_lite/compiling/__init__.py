"""Steps that are recorded once and replayed: what a training loop repeats costs its arithmetic and little else.

Nothing in the engine or the table knows of it.
"""
