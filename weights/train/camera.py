# SPDX-License-Identifier: GPL-3.0-or-later
"""What a camera makes of a scene: a mosaic with photon and read noise, demosaiced, developed, smoothed, sharpened.

Pictures are N x 3 x H x W, 0..1, sides even; parameters N x 1 x 1 x 1.  The noisy and the quiet picture are developed
with the same parameters: their difference is what noise became, correlated, stronger in chroma and in
the channels with the larger gain.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor
from torch.nn import functional as F

import blurs

# Malvar, He, Cutler: High-quality linear interpolation for demosaicing of Bayer-patterned color images, 2004; in eighths.
GREEN_AT_OTHERS = [[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]
COLOR_IN_ROW = [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]
COLOR_AT_OTHER = [[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]
TENT = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.rand(count, 1, 1, 1, device=device) * (high - low) + low


def sometimes(values: Tensor, share: float) -> Tensor:
    """The values, but 0 for all but a share of the pictures."""
    return values * (torch.rand_like(values) < share)


# The mosaic: R G / G B

def mosaic_masks(like: Tensor) -> Tensor:
    """1 x 3 x H x W: where each color is measured."""
    masks = torch.zeros(1, 3, *like.shape[2:], device=like.device)
    masks[:, 0, ::2, ::2] = masks[:, 1, ::2, 1::2] = masks[:, 1, 1::2, ::2] = masks[:, 2, 1::2, 1::2] = 1
    return masks


def correlated(planes: Tensor, taps: list[list[float]]) -> Tensor:
    """Each plane with the same small kernel, borders mirrored, which keeps the mosaic's order."""
    kernel = torch.tensor(taps, device=planes.device, dtype=torch.float32)
    radius, count = len(taps) // 2, planes.shape[1]
    padded = F.pad(planes, (radius,) * 4, mode="reflect")
    return F.conv2d(padded, kernel.expand(count, 1, *kernel.shape), groups=count)


def spread(samples: Tensor, masks: Tensor) -> Tensor:
    """Planes known where their mask is 1, elsewhere the weighted mean of the known neighbors."""
    return correlated(samples * masks, TENT) / correlated(masks, TENT)


def bilinear(raw: Tensor, masks: Tensor) -> Tensor:
    return spread(raw.expand(-1, 3, -1, -1), masks)


def linear_5x5(raw: Tensor, masks: Tensor) -> Tensor:
    """Malvar, He and Cutler."""
    red, green, blue = masks.split(1, 1)
    guess = {name: correlated(raw, taps) / 8 for name, taps in
             (("green", GREEN_AT_OTHERS), ("row", COLOR_IN_ROW), ("other", COLOR_AT_OTHER))}
    guess["column"] = correlated(raw, [list(row) for row in zip(*COLOR_IN_ROW)]) / 8
    even_rows = red.amax(3, keepdim=True)
    planes = []
    for own, other, in_row in ((red, blue, even_rows), (blue, red, 1 - even_rows)):
        at_green = torch.where(in_row > 0, guess["row"], guess["column"])
        planes.append(own * raw + other * guess["other"] + green * at_green)
    return torch.cat((planes[0], green * raw + (1 - green) * guess["green"], planes[1]), 1)


def edge_aware(raw: Tensor, masks: Tensor) -> Tensor:
    """Hamilton and Adams: green along the smaller gradient, then color differences linearly."""
    guesses, gradients = [], []
    for turned in (False, True):
        p = raw.transpose(2, 3) if turned else raw
        p = F.pad(p, (2, 2, 0, 0), mode="reflect")
        before, after = p[..., 1:-3], p[..., 3:-1]
        bend = 2 * p[..., 2:-2] - p[..., :-4] - p[..., 4:]
        found = ((before + after) / 2 + bend / 4, (before - after).abs() + bend.abs())
        guess, gradient = (t.transpose(2, 3) if turned else t for t in found)
        guesses.append(guess)
        gradients.append(gradient)
    green = torch.where(gradients[0] < gradients[1], guesses[0], guesses[1])
    green = torch.where(masks[:, 1:2] > 0, raw, green)
    others = green + spread((raw - green).expand(-1, 2, -1, -1), masks[:, ::2])
    return torch.cat((others[:, :1], green, others[:, 1:]), 1)


DEMOSAICS = [bilinear, linear_5x5, edge_aware]


# Development

def blurred(x: Tensor, sigma: Tensor) -> Tensor:
    radius = 6
    kernels = blurs.gaussian_kernels(sigma, radius).expand(-1, x.shape[1], -1, -1).flatten(0, 1)[:, None]
    padded = F.pad(x, (radius,) * 4, mode="reflect").flatten(0, 1)[None]
    return F.conv2d(padded, kernels, groups=padded.shape[1])[0].view_as(x)


def photographed(clean: Tensor) -> tuple[Tensor, Tensor]:
    """Noisy and quiet picture, before rounding and JPEG.

    The quiet one has seen the lens and the development but neither noise nor mosaic.  One way of demosaicing a call,
    sometimes none, as after reduction.
    """
    count, device = len(clean), clean.device
    gamma = uniform(count, 1.8, 2.4, device)
    gains = torch.cat((uniform(count, 1.2, 2.4, device), torch.ones(count, 1, 1, 1, device=device),
                       uniform(count, 1.3, 2.8, device)), 1)
    mix = torch.eye(3, device=device) + (torch.rand(count, 3, 3, device=device) - 0.65) * uniform(count, 0, 0.6, device)[:, 0]
    mix = mix / mix.sum(2, keepdim=True)
    scene = clean.clamp(0, 1)**gamma
    sensor = torch.linalg.solve(mix, scene.flatten(2)).view_as(clean).clamp(0, 1) / gains
    sensor = blurred(sensor, uniform(count, 0.45, 0.8, device))
    variance = sensor * 10 ** uniform(count, -4.2, -1.8, device) + 10 ** uniform(count, -7.4, -3.8, device)
    noisy = sensor + torch.randn_like(sensor) * variance.sqrt()
    if random.random() < 0.8:
        masks = mosaic_masks(clean)
        noisy = random.choice(DEMOSAICS)((noisy * masks).sum(1, keepdim=True), masks)
    luma_blur = sometimes(uniform(count, 0.3, 1.0, device), 0.5)
    chroma_blur = sometimes(uniform(count, 0.5, 2.5, device), 0.7)
    sharpening = sometimes(uniform(count, 0.1, 0.8, device), 0.4)

    def developed(color: Tensor) -> Tensor:
        x = (mix @ (color * gains).flatten(2)).view_as(color).clamp(0, 1)**(1 / gamma)
        luma = x.mean(1, keepdim=True)
        chroma = blurred(x - luma, chroma_blur)
        luma = blurred(luma, luma_blur)
        luma = luma + sharpening * (luma - blurred(luma, torch.full_like(gamma, 1.2)))
        return (luma + chroma).clamp(0, 1)

    return developed(noisy), developed(sensor)


def level_map(noisy: Tensor, quiet: Tensor) -> Tensor:
    """N x 1 x H x W deviation of the noise by brightness: squared differences fitted by a parabola of the luma."""
    square = (noisy - quiet).square().mean(1).flatten(1)
    luma = quiet.mean(1).flatten(1)
    terms = torch.stack((torch.ones_like(luma), luma, luma**2), 2)
    normal = terms.mT @ terms + 1e-3 * luma.shape[1] * torch.eye(3, device=luma.device)
    fit = (terms @ torch.linalg.solve(normal, terms.mT @ square[..., None]))[..., 0]
    lowest = square.mean(1, keepdim=True) / 16
    return fit.maximum(lowest).sqrt().view(len(noisy), 1, *noisy.shape[2:])
