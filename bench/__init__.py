"""Benchmarks: each against a peer, and against a limit that nobody can beat.

Absolute times of a shared machine mean little. What is reported are ratios of runs that were
made one beside the other; `python -m bench` runs them and prints one table.
"""
