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

from blurs import disc_kernels, gaussian_kernels, line_kernels, shake_kernels
from camera import level_map, photographed
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
    return resized(random_crop(tile, source).float() / 255, size, "cubic").clamp(0, 1)


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

def sinc_lanczos(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), torch.zeros_like(x))


def tent(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def box(x: Tensor) -> Tensor:
    return (0.5 + 1e-6 - x.abs() > 0).double()


FILTERS = {"cubic": (keys_cubic, 2), "lanczos": (sinc_lanczos, 3), "linear": (tent, 1), "box": (box, 1)}


@functools.lru_cache(maxsize=512)
def resize_matrix(source: int, size: int, device: torch.device, kind: str = "cubic", antialias: bool = True) -> Tensor:
    """size x source weights of MATLAB's imresize: antialiased when shrinking, symmetric border."""
    shape, radius = FILTERS[kind]
    scale = size / source
    stretch = max(1.0, 1 / scale) if antialias else 1.0
    centers = (torch.arange(size, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = math.ceil(radius * stretch) + 1
    columns = centers.floor()[:, None] + torch.arange(-reach, reach + 1)
    weights = shape((centers[:, None] - columns) / stretch)
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
    """JPEG of random quality for a random share of the pictures."""
    which = chosen(len(x), share, x.device).flatten().nonzero().flatten()
    if not len(which):
        return x
    count, device = len(which), x.device
    return x.index_copy(0, which, jpeg(x[which], uniform(count, low, high, device), chosen(count, 0.5, device)))


# Tasks: each makes a batch {"input": ..., "target": ..., and "sigma" for denoise}

def denoise_batch(tiles: list[Tensor], count: int, size: int, options: dict) -> dict[str, Tensor]:
    clean = clean_batch(tiles, count, size, options)
    device = clean.device
    sigma = uniform(count, 0, options.get("sigma", 75) / 255, device)
    sigma = sigma * ~chosen(count, options.get("zero", 0.04), device)
    noisy = clean + sigma * torch.randn_like(clean)
    noisy = torch.where(chosen(count, options.get("eight_bit", 0.6), device), to_8_bits(noisy), noisy)
    sigma = sigma.expand(-1, 1, size, size)
    camera = int(count * options.get("camera", 0.0) + random.random())  # rounded up or down, right on average
    if camera:
        parts = zip(camera_case(clean[:camera]), (noisy, sigma, clean))
        noisy, sigma, clean = (torch.cat((spoiled, others[camera:])) for spoiled, others in parts)
    return {"input": noisy, "sigma": sigma, "target": clean}


def camera_case(clean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy picture, level and target.  The level is a map by brightness or one number, 15 % off at most, as estimates are."""
    noisy, quiet = photographed(clean)
    noisy = maybe_jpeg(to_8_bits(noisy), 0.7, 60, 98)
    count, device = len(clean), clean.device
    flat = (noisy - quiet).square().mean((1, 2, 3), keepdim=True).sqrt()
    level = torch.where(chosen(count, 0.5, device), level_map(noisy, quiet), flat)
    return noisy, level * uniform(count, 0.85, 1.15, device), quiet


def blur_kernels(count: int, options: dict, device: torch.device) -> Tensor:
    """N x 1 x 33 x 33: Gaussian mostly, and shares of discs, straight motion, camera shake and no blur at all."""
    radius = 16
    low, high = (math.log(s) for s in options.get("gaussian", [0.3, 4.0]))
    kinds = [(options.get("sharp", 0.08), gaussian_kernels(torch.zeros(count, 1, 1, 1, device=device), radius)),
             (options.get("disc", 0.0), disc_kernels(uniform(count, 0.5, 6, device), radius)),
             (options.get("line", 0.0), line_kernels(uniform(count, 2, 25, device), uniform(count, 0, math.pi, device), radius)),
             (options.get("shake", 0.0), shake_kernels(uniform(count, 3, 25, device), radius))]
    # Small sigmas oftener: there the most is to be won, and the sharpest result wanted.
    kernels = gaussian_kernels(uniform(count, low, high, device).exp(), radius)
    choice = torch.rand(count, 1, 1, 1, device=device)
    for share, others in kinds:
        kernels = torch.where((choice >= 0) & (choice < share), others, kernels)
        choice = choice - share
    return kernels


def deblur_batch(tiles: list[Tensor], count: int, size: int, options: dict) -> dict[str, Tensor]:
    wide = clean_batch(tiles, count, size + 32, options)
    device = wide.device
    clean = wide[..., 16:-16, 16:-16]
    blurred = convolve(wide, blur_kernels(count, options, device))
    # Half of the noisy ones have little noise.
    noise = uniform(count, 0, 1, device)**2 * options.get("noise", 2.0) / 255
    noise = noise * chosen(count, options.get("noisy", 0.5), device)
    blurred = to_8_bits(blurred + noise * torch.randn_like(blurred))
    blurred = maybe_jpeg(blurred, options.get("jpeg", 0.0), 70, 98)
    return {"input": blurred, "target": clean}


def super_resolve_batch(tiles: list[Tensor], count: int, size: int, options: dict) -> dict[str, Tensor]:
    """size is the low resolution's.  Variant "clean": bicubic reduction; "photo": what phones and the web do."""
    scale = options["scale"]
    is_photo = options.get("variant", "clean") == "photo"
    margin = 8 if is_photo else options.get("margin", 4)
    wide = clean_batch(tiles, count, (size + 2 * margin) * scale, options)
    if is_photo:
        low = web_picture(wide, size + 2 * margin)
        low[0] = resized(wide[:1], size + 2 * margin, "cubic")[0]  # one picture a batch stays clean
    else:
        low = resized(wide, size + 2 * margin, "cubic")
    cut = margin * scale
    return {"input": to_8_bits(low)[..., margin:-margin, margin:-margin], "target": wide[..., cut:-cut, cut:-cut]}


def resized(x: Tensor, size: int, kind: str, antialias: bool = True) -> Tensor:
    matrix = resize_matrix(x.shape[-1], size, x.device, kind, antialias)
    return matrix @ x @ matrix.T


def blur_matrix(size: int, sigma: float, device: torch.device) -> Tensor:
    """size x size weights of a Gaussian along one side, renormalized at the border."""
    place = torch.arange(size, device=device, dtype=torch.float32)
    weights = torch.exp(-(place[:, None] - place)**2 / (2 * max(sigma, 0.1)**2))
    return weights / weights.sum(1, keepdim=True)


def web_picture(x: Tensor, size: int) -> Tensor:
    """Blurred, resized, noisy and squeezed, once or twice, size x size in the end; sizes are multiples of 16.

    Blur and filter are the same for the whole batch, noise and JPEG are not.
    """
    sizes = [size]
    if random.random() < 0.6:
        sizes.insert(0, random.randrange(size // 16, x.shape[-1] // 16 + 1) * 16)
    for number, next_size in enumerate(sizes):
        is_last = number == len(sizes) - 1
        count, source, device = len(x), x.shape[-1], x.device
        shrink = source / next_size
        # Viewers and phones often skip the antialiasing: bearable down to about 2/3.
        resize = resize_matrix(source, next_size, device, random.choice(["cubic", "cubic", "lanczos", "linear", "box"]),
                               shrink > 1.5 or random.random() < 0.7)
        soft = random.uniform(0, 0.5) * shrink * (random.random() < 0.7)
        rows, columns = (resize @ blur_matrix(source, soft * random.uniform(0.8, 1.2), device) for _ in range(2))
        x = rows @ x @ columns.T
        noise = uniform(count, 0, 1, device)**2 * 10 / 255 * chosen(count, 0.5, device)
        grain = torch.where(chosen(count, 0.5, device), torch.randn_like(x), torch.randn_like(x[:, :1]))
        x = maybe_jpeg(to_8_bits(x + noise * grain), 0.75 if is_last else 0.5, 55, 97)
    return x


def sharpened_batch(samples: list[dict[str, Tensor]], count: int, size: int, options: dict) -> dict[str, Tensor]:
    """Crops of what blurred.py made."""
    crops = []
    for sample in random.choices(samples, k=count):
        height, width = sample["target"].shape[1:]
        top, left = random.randint(0, height - size), random.randint(0, width - size)
        crop = torch.cat([tensor[:, top:top + size, left:left + size].float() for tensor in sample.values()])
        crop = torch.rot90(crop, random.randrange(4), (1, 2))
        crops.append(crop.flip(2) if random.random() < 0.5 else crop)
    return sharpened_case(dict(zip(("target", "input", "sharpened"), torch.stack(crops).split((3, 3, 2), 1))))


def sharpened_case(sample: dict[str, Tensor]) -> dict[str, Tensor]:
    """N x ... tensors of samples as the network takes them."""
    clean, blurred = (sample[name].float() / 255 for name in ("target", "input"))
    return {"target": clean, "input": blurred, "sharpened": sample["sharpened"].float() + blurred.mean(1, keepdim=True)}


BATCHES = {"denoise": denoise_batch, "deblur": deblur_batch, "deblur-sharpened": sharpened_batch,
           "super-resolve": super_resolve_batch}


# Validation: fixed pictures with fixed damage

def seeded_noise(shape: torch.Size, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def center_crop(tile: Tensor, size: int) -> Tensor:
    top, left = (tile.shape[1] - size) // 2, (tile.shape[2] - size) // 2
    return tile[None, :, top:top + size, left:left + size].float() / 255


def validation_set(task: str, tiles: list[Tensor], options: dict, size: int = 240) -> dict[str, list[dict[str, Tensor]]]:
    """Named cases -> one batch {"input", "target", "sigma"} a tile."""
    if task == "deblur-sharpened":
        return {name: [sharpened_case({key: tensor[None] for key, tensor in sample.items()}) for sample in samples]
                for name, samples in tiles.items()}
    size = options.get("side", size)
    if task == "denoise":
        return {f"sigma{s}": [noisy_case(t, s, i, size) for i, t in enumerate(tiles)] for s in (0, 15, 25, 50)}
    if task == "deblur":
        return {name: [blurred_case(t, kernel, size) for t in tiles] for name, kernel in validation_kernels().items()}
    cases = {f"x{options['scale']}": [reduced_case(t, options["scale"], options.get("side", 312)) for t in tiles]}
    if options.get("variant") == "photo":
        cases["photo"] = [web_case(t, options["scale"], i) for i, t in enumerate(tiles)]
    return cases


def noisy_case(tile: Tensor, sigma: int, seed: int, size: int) -> dict[str, Tensor]:
    clean = center_crop(tile, size)
    noisy = to_8_bits(clean + sigma / 255 * seeded_noise(clean.shape, seed).to(clean.device))
    return {"input": noisy, "target": clean, "sigma": torch.full_like(clean[:, :1], sigma / 255)}


def validation_kernels() -> dict[str, Tensor]:
    """1 x 1 x 33 x 33 each."""
    one = torch.ones(1, 1, 1, 1)
    kernels = {f"gaussian{s}": gaussian_kernels(one * s, 16) for s in (0, 1, 2, 3)}
    return {**kernels, "disc3": disc_kernels(one * 3, 16), "line12": line_kernels(one * 12, one, 16)}


def blurred_case(tile: Tensor, kernel: Tensor, size: int) -> dict[str, Tensor]:
    wide = center_crop(tile, size + 32)
    return {"input": to_8_bits(convolve(wide, kernel.to(wide.device))), "target": wide[..., 16:-16, 16:-16]}


def reduced_case(tile: Tensor, scale: int, side: int) -> dict[str, Tensor]:
    clean = center_crop(tile, side)
    return {"input": to_8_bits(resized(clean, side // scale, "cubic")), "target": clean}


def web_case(tile: Tensor, scale: int, number: int) -> dict[str, Tensor]:
    """One of four fixed pipelines: soft, noisy, and JPEG of two qualities."""
    size = 96 // scale * scale * 3
    clean = center_crop(tile, size)
    sigma, noise, quality = [(0.6, 0, 90), (0.3, 6, 95), (0.3, 0, 70), (0.5, 3, 80)][number % 4]
    one = torch.ones(1, 1, 1, 1, device=clean.device)
    soft = convolve(F.pad(clean, (8, 8, 8, 8), mode="reflect"), gaussian_kernels(one * sigma * scale, 8))
    low = resized(soft, size // scale, "linear")
    low = to_8_bits(low + noise / 255 * seeded_noise(low.shape, number).to(low.device))
    return {"input": jpeg(low, one * quality, one > 0), "target": clean}
