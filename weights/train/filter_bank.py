# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that undo blurs, each the best one for a small family of kernels: the fixed part of `Deblurrer`.

A filter adds what blur and noise took: out = y + c w * y, with c set so that responses differ less.  For kernels h of a family, pictures of spectrum S
(falling with the square of the frequency) and white noise of deviation s, the mean square error is least where

    (mean |H|^2 S + s^2) W = mean conj (H) S - (mean |H|^2 S + s^2)

holds on the filter's support (Wiener's filter, restricted to few taps), solved by conjugate gradients.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

import blurs

SIDE = 128            # of the grid on which spectra are sampled
DEVIATION = 50.0      # of pictures, scale 0..255
ROUNDS = 30
USUAL = 0.05          # filters of a stronger response are made weaker, by the root of the ratio, and weaker ones stronger

GAUSSIANS = [0.45, 0.6, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0]
DISCS = [1.5, 2.2, 3.0, 4.0, 5.2]
SHORT_LINES, LONG_LINES = [5.0, 8.5], [14.0, 22.0]
ANGLES = 12


def picture_spectrum() -> Tensor:
    """SIDE x (SIDE / 2 + 1), as rfft2 has it."""
    f = torch.fft.fftfreq(SIDE, dtype=torch.float64)
    spectrum = 1 / (f[:, None]**2 + f**2 + 1e-4)
    return (spectrum * DEVIATION**2 / spectrum.mean())[:, :SIDE // 2 + 1]


def transform(kernels: Tensor) -> Tensor:
    """N x 1 x K x K -> N x SIDE x (SIDE / 2 + 1), the kernels' centers at 0."""
    radius = kernels.shape[-1] // 2
    padded = torch.zeros(len(kernels), SIDE, SIDE, dtype=torch.float64)
    padded[:, :kernels.shape[-1], :kernels.shape[-1]] = kernels[:, 0]
    return torch.fft.rfft2(padded.roll((-radius, -radius), (1, 2)))


def inner(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2), keepdim=True)


def best_filters(families: list[Tensor], noise: float, radius: int) -> Tensor:
    """One filter a family of kernels, F x 1 x K x K, of sum 0 and round support."""
    spectrum = picture_spectrum()
    transforms = [transform(family) for family in families]
    power = torch.stack([h.abs().square().mean(0) for h in transforms]) * spectrum + noise**2
    aim = torch.stack([h.conj().mean(0) for h in transforms]) * spectrum - power
    distance = torch.fft.fftfreq(SIDE, 1 / SIDE)
    support = (torch.hypot(distance[:, None], distance[None]) <= radius + 0.5).double()

    def filtered(w: Tensor, by: Tensor) -> Tensor:
        return support * torch.fft.irfft2(torch.fft.rfft2(w) * by)

    rest = support * torch.fft.irfft2(aim)
    w = torch.zeros_like(rest)
    step = better = filtered(rest, 1 / power)
    size = inner(rest, better)
    for _ in range(ROUNDS):
        pushed = filtered(step, power)
        length = size / inner(step, pushed)
        w, rest = w + length * step, rest - length * pushed
        better = filtered(rest, 1 / power)
        grown = inner(rest, better)
        step, size = better + grown / size * step, grown
    w = w.roll((radius, radius), (1, 2))[:, :2 * radius + 1, :2 * radius + 1].clone()
    w[:, radius, radius] -= w.sum((1, 2))
    return (w * (USUAL / response(w[:, None])).sqrt())[:, None].float()


def response(filters: Tensor) -> Tensor:
    """F x 1 x 1: deviation of what filters make of a sharp picture, scale 0..1."""
    spectrum = picture_spectrum()
    whole = torch.cat((spectrum, spectrum[:, 1:-1].flip(1)), 1)
    square = torch.fft.fft2(filters[:, 0], s=(SIDE, SIDE)).abs().square() * whole
    return square.mean((1, 2), keepdim=True).sqrt() / 255


def column(values: list[float]) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def around(values: list[float], value: float) -> Tensor:
    """Three values that stand for the interval of `value` among its neighbors."""
    ratio = (values[-1] / values[0])**(0.35 / (len(values) - 1))
    return column([value / ratio, value, value * ratio])


def line_families(lengths: list[float]) -> list[Tensor]:
    families, width = [], math.pi / ANGLES
    for length in lengths:
        for number in range(ANGLES):
            angles = column([(number + offset) * width for offset in (-0.4, -0.15, 0.15, 0.4)])
            near = around(SHORT_LINES + LONG_LINES, length)
            families.append(torch.cat([blurs.line_kernels(one.view(1, 1, 1, 1).expand(4, 1, 1, 1), angles, 16) for one in near]))
    return families


@functools.lru_cache(maxsize=1)
def deblurring_filters() -> tuple[Tensor, ...]:
    """Three groups of filters, of radius 12, 12 and 18: round ones, short motion, long motion."""
    gaussians = [blurs.gaussian_kernels(around(GAUSSIANS, s), 16) for s in GAUSSIANS]
    discs = [blurs.disc_kernels(around(DISCS, r), 16) for r in DISCS]
    noisy = best_filters(gaussians[3::2], 3.0, 12)
    return (torch.cat((best_filters(gaussians + discs, 0.8, 12), noisy)),
            best_filters(line_families(SHORT_LINES), 1.0, 12), best_filters(line_families(LONG_LINES), 1.0, 18))
