"""Trials of real worlds: processes over NATS in namespaces of the network, what goes wrong drawn from a seed.

``python -m tests.trials --seed 7`` runs one; ``tests/cli/test_serve_trials.py`` runs some.
"""
