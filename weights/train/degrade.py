# SPDX-License-Identifier: GPL-3.0-or-later
"""Training data: clean tiles held decoded in memory, and what spoils them, vectorized over the batch.

Everything is N x 3 x H x W on the training device, 0..1 sRGB-encoded, and uses the global random
generators of torch, whose state the checkpoint keeps.
"""

from __future__ import annotations

import functools
import math
import random
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from cubic import keys_cubic

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}


# Tiles

def picture_files(folder: Path) -> list[Path]:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURES)
    if not files:
        raise SystemExit(f"{folder}: no picture (PNG, JPEG, WebP or TIFF) in this folder")
    return files


def load_tiles(files: list[Path], device: torch.device) -> list[Tensor]:
    """Decoded pictures, each 3 x H x W uint8."""
    return [torch.from_numpy(numpy.array(Image.open(f).convert("RGB"))).permute(2, 0, 1).contiguous().to(device)
            for f in files]


def random_crop(tile: Tensor, size: int) -> Tensor:
    top = random.randint(0, tile.shape[1] - size)
    left = random.randint(0, tile.shape[2] - size)
    return tile[:, top:top + size, left:left + size]


def clean_patch(tile: Tensor, size: int, shrink: float) -> Tensor:
    """A random patch 3 x size x size in 0..1; with probability `shrink` reduced first (sharper, finer texture)."""
    if random.random() >= shrink:
        return random_crop(tile, size).float() / 255
    source = min(int(size * random.uniform(1.2, 2.2)), tile.shape[1], tile.shape[2])
    matrix = resize_matrix(source, size, tile.device)
    return (matrix @ (random_crop(tile, source).float() / 255) @ matrix.T).clamp(0, 1)


def turn(patch: Tensor, upright: bool = False) -> Tensor:
    """One of the 8 turns and flips, and one of the 6 orders of the channels; upright: only mirrored or not."""
    if upright:
        return patch.flip(2) if random.random() < 0.5 else patch
    patch = torch.rot90(patch, random.randrange(4), (1, 2))
    if random.random() < 0.5:
        patch = patch.flip(2)
    return patch[torch.randperm(3)]


def clean_batch(tiles: list[Tensor], count: int, size: int, options: dict) -> Tensor:
    """count x 3 x size x size in 0..1 from random places; options "shrink", "upright"."""
    shrink, upright = options.get("shrink", 0.0), options.get("upright", False)
    return torch.stack([turn(clean_patch(random.choice(tiles), size, shrink), upright) for _ in range(count)])


# Resampling and blur

@functools.lru_cache(maxsize=512)
def resize_matrix(source: int, size: int, device: torch.device) -> Tensor:
    """size x source weights of MATLAB's imresize "bicubic": antialiased when shrinking, symmetric border."""
    scale = size / source
    stretch = max(1.0, 1 / scale)
    centers = (torch.arange(size, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = math.ceil(2 * stretch) + 1
    columns = centers.floor()[:, None] + torch.arange(-reach, reach + 1)
    weights = keys_cubic((centers[:, None] - columns) / stretch)
    weights /= weights.sum(1, keepdim=True)
    columns = columns.long() % (2 * source)
    columns = torch.where(columns < source, columns, 2 * source - 1 - columns)
    matrix = torch.zeros(size, source, dtype=torch.float64).scatter_add_(1, columns, weights)
    return matrix.float().to(device)


def to_8_bits(x: Tensor) -> Tensor:
    return (x.clamp(0, 1) * 255).round() / 255


def uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    """count x 1 x 1 x 1 random numbers."""
    return torch.rand(count, 1, 1, 1, device=device) * (high - low) + low


def chosen(count: int, share: float, device: torch.device) -> Tensor:
    """count x 1 x 1 x 1 booleans, true with probability `share`."""
    return torch.rand(count, 1, 1, 1, device=device) < share


def grid(radius: int, device: torch.device) -> tuple[Tensor, Tensor]:
    axis = torch.arange(-radius, radius + 1, device=device, dtype=torch.float32)
    return axis[:, None], axis[None, :]


def normalized(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((-2, -1), keepdim=True)


def gaussian_kernels(sigma: Tensor, radius: int) -> Tensor:
    """N x 1 x 1 x 1 sigmas in pixels -> N x 1 x K x K kernels; sigma 0 gives the identity."""
    y, x = grid(radius, sigma.device)
    return normalized(torch.exp(-(x**2 + y**2) / (2 * sigma.clamp(min=0.1)**2)))


def disc_kernels(size: Tensor, radius: int) -> Tensor:
    """Defocus discs of radius `size`, with an edge of one pixel."""
    y, x = grid(radius, size.device)
    return normalized((size + 0.5 - (x**2 + y**2).sqrt()).clamp(0, 1))


def line_kernels(length: Tensor, angle: Tensor, radius: int) -> Tensor:
    """Straight motion: 1 pixel wide lines of `length` pixels at `angle` (radians)."""
    y, x = grid(radius, length.device)
    along = (x * angle.cos() + y * angle.sin()).abs()
    across = (y * angle.cos() - x * angle.sin()).abs()
    return normalized(((length / 2 + 0.5 - along).clamp(0, 1) * (1 - across).clamp(0, 1)))


def convolve(x: Tensor, kernels: Tensor) -> Tensor:
    """Each picture with its own kernel (N x 1 x K x K), by FFT; the outer K // 2 pixels are cut off."""
    radius = kernels.shape[-1] // 2
    shape = x.shape[-2:]
    padded = F.pad(kernels, (0, shape[1] - kernels.shape[-1], 0, shape[0] - kernels.shape[-2]))
    spectrum = torch.fft.rfft2(torch.roll(padded, (-radius, -radius), (-2, -1)))
    blurred = torch.fft.irfft2(torch.fft.rfft2(x) * spectrum, s=shape)
    return blurred[..., radius:-radius, radius:-radius]


# Noise and JPEG

def camera_noise(clean: Tensor) -> Tensor:
    """What a small camera leaves: photon and read noise in linear sensor colors, smoothed, more in chroma.

    The sensor's colors are mixed by a random matrix with rows of sum 1, so that channels share noise.
    """
    count, device = len(clean), clean.device
    mix = torch.eye(3, device=device) + (torch.rand(count, 3, 3, device=device) - 0.35) * -0.6
    mix = mix / mix.sum(2, keepdim=True)
    gamma = uniform(count, 1.8, 2.4, device)
    sensor = torch.linalg.solve(mix, (clean.clamp(0, 1)**gamma).flatten(2)).view_as(clean)
    photon = 10 ** uniform(count, -4.0, -1.7, device)
    read = 10 ** uniform(count, -3.5, -1.6, device)
    noise = torch.randn_like(clean) * (sensor.clamp(min=0) * photon + read**2).sqrt()
    noise = smoothed_noise(noise)
    linear = (mix @ (sensor + noise).flatten(2)).view_as(clean)
    return linear.clamp(0, 1)**(1 / gamma)


def smoothed_noise(noise: Tensor) -> Tensor:
    """Spatially correlated as demosaicing and in-camera smoothing leave it; luma less than chroma."""
    count, device = len(noise), noise.device
    kernels = gaussian_kernels(uniform(count, 0.0, 1.0, device), 3)
    wide = gaussian_kernels(uniform(count, 0.4, 1.6, device), 3)
    padded = F.pad(noise, (3, 3, 3, 3), mode="reflect")
    fine, coarse = convolve(padded, kernels), convolve(padded, wide)
    luma = fine.mean(1, keepdim=True)
    chroma = coarse - coarse.mean(1, keepdim=True)
    return luma + chroma * uniform(count, 1.0, 2.0, device)


# Annex K of the JPEG standard (ITU-T T.81), quality 50.
LUMA_TABLE = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
CHROMA_TABLE = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99] + [99] * 32
TO_YCC = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]


def dct_matrix(device: torch.device) -> Tensor:
    k = torch.arange(8, device=device, dtype=torch.float32)
    matrix = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def quantization(quality: Tensor, device: torch.device) -> Tensor:
    """N x 3 x 1 x 8 x 1 x 8 divisors, scaled as libjpeg does."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    tables = torch.tensor([LUMA_TABLE, CHROMA_TABLE, CHROMA_TABLE], device=device, dtype=torch.float32)
    tables = ((tables[None] * scale.view(-1, 1, 1) + 50) / 100).floor().clamp(1, 255)
    return tables.view(-1, 3, 1, 8, 1, 8)


def jpeg(x: Tensor, quality: Tensor, subsampled: Tensor) -> Tensor:
    """What JPEG leaves of pictures in 0..1.

    quality, subsampled   N x 1 x 1 x 1, 1..100, and whether chroma is halved (4:2:0)
    Sides must be multiples of 16.  The block grid starts at a random place.
    """
    shift = (random.randrange(8), random.randrange(8))
    to_ycc = torch.tensor(TO_YCC, device=x.device)
    ycc = torch.einsum("ck,nkhw->nchw", to_ycc, torch.roll(x, shift, (2, 3)) * 255 - 128)
    half = F.interpolate(F.avg_pool2d(ycc, 2), scale_factor=2, mode="bilinear")
    ycc = torch.cat((ycc[:, :1], torch.where(subsampled, half, ycc)[:, 1:]), 1)
    dct = dct_matrix(x.device)
    n, c, height, width = ycc.shape
    blocks = ycc.reshape(n, c, height // 8, 8, width // 8, 8)
    blocks = torch.einsum("ky,ncaybx,lx->ncakbl", dct, blocks, dct)
    table = quantization(quality, x.device)
    blocks = (blocks / table).round() * table
    ycc = torch.einsum("ky,ncakbl,lx->ncaybx", dct, blocks, dct).reshape(n, c, height, width)
    rgb = torch.einsum("ck,nkhw->nchw", torch.linalg.inv(to_ycc), ycc) + 128
    return to_8_bits(torch.roll(rgb / 255, (-shift[0], -shift[1]), (2, 3)))


def maybe_jpeg(x: Tensor, share: float, low: float, high: float) -> Tensor:
    if share <= 0:
        return x
    count, device = len(x), x.device
    squeezed = jpeg(x, uniform(count, low, high, device), chosen(count, 0.5, device))
    return torch.where(chosen(count, share, device), squeezed, x)


# Tasks: each makes a batch {"input": ..., "target": ..., and "sigma" for denoise}

def denoise_batch(tiles: list[Tensor], count: int, size: int, options: dict) -> dict[str, Tensor]:
    clean = clean_batch(tiles, count, size, options)
    device = clean.device
    sigma = uniform(count, 0, options.get("sigma", 75) / 255, device)
    sigma = sigma * ~chosen(count, options.get("zero", 0.04), device)
    noisy = clean + sigma * torch.randn_like(clean)
    noisy = torch.where(chosen(count, options.get("eight_bit", 0.6), device), to_8_bits(noisy), noisy)
    camera = int(count * options.get("camera", 0.0) + random.random())  # rounded up or down, right on average
    if camera:
        spoiled = maybe_jpeg(camera_noise(clean[:camera]), 0.6, 70, 98)
        noisy = torch.cat((spoiled, noisy[camera:]))
        level = (spoiled - clean[:camera]).square().mean((1, 2, 3), keepdim=True).sqrt()
        sigma = torch.cat((level, sigma[camera:]))
    return {"input": noisy, "sigma": sigma.expand(-1, 1, size, size), "target": clean}


def blur_kernels(count: int, options: dict, device: torch.device) -> Tensor:
    """N x 1 x 33 x 33: Gaussian mostly, a share of discs and lines, and of no blur at all."""
    radius = 16
    low, high = options.get("gaussian", [0.3, 4.0])
    kernels = gaussian_kernels(uniform(count, low, high, device), radius)
    kind = torch.rand(count, 1, 1, 1, device=device)
    sharp, disc, line = options.get("sharp", 0.08), options.get("disc", 0.0), options.get("line", 0.0)
    discs = disc_kernels(uniform(count, 0.5, 6, device), radius)
    lines = line_kernels(uniform(count, 2, 25, device), uniform(count, 0, math.pi, device), radius)
    none = gaussian_kernels(torch.zeros(count, 1, 1, 1, device=device), radius)
    kernels = torch.where(kind < sharp + disc + line, lines, kernels)
    kernels = torch.where(kind < sharp + disc, discs, kernels)
    return torch.where(kind < sharp, none, kernels)


def deblur_batch(tiles: list[Tensor], count: int, size: int, options: dict) -> dict[str, Tensor]:
    wide = clean_batch(tiles, count, size + 32, options)
    device = wide.device
    clean = wide[..., 16:-16, 16:-16]
    blurred = convolve(wide, blur_kernels(count, options, device))
    noise = uniform(count, 0, options.get("noise", 2.0) / 255, device) * chosen(count, 0.5, device)
    blurred = to_8_bits(blurred + noise * torch.randn_like(blurred))
    blurred = maybe_jpeg(blurred, options.get("jpeg", 0.0), 70, 98)
    return {"input": blurred, "target": clean}


def super_resolve_batch(tiles: list[Tensor], count: int, size: int, options: dict) -> dict[str, Tensor]:
    """size is the low resolution's."""
    scale, margin = options["scale"], options.get("margin", 4)
    wide = clean_batch(tiles, count, (size + 2 * margin) * scale, options)
    matrix = resize_matrix(wide.shape[-1], size + 2 * margin, wide.device)
    low = to_8_bits(matrix @ wide @ matrix.T)
    cut = margin * scale
    return {"input": low[..., margin:-margin, margin:-margin], "target": wide[..., cut:-cut, cut:-cut]}


BATCHES = {"denoise": denoise_batch, "deblur": deblur_batch, "super-resolve": super_resolve_batch}


# Validation: fixed pictures with fixed damage

def seeded_noise(shape: torch.Size, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def center_crop(tile: Tensor, size: int) -> Tensor:
    top, left = (tile.shape[1] - size) // 2, (tile.shape[2] - size) // 2
    return tile[None, :, top:top + size, left:left + size].float() / 255


def validation_set(task: str, tiles: list[Tensor], options: dict, size: int = 240) -> dict[str, list[dict[str, Tensor]]]:
    """Named cases -> one batch {"input", "target", "sigma"} a tile."""
    size = options.get("side", size)
    if task == "denoise":
        return {f"sigma{s}": [noisy_case(t, s, i, size) for i, t in enumerate(tiles)] for s in (0, 15, 25, 50)}
    if task == "deblur":
        return {f"gaussian{s}": [blurred_case(t, s, i, size) for i, t in enumerate(tiles)] for s in (0, 1, 2, 3)}
    return {f"x{options['scale']}": [reduced_case(t, options["scale"], options.get("side", 312)) for t in tiles]}


def noisy_case(tile: Tensor, sigma: int, seed: int, size: int) -> dict[str, Tensor]:
    clean = center_crop(tile, size)
    noisy = to_8_bits(clean + sigma / 255 * seeded_noise(clean.shape, seed).to(clean.device))
    return {"input": noisy, "target": clean, "sigma": torch.full_like(clean[:, :1], sigma / 255)}


def blurred_case(tile: Tensor, sigma: int, seed: int, size: int) -> dict[str, Tensor]:
    wide = center_crop(tile, size + 32)
    kernel = gaussian_kernels(torch.full((1, 1, 1, 1), float(sigma), device=tile.device), 16)
    return {"input": to_8_bits(convolve(wide, kernel)), "target": wide[..., 16:-16, 16:-16]}


def reduced_case(tile: Tensor, scale: int, side: int) -> dict[str, Tensor]:
    clean = center_crop(tile, side)
    matrix = resize_matrix(side, side // scale, tile.device)
    return {"input": to_8_bits(matrix @ clean @ matrix.T), "target": clean}
