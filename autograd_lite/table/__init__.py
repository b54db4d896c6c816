"""The table of operations: everything that the engine knows about derivatives, and nothing else."""
