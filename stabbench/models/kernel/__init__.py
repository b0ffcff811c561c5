"""The compiled kernel of a CPU: forward and backward of one run's encoder, and the optimizer's pass, in C.

It computes what `stabbench.models.encoder` and `torch.optim` compute, to rounding; they remain the reference and take
over where there is no compiler or STABBENCH_KERNEL=off.
"""
