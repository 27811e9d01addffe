# SPDX-License-Identifier: GPL-3.0-or-later
"""Blur kernels: Gaussian, defocus disc, straight motion and camera shake, N x 1 x K x K, each of sum 1.

Parameters are N x 1 x 1 x 1, lengths in pixels; K = 2 * radius + 1.  Motion is drawn exactly: points along the
path, each spread bilinearly over its four pixels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

POINTS = 128     # on a path; 25 pixels are then one every 0.2 pixels


def grid(radius: int, device: torch.device) -> tuple[Tensor, Tensor]:
    axis = torch.arange(-radius, radius + 1, device=device, dtype=torch.float32)
    return axis[:, None], axis[None, :]


def normalized(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((-2, -1), keepdim=True)


def gaussian_kernels(sigma: Tensor, radius: int) -> Tensor:
    """Sigma 0 gives the identity."""
    y, x = grid(radius, sigma.device)
    return normalized(torch.exp(-(x**2 + y**2) / (2 * sigma.clamp(min=0.1)**2)))


def disc_kernels(size: Tensor, radius: int) -> Tensor:
    """Defocus discs of radius `size`, with an edge of one pixel."""
    y, x = grid(radius, size.device)
    return normalized((size + 0.5 - (x**2 + y**2).sqrt()).clamp(0, 1))


def path_kernels(x: Tensor, y: Tensor, radius: int) -> Tensor:
    """N x T points of a path, in pixels from the center; points farther than the radius are moved to it."""
    side = 2 * radius + 1
    x, y = ((p + radius).clamp(0, side - 1.001) for p in (x, y))
    left, top = x.floor(), y.floor()
    right, below = x - left, y - top
    corner = (top * side + left).long()
    kernels = torch.zeros(len(x), side * side, device=x.device)
    for offset, weight in ((0, (1 - right) * (1 - below)), (1, right * (1 - below)),
                           (side, (1 - right) * below), (side + 1, right * below)):
        kernels.scatter_add_(1, corner + offset, weight)
    return normalized(kernels.view(-1, 1, side, side))


def line_kernels(length: Tensor, angle: Tensor, radius: int) -> Tensor:
    """Straight motion over `length` pixels at `angle` (radians, counter-clockwise)."""
    along = torch.linspace(-0.5, 0.5, POINTS, device=length.device) * length.flatten(1)
    angle = angle.flatten(1)
    return path_kernels(along * angle.cos(), -along * angle.sin(), radius)


def shake_kernels(size: Tensor, radius: int) -> Tensor:
    """Camera shake: a random walk with inertia, `size` pixels across."""
    count, device = len(size), size.device
    start = torch.rand(count, 1, device=device) * 2 * math.pi
    turning = torch.rand(count, 1, device=device) * 0.25
    heading = start + (torch.randn(count, POINTS, device=device) * turning).cumsum(1)
    speed = (torch.randn(count, POINTS, device=device) * 0.15).cumsum(1).exp()
    paths = [(speed * direction).cumsum(1) for direction in (heading.cos(), heading.sin())]
    low, high = (torch.stack([end(p, 1).values for p in paths]) for end in (torch.min, torch.max))
    across = (high - low).amax(0)[:, None]
    x, y = ((p - (least + most)[:, None] / 2) * size.flatten(1) / across for p, least, most in zip(paths, low, high))
    return path_kernels(x, y, radius)
