# SPDX-License-Identifier: GPL-3.0-or-later
"""Muon for matrices (weights of convolutions, seen as outputs x the rest), Adam for all else.

Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein, Muon: an optimizer for hidden layers in neural networks, 2024.
engine/inference/gradient/muon.c is the same in C.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # the authors': all singular values come to 0.7 ... 1.2
ITERATIONS = 5


def orthogonal(matrix: Tensor) -> Tensor:
    """MATRIX with all its singular values near 1, by Newton and Schulz's iteration."""
    a, b, c = COEFFICIENTS
    x = matrix / (matrix.norm() + 1e-12)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def is_matrix(parameter: Tensor) -> bool:
    """Weights, but for those that make the picture."""
    return parameter.ndim >= 2 and parameter.shape[0] > 3


class Muon(torch.optim.Optimizer):
    """Two groups: Adam's with the learning rate LR, Muon's with FACTOR times that."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, factor: float, momentum: float = 0.95,
                 betas: tuple[float, float] = (0.9, 0.99)) -> None:
        parameters = list(parameters)
        groups = [{"params": [p for p in parameters if is_matrix(p)], "factor": factor},
                  {"params": [p for p in parameters if not is_matrix(p)], "factor": 0.0}]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    (self.muon if group["factor"] else self.adam)(parameter, group)

    def muon(self, parameter: nn.Parameter, group: dict) -> None:
        state = self.state[parameter]
        momentum = state.setdefault("momentum", torch.zeros_like(parameter))
        momentum.mul_(group["momentum"]).add_(parameter.grad)
        step = (parameter.grad + group["momentum"] * momentum).flatten(1)
        scale = max(1.0, step.shape[0] / step.shape[1]) ** 0.5
        parameter.sub_(orthogonal(step.float()).view_as(parameter), alpha=group["lr"] * group["factor"] * scale)

    def adam(self, parameter: nn.Parameter, group: dict) -> None:
        state = self.state[parameter]
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        square = state.setdefault("square", torch.zeros_like(parameter))
        state["t"] = state.get("t", 0) + 1
        beta1, beta2 = group["betas"]
        mean.lerp_(parameter.grad, 1 - beta1)
        square.lerp_(parameter.grad.square(), 1 - beta2)
        root = (square / (1 - beta2 ** state["t"])).sqrt() + 1e-8
        parameter.sub_(mean / root, alpha=group["lr"] / (1 - beta1 ** state["t"]))
