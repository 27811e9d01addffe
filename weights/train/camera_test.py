#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures blind denoising on simulated camera pictures: does the noise estimate find the level that restores best?

    camera_test.py --pictures DIR [--names val.txt] [--crop 256] [--count 16] [--program neural-restore]

The camera here shares no code and no parameters with the ones that the networks and the estimate learn from: sRGB's
own curve, a lens, color matrices of four made-up cameras, electrons counted and quantized behind an RGGB mosaic, ISO 400 to
12800, demosaicing by OpenCV (bilinear, edge-aware) or Malvar, He and Cutler 2004, median or bilateral filtering of
chroma, sharpening, a tone curve, JPEG 75 to 98 by libjpeg.  Truth is the same pipeline without noise and JPEG.

Prints for each ISO: PSNR of the noisy pictures, mean gain at the best of several told levels (of each picture, and
of all of them together), the blind gain, and the share of the former that the latter reaches.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy
from numpy import ndarray

LEVELS = [3, 5, 7, 10, 14, 20, 28, 40, 56]
ISOS = [400, 1600, 3200, 6400, 12800]


@dataclass(frozen=True)
class Camera:
    """matrix: sensor -> linear sRGB, rows of sum 1.  electrons: a white pixel's at ISO 100; read: its noise in them."""

    matrix: tuple
    gains: tuple  # of red and blue
    electrons: float
    read: float
    demosaicing: str
    chroma: str
    sharpening: float
    quality: int
    subsampled: bool


CAMERAS = [
    Camera(((1.62, -0.49, -0.13), (-0.21, 1.54, -0.33), (0.02, -0.52, 1.50)), (2.1, 1.5), 42000, 4.0, "edges", "", 0.3, 95, False),
    Camera(((1.85, -0.72, -0.13), (-0.30, 1.61, -0.31), (0.05, -0.61, 1.56)), (1.8, 1.9), 16000, 3.0, "malvar", "median", 0.6, 90, True),
    Camera(((1.45, -0.35, -0.10), (-0.17, 1.38, -0.21), (0.01, -0.40, 1.39)), (2.3, 1.4), 9000, 2.2, "bilinear", "bilateral", 0.9, 82, True),
    Camera(((1.70, -0.55, -0.15), (-0.25, 1.50, -0.25), (0.03, -0.55, 1.52)), (1.6, 2.2), 24000, 3.5, "malvar", "", 0.0, 98, False),
]


# The camera; pictures are float32 H x W x 3, 0..1

def to_linear(x: ndarray) -> ndarray:
    return numpy.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def to_encoded(x: ndarray) -> ndarray:
    return numpy.where(x <= 0.0031308, 12.92 * x, 1.055 * numpy.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)


def mosaic(x: ndarray) -> ndarray:
    """RGGB samples, H x W."""
    y = x[:, :, 1].copy()
    y[::2, ::2], y[1::2, 1::2] = x[::2, ::2, 0], x[1::2, 1::2, 2]
    return y


def malvar(raw: ndarray) -> ndarray:
    """Gradient-corrected linear interpolation with the paper's four 5 x 5 filters."""
    green = numpy.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8
    row = numpy.array([[0, 0, .5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, .5, 0, 0]]) / 8
    cross = numpy.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]) / 8
    at_green, along, across, opposite = (cv2.filter2D(raw, -1, k, borderType=cv2.BORDER_REFLECT_101)
                                         for k in (green, row, row.T, cross))
    x = numpy.stack([raw, raw, raw], 2)
    x[::2, ::2, 1], x[1::2, 1::2, 1] = at_green[::2, ::2], at_green[1::2, 1::2]
    x[::2, 1::2, 0], x[1::2, ::2, 0], x[1::2, 1::2, 0] = along[::2, 1::2], across[1::2, ::2], opposite[1::2, 1::2]
    x[::2, 1::2, 2], x[1::2, ::2, 2], x[::2, ::2, 2] = across[::2, 1::2], along[1::2, ::2], opposite[::2, ::2]
    return x


def demosaiced(raw: ndarray, method: str) -> ndarray:
    if method == "malvar":
        return malvar(raw)
    # OpenCV names the pattern by the pixels at (1, 1), and takes whole numbers only; a sixteenth is left for noise below 0.
    code = cv2.COLOR_BayerBG2RGB_EA if method == "edges" else cv2.COLOR_BayerBG2RGB
    whole = numpy.clip(numpy.rint((raw / 4 + 1 / 16) * 65535), 0, 65535).astype(numpy.uint16)
    return (cv2.demosaicing(whole, code).astype(numpy.float32) / 65535 - 1 / 16) * 4


def exposed(raw: ndarray, camera: Camera, iso: int, random: numpy.random.Generator) -> ndarray:
    """What the sensor counts of RAW, and its converter makes 12 bits of."""
    white = camera.electrons * 100 / iso
    counted = random.poisson(numpy.maximum(raw, 0) * white) + camera.read * random.standard_normal(raw.shape)
    return numpy.clip(numpy.rint(counted / white * 3800), -295, 3800) / 3800


def finished(raw: ndarray, camera: Camera) -> ndarray:
    """Raw with white balance -> encoded sRGB, before JPEG."""
    linear = demosaiced(raw.astype(numpy.float32), camera.demosaicing) @ numpy.array(camera.matrix, numpy.float32).T
    x = to_encoded(numpy.clip(linear, 0, 1)).astype(numpy.float32)
    x = x + 0.06 * numpy.sin(2 * numpy.pi * (x - 0.5)) / 2  # a mild S curve
    ycc = cv2.cvtColor(numpy.clip(x, 0, 1), cv2.COLOR_RGB2YCrCb)
    for c in (1, 2):
        if camera.chroma == "median":
            ycc[:, :, c] = cv2.medianBlur(ycc[:, :, c], 5)
        elif camera.chroma == "bilateral":
            ycc[:, :, c] = cv2.bilateralFilter(ycc[:, :, c], 7, 0.15, 2.5)
    if camera.chroma == "bilateral":
        ycc[:, :, 0] = cv2.bilateralFilter(ycc[:, :, 0], 5, 0.08, 1.0)
    ycc[:, :, 0] += camera.sharpening * (ycc[:, :, 0] - cv2.GaussianBlur(ycc[:, :, 0], (0, 0), 1.0))
    return numpy.clip(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB), 0, 1)


def jpeg(x: ndarray, quality: int, subsampled: bool) -> ndarray:
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if subsampled else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    done, data = cv2.imencode(".jpg", numpy.ascontiguousarray(x[:, :, ::-1]),
                              [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])
    assert done
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]


def photograph(clean: ndarray, camera: Camera, iso: int, seed: int) -> tuple[ndarray, ndarray]:
    """uint8 pictures of CLEAN (uint8, even sides): with noise and JPEG, without both."""
    random = numpy.random.default_rng(seed)
    gains = numpy.array([camera.gains[0], 1, camera.gains[1]], numpy.float32)
    scene = cv2.GaussianBlur(to_linear(clean / 255.0), (0, 0), 0.65)  # no lens is sharper
    sensor = scene @ numpy.linalg.inv(numpy.array(camera.matrix)).T / gains
    balance = mosaic(numpy.broadcast_to(gains, sensor.shape))
    raw = mosaic(sensor)
    noisy = finished(exposed(raw, camera, iso, random) * balance, camera)
    quality = int(numpy.clip(camera.quality + random.integers(-7, 4), 75, 98))
    truth = numpy.rint(finished(raw * balance, camera) * 255).astype(numpy.uint8)
    return jpeg(numpy.rint(noisy * 255).astype(numpy.uint8), quality, camera.subsampled), truth


# Measuring

def psnr(a: ndarray, b: ndarray) -> float:
    return float(10 * numpy.log10(255**2 / max(numpy.mean((a.astype(float) - b) ** 2), 1e-9)))


def clean_pictures(options: argparse.Namespace) -> list[ndarray]:
    names = options.names.read_text().split() if options.names else None
    files = sorted(f for f in options.pictures.iterdir() if f.suffix in (".png", ".jpg") and (names is None or f.name in names))
    step = max(1, len(files) // options.count)
    found = []
    for file in files[::step][:options.count]:
        x = cv2.imread(str(file), cv2.IMREAD_COLOR)[:, :, ::-1]
        height, width = (min(n, options.crop or n) // 2 * 2 for n in x.shape[:2])
        top, left = ((n - m) // 2 for n, m in zip(x.shape[:2], (height, width)))
        found.append(x[top:top + height, left:left + width])
    return found


def restored(options: argparse.Namespace, folder: Path, extra: list[str]) -> tuple[list[ndarray], list[float]]:
    """What the command line makes of FOLDER/in/*.png, and the noise levels it reports."""
    command = [options.program, "denoise", *extra, *options.option, "--json", "--force", "--output-dir", str(folder / "out"),
               *sorted(map(str, (folder / "in").iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{options.program}: {done.stderr.strip()}")
    results = [cv2.imread(str(f))[:, :, ::-1] for f in sorted((folder / "out").iterdir())]
    return results, [json.loads(line)["noise_estimate"] for line in done.stdout.splitlines()]


def measure(options: argparse.Namespace, iso: int, cleans: list[ndarray]) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        pairs = [photograph(x, CAMERAS[i % len(CAMERAS)], iso, 1000 * iso + i) for i, x in enumerate(cleans)]
        for i, (noisy, _) in enumerate(pairs):
            cv2.imwrite(str(folder / "in" / f"{i:03d}.png"), noisy[:, :, ::-1])
        before = numpy.array([psnr(noisy, truth) for noisy, truth in pairs])

        def gains(extra: list[str]) -> tuple[ndarray, list[float]]:
            results, levels = restored(options, folder, extra)
            return numpy.array([psnr(x, truth) for x, (_, truth) in zip(results, pairs)]) - before, levels

        told = numpy.array([gains(["--noise", str(level)])[0] for level in options.levels])
        blind, found = gains([])
    return {"iso": iso, "noisy": before.tolist(), "levels": options.levels, "told": told.tolist(), "blind": blind.tolist(),
            "found": found, "rms": [float(10 ** (-p / 20) * 255) for p in before]}


def table_row(name: str, reports: list[dict]) -> str:
    noisy, blind = (numpy.concatenate([r[key] for r in reports]) for key in ("noisy", "blind"))
    each = numpy.concatenate([numpy.maximum(numpy.max(r["told"], 0), 0) for r in reports])
    fixed = numpy.concatenate([r["told"][int(numpy.argmax(numpy.mean(r["told"], 1)))] for r in reports])
    return (f"| {name} | {noisy.mean():.2f} | {each.mean():.2f} | {fixed.mean():.2f} | {blind.mean():.2f} | "
            f"{100 * blind.mean() / each.mean():.0f} % | {blind.min():.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of clean pictures")
    parser.add_argument("--names", type=Path, help="text file with the names to use")
    parser.add_argument("--count", type=int, default=16, help="how many of them, evenly spread")
    parser.add_argument("--crop", type=int, default=256, help="side of the middle that is used; 0: all")
    parser.add_argument("--program", default="neural-restore", help="the command line to run")
    parser.add_argument("--option", action="append", default=[], help="another option for it, such as --option=--model=ID")
    parser.add_argument("--levels", type=float, nargs="*", default=LEVELS)
    parser.add_argument("--iso", type=int, nargs="*", default=ISOS)
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()

    cleans = clean_pictures(options)
    reports = []
    print("| ISO | noisy | best told, each | best told, all | blind | of the best | worst blind gain |\n| --- " + "| --- " * 6 + "|")
    for iso in options.iso:
        reports.append(measure(options, iso, cleans))
        print(table_row(str(iso), reports[-1:]), flush=True)
    print(table_row("all", reports))
    if options.json:
        options.json.write_text(json.dumps(reports))


if __name__ == "__main__":
    main()
