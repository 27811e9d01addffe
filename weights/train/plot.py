#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots log.csv of a run: validation PSNR and training loss over the minutes.

    plot.py runs/denoise/log.csv ../nr-denoise/training.png
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402: the backend is chosen first

NOT_CASES = {"step", "minutes", "lr", "loss"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=Path, nargs="+")
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    figure, (quality, loss) = pyplot.subplots(1, 2, figsize=(9, 3.2), dpi=80)
    for log in options.logs:
        rows = list(csv.DictReader(log.open()))
        minutes = [float(row["minutes"]) for row in rows]
        for case in [key for key in rows[0] if key not in NOT_CASES]:
            quality.plot(minutes, [float(row[case]) for row in rows], marker=".", label=case)
        loss.plot(minutes, [float(row["loss"]) for row in rows], marker=".", label=log.parent.name)
    quality.set(xlabel="minutes", ylabel="PSNR of the validation tiles, dB")
    loss.set(xlabel="minutes", ylabel="training loss", yscale="log")
    for axes in (quality, loss):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(options.picture)


if __name__ == "__main__":
    main()
