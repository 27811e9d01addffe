#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the network that decides in the engine's blur estimate, and writes its table.

    blur_shape.py --pictures DIR --validation val.txt --program build/engine/restore/nr-blur-features \
                  --features features.npz --out ../../engine/restore/blur-table.c

The engine finds for each shape (none, Gaussian, disc, motion) the blur that explains a picture's spectrum best, and
describes how well each does and how wide the edges are (NrBlurFindings in engine/restore/blur-estimate.h).  A small
network turns these numbers into the likeliest shape and a correction of the size.  It learns from photographs that are
blurred in known ways, some noisy, some JPEG.  The features are kept in a file: with it the same command only trains.
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
from multiprocessing import Pool
from pathlib import Path

import numpy
import torch
from torch import Tensor
from torch.nn import functional as F

import degrade
from table import SmallNetwork, c_file, c_network, train

HIDDEN = (48, 24)
NONE, GAUSSIAN, DISC, MOTION = range(4)
NAMES = ("none", "gaussian", "disc", "motion")
SHARES = (0.14, 0.42, 0.16, 0.28)
SIZES = {GAUSSIAN: (0.4, 4), DISC: (0.8, 6), MOTION: (2.5, 25)}  # all sizes' logarithms are equally likely
RADIUS = 16
N_SIZES = 14                 # as in blur-estimate.h
BEST = 1 + 2 * N_SIZES       # features of the best of each shape begin here: cost, slope, noise, ln size
N_FEATURES = BEST + 4 * 4 + 16 + 10


def kernel(shape: int, size: float) -> Tensor:
    """1 x 1 x 33 x 33."""
    value = torch.full((1, 1, 1, 1), size)
    if shape == DISC:
        return degrade.disc_kernels(value, RADIUS)
    if shape == MOTION:
        return degrade.line_kernels(value, degrade.uniform(1, 0, math.pi, value.device), RADIUS)
    return degrade.gaussian_kernels(value, RADIUS)


def blurred_picture(tile: Tensor) -> tuple[Tensor, int, float]:
    """A part of the tile, 3 x H x W in 0..1, spoiled; its shape of blur and size."""
    side = min(random.randrange(160, 481), *(n - 2 * RADIUS for n in tile.shape[1:])) + 2 * RADIUS
    clean = degrade.turn(degrade.clean_patch(tile, side, 0.3))[None]
    if random.random() < 0.3:
        clean = ((clean - 0.5) * random.uniform(0.5, 1.2) + 0.5 + random.uniform(-0.2, 0.2)).clamp(0, 1)
    shape = random.choices(range(4), SHARES)[0]
    size = 0.0
    picture = clean[..., RADIUS:-RADIUS, RADIUS:-RADIUS]
    if shape != NONE:
        size = math.exp(random.uniform(*map(math.log, SIZES[shape])))
        picture = degrade.convolve(clean, kernel(shape, size))
    if random.random() < 0.4:
        picture = picture + torch.randn_like(picture) * random.random()**2 * 5 / 255
    side = side // 16 * 16 - 2 * RADIUS
    picture = degrade.maybe_jpeg(degrade.to_8_bits(picture[..., :side, :side]), 0.2, 70, 98)
    return picture[0], shape, size


def samples(job: tuple[Path, list[Path], int, int]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Features, and shape and size, a row for each of COUNT pictures."""
    program, files, count, number = job
    random.seed(number)
    torch.manual_seed(number)
    torch.set_num_threads(1)
    tiles = degrade.load_tiles(files, torch.device("cpu"))
    rows, truth = [], []
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for _ in range(count):
            picture, *known = blurred_picture(random.choice(tiles))
            size = numpy.array([picture.shape[2], picture.shape[1]], numpy.int32)
            process.stdin.write(size.tobytes() + picture.contiguous().numpy().tobytes())
            process.stdin.flush()
            rows.append(numpy.frombuffer(process.stdout.read(4 * N_FEATURES), numpy.float32))
            truth.append(known)
        process.stdin.close()
    return numpy.stack(rows), numpy.array(truth, numpy.float32)


def many_samples(program: Path, files: list[Path], count: int, first: int) -> tuple[Tensor, Tensor]:
    parts = 2 * max(1, torch.multiprocessing.cpu_count())
    with Pool(parts // 2) as pool:
        found = pool.map(samples, [(program, files, math.ceil(count / parts), first + i) for i in range(parts)], 1)
    return tuple(torch.from_numpy(numpy.concatenate(column)) for column in zip(*found))


def size_errors(outputs: Tensor, rows: Tensor, truth: Tensor) -> Tensor:
    """ln (size / true size) of each row's true shape; 0 where there is no blur."""
    shape = truth[:, 0].long()
    found = rows[:, BEST + 3::4][:, :4].gather(1, shape[:, None])[:, 0]
    correction = outputs[:, 3:].gather(1, shape[:, None])[:, 0]
    return torch.where(shape == NONE, 0.0, found + correction - truth[:, 1].clamp(min=0.1).log())


def trained(rows: Tensor, truth: Tensor, steps: int) -> SmallNetwork:
    def loss_of(outputs: Tensor, chosen: Tensor) -> Tensor:
        errors = size_errors(outputs, rows[chosen], truth[chosen])
        return F.cross_entropy(outputs[:, :4], truth[chosen, 0].long()) + 4 * F.smooth_l1_loss(errors, torch.zeros_like(errors), beta=0.1)

    network = SmallNetwork(rows, HIDDEN, 7)
    train(network, rows, steps, batch=256, spread=0.1, decay=1e-2, loss_of=loss_of)
    return network


@torch.no_grad()
def report(network: SmallNetwork, rows: Tensor, truth: Tensor) -> None:
    """How often the shape is right and how far off the size, with the network and by the least cost alone."""
    outputs = network(rows)
    shape = truth[:, 0].long()
    by_cost = rows[:, BEST:BEST + 16:4].argmin(1)
    for name, guess, errors in (("network", outputs[:, :4].argmax(1), size_errors(outputs, rows, truth)),
                                ("least cost", by_cost, size_errors(torch.zeros_like(outputs), rows, truth))):
        print(name)
        for s in range(4):
            of = shape == s
            off = errors[of].abs().sort().values
            print(f"  {NAMES[s]:9} {of.sum():4} pictures, taken for " +
                  ", ".join(f"{NAMES[g]} {100 * (guess[of] == g).float().mean():.0f} %" for g in range(4)) +
                  f"; size off by {100 * off.mean():.1f} % on average, a tenth by more than {100 * off[int(0.9 * len(off))]:.0f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--validation", type=Path, required=True, help="text file with names to hold out")
    parser.add_argument("--program", type=Path, help="nr-blur-features; not needed when the features are there")
    parser.add_argument("--samples", type=int, default=8000, help="pictures to learn from")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--features", type=Path, required=True, help="keep the features in this .npz, or take them from there")
    parser.add_argument("--out", type=Path, required=True, help="the C file to write")
    options = parser.parse_args()

    if not options.features.exists():
        held_out = set(options.validation.read_text().split())
        files = degrade.picture_files(options.pictures)
        rows, truth = many_samples(options.program, [f for f in files if f.name not in held_out], options.samples, 0)
        check_rows, check_truth = many_samples(options.program, [f for f in files if f.name in held_out], 400, 1000)
        numpy.savez(options.features, rows=rows, truth=truth, check_rows=check_rows, check_truth=check_truth)
    stored = numpy.load(options.features)
    rows, truth, check_rows, check_truth = (torch.from_numpy(stored[n]) for n in ("rows", "truth", "check_rows", "check_truth"))
    torch.manual_seed(1)
    torch.set_num_threads(1)  # its layers are too small to share
    network = trained(rows, truth, options.steps)
    report(network, check_rows, check_truth)
    options.out.write_text(c_file("The blur estimate's network.", "blur_shape.py", "blur-table.h", [c_network("nr_blur_network", network)]))


if __name__ == "__main__":
    main()
