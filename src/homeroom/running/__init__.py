"""A node that runs: the cores of `homeroom.node` with threads, files and a clock.

One thread writes the log and answers clients, one folds what is durable and writes snapshots; questions are answered
in a few more. In come batches, questions and changes from whoever serves them; out go answers, and what lies in the
data directory. This room decides when things happen, and never what they mean: that is the affair of the cores.
"""
