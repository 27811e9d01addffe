# SPDX-License-Identifier: GPL-3.0-or-later
"""Small networks as C: engine/restore/small-network.h."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class SmallNetwork(nn.Module):
    """Inputs made normal, two hidden layers with ReLU, OUTPUTS numbers."""

    def __init__(self, inputs: Tensor, hidden: tuple[int, int], outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", inputs.mean(0))
        self.register_buffer("scale", 1 / (inputs.std(0) + 1e-3))
        self.layers = nn.Sequential(nn.Linear(inputs.shape[1], hidden[0]), nn.ReLU(),
                                    nn.Linear(hidden[0], hidden[1]), nn.ReLU(), nn.Linear(hidden[1], outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers((inputs - self.mean) * self.scale)

    def spread(self, share: float) -> Tensor:
        """Of the inputs' standard deviations: noise of so much keeps the network from learning its pictures by heart."""
        return share / self.scale


def train(network: SmallNetwork, inputs: Tensor, steps: int, batch: int, spread: float, decay: float,
          loss_of: Callable[[Tensor, Tensor], Tensor]) -> None:
    """AdamW in one cycle; LOSS_OF takes the outputs and which rows of INPUTS they belong to."""
    optimizer = torch.optim.AdamW(network.layers.parameters(), weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    deviation = network.spread(spread)
    for _ in range(steps):
        chosen = torch.randint(len(inputs), (batch,))
        loss = loss_of(network(inputs[chosen] + deviation * torch.randn(batch, inputs.shape[1])), chosen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def c_array(name: str, values: Tensor) -> str:
    numbers = [f"{v:.6g}" for v in values.flatten().tolist()]
    numbers = [n + ("f" if "." in n or "e" in n else ".0f") for n in numbers]
    lines = ["  " + ", ".join(numbers[i:i + 10]) for i in range(0, len(numbers), 10)]
    return f"const gfloat {name}[] = {{\n" + ",\n".join(lines) + "\n};\n"


def c_network(name: str, network: SmallNetwork) -> str:
    """The network's numbers and an NrSmallNetwork NAME of them."""
    linears = [layer for layer in network.layers if isinstance(layer, nn.Linear)]
    arrays = [c_array("mean", network.mean), c_array("scale", network.scale)]
    for number, layer in enumerate(linears, 1):
        arrays += [c_array(f"weights_{number}", layer.weight.detach()), c_array(f"bias_{number}", layer.bias.detach())]
    widths = ", ".join(str(n) for n in [linears[0].in_features, *(layer.out_features for layer in linears)])
    return "\n".join("static " + array for array in arrays) + f"""
const NrSmallNetwork {name} = {{
  .n       = {{ {widths} }},
  .mean    = mean,
  .scale   = scale,
  .weights = {{ weights_1, weights_2, weights_3 }},
  .bias    = {{ bias_1, bias_2, bias_3 }},
}};
"""


def c_file(title: str, written_by: str, header: str, parts: list[str]) -> str:
    return (f"/* {title} Written by weights/train/{written_by}.\n *\n * SPDX-License-Identifier: GPL-3.0-or-later\n */\n\n"
            f"#include \"{header}\"\n\n" + "\n".join(parts))
