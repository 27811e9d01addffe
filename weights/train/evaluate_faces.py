#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures packages on the test faces of LFW, none of whose persons is in the training list.

    evaluate_faces.py --faces LFW nr-upscale nr-upscale-faces nr-denoise nr-autoencoder-faces

Super-resolve: the central 80 x 80 pixels of each face, reduced by MATLAB's bicubic and enlarged by the package; PSNR
and SSIM on Y as evaluate.py has them.  Denoise: sigma 25, clipped to 8 bits, told to packages that listen; PSNR and
SSIM over RGB.  The networks run in ONNX Runtime.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy
from numpy import ndarray

import evaluate
import faces

SIDE = 80
SIGMA = 25


def test_faces(folder: Path, count: int) -> list[ndarray]:
    """SIDE x SIDE x 3, spread evenly over the list."""
    margin = (faces.TILE - SIDE) // 2
    tiles = [numpy.array(tile) for tile in faces.pictures(folder, "test")]
    chosen = [tiles[i * len(tiles) // count] for i in range(min(count, len(tiles)))]
    return [tile[margin:margin + SIDE, margin:margin + SIDE] for tile in chosen]


def mean_row(name: str, case: str, scores: list[dict[str, float]]) -> str:
    return f"| {name} | {case} | {evaluate.mean_of(scores, 'psnr'):.2f} | {evaluate.mean_of(scores, 'ssim'):.4f} | {len(scores)} |"


def resolve_rows(name: str, scale: int, restore: Callable[[ndarray], ndarray], pictures: list[ndarray]) -> str:
    scores = [evaluate.judge_luma(restore(evaluate.reduced(p, scale)), p, scale) for p in pictures]
    return mean_row(name, f"x{scale}", scores)


def denoise_rows(name: str, restore: Callable[[ndarray], ndarray], pictures: list[ndarray]) -> str:
    scores = [evaluate.judge_rgb(restore(evaluate.noisy(p, SIGMA, i, True)), p) for i, p in enumerate(pictures)]
    return mean_row(name, f"sigma {SIGMA}", scores)


def package_rows(package: Path, pictures: list[ndarray]) -> list[str]:
    task = json.loads((package / "config.json").read_text())["task"]
    task = "super-resolve" if task == "upscale" else task
    engine = evaluate.OnnxRuntime(package.parent, {task: package.name})
    if task == "denoise":
        return [denoise_rows(package.name, lambda p: engine.restore(task, p, {"noise": str(SIGMA)}, None)[0], pictures)]
    return [resolve_rows(package.name, scale, lambda p, s=scale: engine.restore(task, p, {"scale": str(s)}, None)[0], pictures)
            for scale in (2, 4) if (package / f"model_x{scale}.onnx").exists()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="+", help="names of packages")
    parser.add_argument("--faces", type=Path, required=True, help="folder of the LFW sheets with test.txt")
    parser.add_argument("--weights", type=Path, default=evaluate.HERE.parent, help="folder of the packages")
    parser.add_argument("--count", type=int, default=100, help="faces (100)")
    options = parser.parse_args()
    pictures = test_faces(options.faces, options.count)
    print("| package | case | PSNR | SSIM | n |\n| --- | --- | --- | --- | --- |")
    for scale in (2, 4):
        print(resolve_rows("bicubic", scale, lambda p: evaluate.imresize(p, SIDE, SIDE), pictures))
    print(denoise_rows("noisy", lambda p: p, pictures))
    for name in options.packages:
        print("\n".join(package_rows(options.weights / name, pictures)), flush=True)


if __name__ == "__main__":
    main()
