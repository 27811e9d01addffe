# SPDX-License-Identifier: GPL-3.0-or-later
"""Bicubic interpolation (Keys 1981, a = -0.5) as a convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def keys_cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def phase_taps(scale: int) -> Tensor:
    """scale^2 x 5 x 5: the weights of the low-resolution pixels in each of the scale x scale pixels made of one."""
    phase = (torch.arange(scale) + 0.5) / scale - 0.5
    taps = keys_cubic(phase[:, None] - torch.arange(-2, 3))
    return torch.einsum("iy,jx->ijyx", taps, taps).reshape(scale**2, 5, 5)


class Bicubic(nn.Module):
    """N x 3 x H x W -> N x 3 x scale*H x scale*W, pixel centers aligned, edge pixels repeated; nothing is learned."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("taps", phase_taps(scale).repeat(3, 1, 1)[:, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            padded = F.pad(x.to(self.taps.dtype), (2, 2, 2, 2), mode="replicate")
            return F.pixel_shuffle(F.conv2d(padded, self.taps, groups=3), self.scale)
