"""Benchmarks: what automatic gradients cost over those by hand, and what they cost in other libraries.

The claim to be checked is that automatic costs nothing over manual. `contenders` holds one training step, written for
each library; `timing` runs them side by side so that none disturbs another; `scale` measures what one step does not
show; `report` makes tables of it. Needed for nothing else; run with ``python -m benchmarks``.
"""
