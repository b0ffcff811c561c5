"""Runs that somebody's own code trained: the folder of a run, what records into it, and the records made of it.

`output` reads a run's folder, `recorder` writes one beside a training loop, `cells` makes records of them. Whoever
trained, `training.outcome.result` alone judges what was measured. torch is imported inside functions that are given a
module of its, transformers nowhere.
"""
