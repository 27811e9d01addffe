#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the engine's noise estimate and writes its table.

    noise_level.py --pictures DIR --validation val.txt --features features.npz --program neural-restore \
                   --out ../../engine/restore/noise-table.c

The engine describes a picture's flat blocks by the numbers in engine/restore/noise-features.h; `features` here
computes the same.  A small network (136-48-24-1, ReLU) turns those of a channel and the mean of the other two's into
ln (sigma + 1) of that channel.  It learns
from pictures with known noise: Gaussian, clipped to 8 bits or not, and what cameras make (demosaiced, smoothed,
sharpened, reduced, JPEG), where sigma is the root mean square of what the noise changed.  Clean pictures, ramps
and clean JPEGs belong to sigma 0: texture must not be taken for noise.

The level that restores best is not that sigma: a network takes part of coarse noise for texture unless it is told
more.  So camera pictures are restored at several told levels, and nine numbers are fitted that turn sigma and the
noise's grain into the level with the highest mean PSNR.  Features and the small network are kept in two files, so
that the same command repeats only this second step, for another network in minutes.
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy
import torch
from torch import Tensor
from torch.nn import functional as F

import degrade
from table import SmallNetwork, c_array, c_file, c_network, train

BLOCK = 8
SCALES = 3
GROUPS = [(0, 0.05), (0.05, 0.15), (0.15, 0.30), (0.30, 0.50)]
MIN_USABLE = 32
HIDDEN = (48, 24)


# Features, as engine/restore/noise-features.c

def blocks_of(plane: numpy.ndarray) -> numpy.ndarray:
    height, width = (n - n % BLOCK for n in plane.shape)
    return plane[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 1, 3)


def block_statistics(plane: numpy.ndarray) -> tuple[numpy.ndarray, ...]:
    """Mean, variance about a fitted plane, and mean square of the diagonal Haar details of each block."""
    blocks = blocks_of(plane).reshape(-1, BLOCK, BLOCK)
    axis = numpy.arange(BLOCK) - (BLOCK - 1) / 2
    slope = numpy.float32(axis / numpy.sqrt((axis**2).sum() * BLOCK))
    mean = blocks.mean((1, 2))
    centered = blocks - mean[:, None, None]
    fitted = (centered * slope).sum((1, 2))**2 + (centered * slope[:, None]).sum((1, 2))**2
    variance = numpy.maximum((centered**2).sum((1, 2)) - fitted, 0) / (BLOCK**2 - 3)
    quads = centered.reshape(-1, BLOCK // 2, 2, BLOCK // 2, 2)
    diagonal = (quads[:, :, 0, :, 0] - quads[:, :, 1, :, 0] - quads[:, :, 0, :, 1] + quads[:, :, 1, :, 1]) / 2
    return mean, variance, (diagonal**2).mean((1, 2))


def root_log(square: float) -> float:
    return math.log(0.1 + math.sqrt(square))


def ranked_features(mean: numpy.ndarray, variance: numpy.ndarray, diagonal: numpy.ndarray) -> tuple[list, list]:
    """Ten features of blocks, and the brightness of the four groups."""
    order, count = numpy.argsort(variance, kind="stable"), len(variance)
    found, brightness = [], []
    for first, last in GROUPS:
        begin = int(first * count)
        group = order[begin:max(int(last * count), begin + 1)]
        found += [root_log(variance[group].mean()), root_log(diagonal[group].mean())]
        brightness.append(mean[group].mean() / 255)
    diagonal = numpy.sort(diagonal)
    return found + [root_log(diagonal[int(q * count)]) for q in (0.05, 0.25)], brightness


def usable_blocks(plane: numpy.ndarray) -> numpy.ndarray:
    clipped = ((blocks_of(plane) <= 0.5) | (blocks_of(plane) >= 254.5)).sum((2, 3)).reshape(-1)
    usable = clipped <= BLOCK
    return usable if usable.sum() >= MIN_USABLE else numpy.ones_like(usable)


def halved(plane: numpy.ndarray) -> numpy.ndarray:
    height, width = (n - n % 2 for n in plane.shape)
    return plane[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def features(picture: numpy.ndarray, channel: int) -> numpy.ndarray:
    """The 68 features of one channel of a picture 3 x H x W, float32, 0..255."""
    own = picture[channel]
    difference = own - (picture[(channel + 1) % 3] + picture[(channel + 2) % 3]) / 2
    found, tail = [], []
    for scale in range(SCALES):
        usable = usable_blocks(own)
        numbers, brightness = ranked_features(*(s[usable] for s in block_statistics(own)))
        found += numbers + ranked_features(*(s[usable] for s in block_statistics(difference)))[0]
        if scale == 0:
            tail = brightness + [usable.mean()]
        own, difference = halved(own), halved(difference)
    own = picture[channel]
    tail += [(own <= 0.5).mean(), (own >= 254.5).mean(), own.mean() / 255]
    return numpy.array(found + tail, numpy.float32)


def network_inputs(rows: Tensor) -> Tensor:
    """3 N x 136 from the features of N pictures, a row a channel: each with the mean of the other two."""
    channels = rows.view(-1, 3, rows.shape[1])
    others = (channels.sum(1, keepdim=True) - channels) / 2
    return torch.cat((channels, others), 2).flatten(0, 1)


# Pictures with known noise: each maker returns picture 1 x 3 x H x W in 0..1 and sigma of its channels (0..255)

def blurred(x: Tensor, sigma: float) -> Tensor:
    if sigma < 0.15:
        return x
    radius = max(1, math.ceil(3 * sigma))
    kernel = degrade.gaussian_kernels(torch.full((1, 1, 1, 1), sigma), radius)[0, 0].sum(0)
    x = F.pad(x, (radius,) * 4, mode="reflect")
    for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
        x = F.conv2d(x, kernel.view(shape).repeat(x.shape[1], 1, 1, 1), groups=x.shape[1])
    return x


def interpolated(x: Tensor, mask: Tensor) -> Tensor:
    """Planes known where MASK is 1, linear in between."""
    kernel = torch.tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1.0]]).view(1, 1, 3, 3).repeat(x.shape[1], 1, 1, 1)
    total, weight = (F.conv2d(F.pad(p, (1,) * 4, mode="reflect"), kernel, groups=x.shape[1]) for p in (x * mask, mask))
    return total / weight


def demosaiced(x: Tensor, of_differences: bool) -> Tensor:
    """Only the samples of an RGGB mosaic, the others interpolated: each color alone, or green and differences to it."""
    mask = torch.zeros(1, 3, *x.shape[2:])
    mask[:, 0, ::2, ::2] = mask[:, 1, ::2, 1::2] = mask[:, 1, 1::2, ::2] = mask[:, 2, 1::2, 1::2] = 1
    if not of_differences:
        return interpolated(x, mask)
    green = interpolated(x[:, 1:2], mask[:, 1:2])
    return green + interpolated(x - green, mask)


def median(x: Tensor) -> Tensor:
    """Of 3 x 3 pixels."""
    padded = F.pad(x, (1,) * 4, mode="reflect")
    return F.unfold(padded.flatten(0, 1)[:, None], 3).view(*x.shape[:2], 9, -1).median(2).values.view(x.shape)


def cored(x: Tensor, sigma: float, threshold: float) -> Tensor:
    """Details finer than SIGMA lose THRESHOLD, as a camera's noise reduction takes weak ones away."""
    coarse = blurred(x, sigma)
    return coarse + F.softshrink(x - coarse, threshold)


def developed(clean: Tensor) -> tuple[Tensor, Tensor]:
    """A camera's picture with and without noise: lens, photon and read noise, demosaicing, color matrix, gamma,
    smoothing, coring or a median of chroma, less of luma, sharpening, sometimes reduced."""
    gamma = random.uniform(1.8, 2.4)
    gains = torch.tensor([random.uniform(1.2, 2.4), 1, random.uniform(1.2, 2.6)]).view(1, 3, 1, 1)
    mix = torch.eye(3) + (torch.rand(3, 3) - 0.75) * random.uniform(0, 0.9)
    mix /= mix.sum(1, keepdim=True)
    scene = blurred(clean.clamp(0, 1)**gamma, random.uniform(0.3, 0.9) * (random.random() < 0.8))
    raw = (torch.linalg.inv(mix) @ scene.flatten(2)).view_as(scene) / gains
    is_faint = random.random() < 0.4  # what texture is easily taken for
    photon = 10**(random.uniform(-5.2, -3.6) if is_faint else random.uniform(-4.2, -1.8))
    read = 10**(random.uniform(-4.2, -3) if is_faint else random.uniform(-3.6, -1.8))
    pair = [raw + torch.randn_like(raw) * (raw.clamp(min=0) * photon + read**2).sqrt(), raw]
    if random.random() < 0.85:
        of_differences = random.random() < 0.6
        pair = [demosaiced(x, of_differences) for x in pair]
    luma_blur = random.uniform(0, 1) * (random.random() < 0.4)
    luma_coring = (random.uniform(0.6, 1.5), random.uniform(0, 0.03) * (random.random() < 0.4))
    chroma_blur = random.uniform(0, 2.5) * (random.random() < 0.5)
    chroma_coring = (random.uniform(0.8, 3), random.uniform(0, 0.06) * (random.random() < 0.4))
    medians = random.choice((0, 0, 1, 2))
    sharpening, width = random.uniform(0, 1.2) * (random.random() < 0.6), random.uniform(0.7, 1.5)
    size = None
    if random.random() < 0.3:
        reduction = random.uniform(1.1, 2.2)
        size = [int(n / reduction) // 16 * 16 for n in clean.shape[2:]]

    def finish(x: Tensor) -> Tensor:
        x = (mix @ (x * gains).flatten(2)).view_as(x).clamp(0, 1)**(1 / gamma)
        luma = x.mean(1, keepdim=True)
        chroma = x - luma
        for _ in range(medians):
            chroma = median(chroma)
        chroma = cored(blurred(chroma, chroma_blur), *chroma_coring)
        luma = cored(blurred(luma, luma_blur), *luma_coring)
        x = (luma + sharpening * (luma - blurred(luma, width)) + chroma).clamp(0, 1)
        return x if size is None else F.interpolate(x, size=size, mode="bicubic", antialias=True)

    return finish(pair[0]), finish(pair[1])


def jpeg(x: Tensor, low: float, high: float) -> Tensor:
    quality = torch.full((1, 1, 1, 1), random.uniform(low, high))
    return degrade.jpeg(x, quality, torch.full((1, 1, 1, 1), random.random() < 0.5))


def ramp_plane() -> Tensor:
    """A straight one along rows or columns, or a bent one in any direction."""
    y, x = torch.meshgrid(torch.arange(256) / 256, torch.arange(256) / 256, indexing="ij")
    start = random.uniform(0, 1)
    if random.random() < 0.4:
        return start + (random.uniform(0, 1) - start) * random.choice((x, y))
    angle = random.uniform(0, 2 * math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    return start + random.uniform(-0.6, 0.6) * along + random.uniform(-0.5, 0.5) * along**2


def ramp_picture() -> tuple[Tensor, Tensor]:
    planes = [ramp_plane()] * 3 if random.random() < 0.3 else [ramp_plane() for _ in range(3)]
    picture = torch.stack(planes)[None].clamp(0, 1)
    if random.random() < 0.3:
        picture = (picture * random.uniform(3, 12)).floor() / 12
    return (picture if random.random() < 0.4 else degrade.to_8_bits(picture)), torch.zeros(3)


def clean_picture(clean: Tensor) -> tuple[Tensor, Tensor]:
    picture = degrade.to_8_bits(clean)
    return (jpeg(picture, 75, 98) if random.random() < 0.3 else picture), torch.zeros(3)


def gaussian_picture(clean: Tensor, is_grey: bool) -> tuple[Tensor, Tensor]:
    level = random.uniform(0, 75) if random.random() < 0.6 else math.exp(random.uniform(math.log(0.7), math.log(40)))
    noise = torch.randn_like(clean)
    sigma = torch.full((3,), level)
    if is_grey:
        noise = noise[:, :1].expand(-1, 3, -1, -1)
    elif random.random() < 0.25:
        sigma = sigma * torch.empty(3).uniform_(0.5, 1.5)
    noisy = clean + noise * sigma.view(1, 3, 1, 1) / 255
    return (degrade.to_8_bits(noisy) if random.random() < 0.65 else noisy), sigma


def camera_pair(clean: Tensor, is_grey: bool) -> tuple[Tensor, Tensor, Tensor]:
    """With noise, sigma of its channels, without noise."""
    noisy, quiet = (degrade.camera_noise(clean), clean) if random.random() < 0.4 else developed(clean)
    if is_grey:
        noisy, quiet = (x.mean(1, keepdim=True).expand(-1, 3, -1, -1) for x in (noisy, quiet))
    noisy = degrade.to_8_bits(noisy)
    if random.random() < 0.6:
        noisy = jpeg(noisy, 70, 98)
    return noisy, (noisy - quiet).square().mean((0, 2, 3)).sqrt() * 255, quiet


def camera_picture(clean: Tensor, is_grey: bool) -> tuple[Tensor, Tensor]:
    return camera_pair(clean, is_grey)[:2]


def varied(tile: Tensor) -> Tensor:
    """A turned, reduced, brightened, cropped picture 1 x 3 x H x W in 0..1; sides multiples of 16."""
    clean = degrade.turn(tile)[None].float() / 255
    if random.random() < 0.25:
        reduction = random.uniform(1.2, 2.2)
        size = [int(n / reduction) for n in clean.shape[2:]]
        clean = F.interpolate(clean, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    if random.random() < 0.3:
        clean = ((clean - 0.5) * random.uniform(0.6, 1.2) + 0.5 + random.uniform(-0.2, 0.2)).clamp(0, 1)
    if random.random() < 0.1:
        clean = clean.mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
    height, width = clean.shape[2:]
    if random.random() < 0.8:
        size = random.randrange(208, 320)
        top, left = random.randint(0, max(0, height - size)), random.randint(0, max(0, width - size))
        clean = clean[..., top:top + size, left:left + size]
    height, width = clean.shape[2:]
    return clean[..., :height // 16 * 16, :width // 16 * 16]


def random_picture(tiles: list[Tensor]) -> tuple[Tensor, Tensor]:
    if random.random() < 0.08:
        return ramp_picture()
    clean = varied(random.choice(tiles))
    is_grey = bool((clean[:, 0] == clean[:, 1]).all())
    kind = random.random()
    if kind < 0.2:
        return clean_picture(clean)
    return gaussian_picture(clean, is_grey) if kind < 0.56 else camera_picture(clean, is_grey)


def samples(tiles: list[Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Features and sigma, a row for each channel of COUNT pictures."""
    rows, levels = [], []
    for _ in range(count):
        picture, sigma = random_picture(tiles)
        planes = numpy.ascontiguousarray(picture[0].numpy() * 255, dtype=numpy.float32)
        rows += [features(planes, channel) for channel in range(3)]
        levels += sigma.tolist()
    return torch.from_numpy(numpy.stack(rows)), torch.tensor(levels)


# Training

class Estimator(SmallNetwork):
    """From network_inputs () to ln (sigma + 1)."""

    def __init__(self, inputs: Tensor) -> None:
        super().__init__(inputs, HIDDEN, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs)[:, 0]


def trained(inputs: Tensor, levels: Tensor, steps: int) -> Estimator:
    estimator, targets = Estimator(inputs), torch.log(levels + 1)
    train(estimator, inputs, steps, batch=512, spread=0.05, decay=1e-3,
          loss_of=lambda outputs, chosen: F.smooth_l1_loss(outputs, targets[chosen], beta=0.05))
    return estimator


def sigma_of(estimator: Estimator, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return (torch.exp(estimator(inputs)) - 1).clamp(0, 100)


def report(estimator: Estimator, inputs: Tensor, levels: Tensor) -> None:
    guess = sigma_of(estimator, inputs)
    clean = levels == 0
    ratio = torch.log((guess[~clean] + 1) / (levels[~clean] + 1))
    print(f"{len(levels)} channels: clean ones get {guess[clean].mean():.2f} (90 %: {guess[clean].quantile(0.9):.2f}), "
          f"noisy ones are off by a factor of {math.exp(ratio.abs().mean()):.3f} (bias {math.exp(ratio.mean()):.3f})")


# Calibration: from sigma and grain to the level that restores best

RATIOS = [2 ** (k / 5) for k in range(-2, 7)]  # told level over sigma; 1 is among them, where white noise has its best
LIMITS = (math.log(0.7), math.log(2.2))


def grain(rows: Tensor) -> Tensor:
    """Seven numbers of each row: how the flat blocks' deviation changes from the finest details to the blocks at full,
    half and quarter size, of the channel and of the difference, and the difference's over the channel's."""
    own, difference = ([rows[:, start + k] for k in (3, 2, 22, 42)] for start in (0, 10))
    steps = [[after - before for before, after in zip(plane, plane[1:])] for plane in (own, difference)]
    return torch.stack([*steps[0], *steps[1], difference[1] - own[1]], 1)


def calibration_inputs(rows: Tensor, sigma: Tensor) -> Tensor:
    """N x 9 from 3 N rows, a row a channel, and their sigma: mean grain, ln (1 + level) and 1."""
    level = sigma.view(-1, 3).square().mean(1).sqrt()
    return torch.cat((grain(rows).view(-1, 3, 7).mean(1), torch.log1p(level)[:, None], torch.ones(len(level), 1)), 1)


def restored(program: str, noisy: numpy.ndarray, level: float) -> numpy.ndarray:
    """What the command line makes of a picture H x W x 3, 8 bits."""
    with tempfile.TemporaryDirectory() as folder:
        cv2.imwrite(f"{folder}/in.png", noisy)
        done = subprocess.run([program, "denoise", "--noise", str(level), "--quiet", f"{folder}/in.png", f"{folder}/out.png"],
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{program}: {done.stderr.strip()}")
        return cv2.imread(f"{folder}/out.png")


def psnr(a: numpy.ndarray, b: numpy.ndarray) -> float:
    return 10 * math.log10(255**2 / max(numpy.mean((a.astype(float) - b)**2), 1e-6))


def to_pixels(x: Tensor) -> numpy.ndarray:
    return (x[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def calibration_pictures(tiles: list[Tensor], count: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Noisy picture, truth and sigma of the channels; a third with white noise."""
    found = []
    while len(found) < count:
        clean = varied(random.choice(tiles))[..., :192, :192]
        if (clean[:, 0] == clean[:, 1]).all():  # the engine tells grey pictures their sigma
            continue
        if len(found) % 3 == 0:
            noisy, sigma = gaussian_picture(clean, False)
            noisy, truth = degrade.to_8_bits(noisy), clean
        else:
            noisy, sigma, truth = camera_pair(clean, False)
        if 1.5 < mean_level(sigma) < 80:
            found.append((noisy, truth, sigma))
    return found


def mean_level(sigma: Tensor) -> float:
    return float(sigma.square().mean().sqrt())


def gain_curves(program: str, pictures: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Gain in dB of each picture told each of RATIOS times its sigma, at most 100."""
    curves = torch.zeros(len(pictures), len(RATIOS))
    for row, (noisy, truth, sigma) in enumerate(pictures):
        noisy, truth = to_pixels(noisy), to_pixels(truth)
        for column, ratio in enumerate(RATIOS):
            result = restored(program, noisy, min(100, ratio * mean_level(sigma)))
            curves[row, column] = psnr(result, truth) - psnr(noisy, truth)
    return curves


def gain_at(curves: Tensor, ratio: Tensor) -> Tensor:
    """Linear between the ratios that were measured; below them it ends at 0 for a level of 0, above them it goes on as it did."""
    place = ratio.log() / math.log(RATIOS[1] / RATIOS[0]) + RATIOS.index(1.0)
    inside = place.clamp(0, len(RATIOS) - 1 - 1e-3)
    below = inside.detach().floor().long()
    left, right = (curves.gather(1, (below + k)[:, None])[:, 0] for k in (0, 1))
    told = left + (right - left) * (inside - below) + (curves[:, -1] - curves[:, -2]) * (place - inside).clamp(min=0)
    return told * (ratio / RATIOS[0]).clamp(max=1)


def calibrate(program: str, estimator: Estimator, tiles: list[Tensor], count: int) -> Tensor:
    """The nine numbers: ln (level / sigma) is their product with calibration_inputs (), within LIMITS."""
    pictures = calibration_pictures(tiles, count)
    rows = torch.from_numpy(numpy.stack([features(numpy.ascontiguousarray(p[0][0].numpy() * 255, dtype=numpy.float32), c)
                                         for p in pictures for c in range(3)]))
    curves = gain_curves(program, pictures)
    true_level = torch.tensor([mean_level(p[2]) for p in pictures])
    sigma = sigma_of(estimator, network_inputs(rows))
    inputs, level = calibration_inputs(rows, sigma), sigma.view(-1, 3).square().mean(1).sqrt()
    center, scale = inputs[:, :8].mean(0), inputs[:, :8].std(0) + 1e-3
    normal = torch.cat(((inputs[:, :8] - center) / scale, inputs[:, 8:]), 1)
    numbers = torch.zeros(9, requires_grad=True)
    optimizer = torch.optim.Adam([numbers], 0.02)
    for _ in range(600):
        loss = 0.3 * numbers[:8].square().sum() - gain_at(curves, level / true_level * torch.exp((normal @ numbers).clamp(*LIMITS))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    best = curves.max(1).values.clamp(min=0)
    with torch.no_grad():
        reached = [gain_at(curves, level / true_level * f).mean() / best.mean() for f in (1, torch.exp((normal @ numbers).clamp(*LIMITS)))]
        report_shares(best.mean(), reached)
        plain = numbers[:8] / scale
        return torch.cat((plain, (numbers[8] - (plain * center).sum())[None]))


def report_shares(best: Tensor, reached: list[Tensor]) -> None:
    print(f"calibration: {best:.2f} dB at each picture's best level; {100 * reached[0]:.0f} % of it at sigma, "
          f"{100 * reached[1]:.0f} % at the fitted level")


def write_table(estimator: Estimator, numbers: Tensor, path: Path) -> None:
    parts = [c_network("nr_noise_network", estimator), c_array("nr_noise_calibration", numbers)]
    path.write_text(c_file("The noise estimate's network.", "noise_level.py", "noise-table.h", parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--validation", type=Path, required=True, help="text file with names to hold out")
    parser.add_argument("--samples", type=int, default=20000, help="pictures to learn from")
    parser.add_argument("--steps", type=int, default=40000)
    parser.add_argument("--features", type=Path, help="keep the features in this .npz and the network beside it; reuse both")
    parser.add_argument("--program", help="command line with the network to calibrate for; none: level = sigma")
    parser.add_argument("--calibration", type=int, default=129, help="pictures to calibrate with")
    parser.add_argument("--out", type=Path, required=True, help="the C file to write")
    options = parser.parse_args()

    random.seed(1)
    torch.manual_seed(1)
    device, held_out = torch.device("cpu"), set(options.validation.read_text().split())
    files = degrade.picture_files(options.pictures)
    learned = [f for f in files if f.name not in held_out]
    if options.features and options.features.exists():
        stored = numpy.load(options.features)
        rows, levels, check_rows, check_levels = (torch.from_numpy(stored[n]) for n in ("rows", "levels", "check_rows", "check_levels"))
    else:
        rows, levels = samples(degrade.load_tiles(learned, device), options.samples)
        check_rows, check_levels = samples(degrade.load_tiles([f for f in files if f.name in held_out], device), 400)
        if options.features:
            numpy.savez(options.features, rows=rows, levels=levels, check_rows=check_rows, check_levels=check_levels)

    inputs = network_inputs(rows)
    estimator, kept = Estimator(inputs), options.features and options.features.with_suffix(".pt")
    if kept and kept.exists():
        estimator.load_state_dict(torch.load(kept, weights_only=True))
    else:
        estimator = trained(inputs, levels, options.steps)
        if kept:
            torch.save(estimator.state_dict(), kept)
    report(estimator, network_inputs(check_rows), check_levels)
    numbers = torch.zeros(9)
    if options.program:
        numbers = calibrate(options.program, estimator, degrade.load_tiles(learned, device), options.calibration)
    write_table(estimator, numbers, options.out)


if __name__ == "__main__":
    main()
