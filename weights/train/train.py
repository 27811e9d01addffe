#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains one model from a config on a folder of photographs.  See README.md beside this file.

    train.py configs/denoise.json --pictures FOLDER --out runs/denoise [--minutes 60]
    train.py configs/upscale-faces-x2.json --faces LFW --out runs/upscale-faces-x2

Run again with the same --out, it goes on from the last checkpoint; Ctrl-C or SIGTERM leave one.  With torchrun,
every process takes a share of each batch (DistributedDataParallel).
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import math
import os
import random
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import degrade
import engine
import faces
import networks
from muon import Muon


@dataclass
class Workers:
    """This process among those that torchrun started; alone: rank 0 of 1."""

    rank: int = int(os.environ.get("RANK", 0))
    count: int = int(os.environ.get("WORLD_SIZE", 1))
    local_rank: int = int(os.environ.get("LOCAL_RANK", 0))

    def device(self) -> torch.device:
        return torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")

    def wrap(self, network: nn.Module) -> nn.Module:
        if self.count == 1:
            return network
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return nn.parallel.DistributedDataParallel(network)

    def agreed(self, value: float, device: torch.device) -> float:
        """Rank 0's value on every rank, so that all stop at the same step."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        torch.distributed.broadcast(shared, 0)
        return shared.item()


def read_config(path: Path) -> dict:
    """A config with the defaults filled in; every key is explained in README.md."""
    config = {"batch": 12, "patch": 96, "steps": 20000, "lr": 8e-4, "weight_decay": 1e-4, "warmup": 300, "clip": 0.5,
              "ema": 0.999, "seed": 1, "loss": "l1", "precision": "bfloat16", "schedule": "cosine", "muon": 0, "degrade": {}, "stages": [],
              "validation_tiles": 12}
    config.update(json.loads(path.read_text()))
    return config


def learning_rate(config: dict, step: int, share: float, plateau: float) -> float:
    """Linear warm-up, then half a cosine to 1 % over the share (0..1) of the run that is done, or the plateau's factor."""
    if config["schedule"] == "plateau":
        return config["lr"] * min(1.0, (step + 1) / config["warmup"]) * plateau
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return config["lr"] * min(1.0, (step + 1) / config["warmup"]) * cosine


def current_stage(config: dict, share: float) -> dict:
    """{"patch", "batch"} in force at this share of the run; "stages" hold {"from", "patch", "batch"}."""
    stage = {"patch": config["patch"], "batch": config["batch"]}
    for entry in config["stages"]:
        if share >= entry["from"]:
            stage = entry
    return stage


def loss_of(config: dict, output: Tensor, target: Tensor) -> Tensor:
    error = output.float() - target
    if config["loss"] == "charbonnier":
        return (error.square() + 1e-6).sqrt().mean()
    return error.square().mean() if config["loss"] == "l2" else error.abs().mean()


def autocast(config: dict, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=config["precision"] == "bfloat16")


def network_inputs(batch: dict[str, Tensor]) -> list[Tensor]:
    tensors = [batch[name] for name in ("input", "sigma", "sharpened") if name in batch]
    return [t.contiguous(memory_format=torch.channels_last) for t in tensors]


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights, quicker while the run is young."""
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for mean, value in zip(average.buffers(), network.buffers()):  # batch normalization averages its own
        mean.copy_(value)


def luma(x: Tensor) -> Tensor:
    weights = torch.tensor([65.481, 128.553, 24.966], device=x.device) / 255
    return torch.einsum("c,nchw->nhw", weights, x)


def psnr(output: Tensor, target: Tensor, on_luma: bool) -> float:
    """dB after clipping and rounding to 8 bits; 4 border pixels cut off, as a tile's edge lacks context."""
    error = degrade.to_8_bits(output.float()) - target
    if on_luma:
        error = luma(error)
    error = error[..., 4:-4, 4:-4].double().square().mean().item()
    return min(99.0, -10 * math.log10(max(error, 1e-12)))


@torch.no_grad()
def validate(network: nn.Module, cases: dict[str, list[dict[str, Tensor]]], config: dict, device: torch.device) -> dict[str, float]:
    """Mean PSNR of each validation case."""
    on_luma = config["task"] == "super-resolve"
    figures = {}
    for name, batches in cases.items():
        with autocast(config, device):
            scores = [psnr(network(*network_inputs(b)), b["target"], on_luma) for b in batches]
        figures[name] = round(sum(scores) / len(scores), 3)
    return figures


def take_weights(network: nn.Module, path: Path) -> None:
    """Starts from another run's averaged weights or a package's ONNX file: every tensor whose name and shape fit."""
    if path.suffix == ".onnx":
        import export  # only here: training itself needs neither onnx nor ONNX Runtime
        source = export.read_weights(path, network)
    else:
        source = torch.load(path, map_location="cpu", weights_only=True)
        source = source.get("average", source)
    own = network.state_dict()
    fitting = {name: tensor.float() for name, tensor in source.items() if name in own and own[name].shape == tensor.shape}
    network.load_state_dict({**own, **fitting})
    print(f"{len(fitting)} of {len(own)} tensors taken from {path}", flush=True)


@dataclass
class Plateau:
    """The factor of the learning rate: halved when the validation has not got better twice in a row."""

    factor: float = 1.0
    best: float = -math.inf
    waited: int = 0

    def see(self, figures: dict[str, float]) -> None:
        mean = sum(figures.values()) / len(figures)
        self.waited = 0 if mean > self.best else self.waited + 1
        self.best = max(self.best, mean)
        if self.waited == 2:
            self.factor, self.waited = self.factor / 2, 0


class Run:
    """A training run in its folder: last.pt (to go on), average.pt (small: the weights), log.csv."""

    def __init__(self, config: dict, out: Path, device: torch.device) -> None:
        self.config, self.out, self.device = config, out, device
        self.network = networks.build(config["network"]).to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        if config["muon"]:
            self.optimizer = Muon(trained, config["lr"], config["muon"])
        else:
            self.optimizer = torch.optim.AdamW(trained, fused=True, lr=config["lr"], weight_decay=config["weight_decay"],
                                               betas=(0.9, 0.99))
        self.step, self.seconds, self.stopped = 0, 0.0, False
        self.plateau = Plateau()

    def start_from(self, path: Path) -> None:
        take_weights(self.network, path)
        self.average.load_state_dict(self.network.state_dict())

    def save(self) -> None:
        state = {"config": self.config, "step": self.step, "seconds": self.seconds,
                 "plateau": asdict(self.plateau), "network": self.network.state_dict(), "average": self.average.state_dict(),
                 "optimizer": self.optimizer.state_dict(), "random": random.getstate(), "torch": torch.get_rng_state(),
                 "cuda": torch.cuda.get_rng_state_all()}
        half = {name: tensor.half() for name, tensor in self.average.state_dict().items()}
        for name, content in (("last.pt", state), ("average.pt", {"config": self.config, "average": half})):
            torch.save(content, self.out / (name + ".new"))
            os.replace(self.out / (name + ".new"), self.out / name)

    def resume(self) -> None:
        state = torch.load(self.out / "last.pt", map_location=self.device, weights_only=False)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.plateau = Plateau(**state.get("plateau", {}))
        random.setstate(state["random"])
        torch.set_rng_state(state["torch"].cpu())
        generators = state.get("cuda", [])
        if len(generators) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([generator.cpu() for generator in generators])

    def log(self, row: dict) -> None:
        path = self.out / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)

    def train_step(self, model: nn.Module, batch: dict[str, Tensor]) -> float:
        with autocast(self.config, self.device):
            output = model(*network_inputs(batch))
        loss = loss_of(self.config, output, batch["target"])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config["clip"])
        if torch.isfinite(norm):
            self.optimizer.step()
        update_average(self.average, self.network, self.config["ema"], self.step)
        self.step += 1
        return loss.item()

    def stop(self, *_) -> None:
        """Signal handler: ends the run after the current step."""
        self.stopped = True

    def share(self, minutes: float) -> float:
        """How much of the run is done, 0..1: by the clock if minutes are given, else by steps; 1 if stopped."""
        if self.stopped:
            return 1.0
        return self.seconds / (60 * minutes) if minutes else self.step / self.config["steps"]


def train(run: Run, tiles: list[Tensor], cases: dict, workers: Workers, options: argparse.Namespace) -> None:
    config, device = run.config, run.device
    make_batch = degrade.BATCHES[config["task"]]
    model = engine.Engine(options.engine, run.network, options.threads) if options.engine else workers.wrap(run.network)
    signal.signal(signal.SIGTERM, run.stop)
    signal.signal(signal.SIGINT, run.stop)
    losses: list[float] = []
    began, before = time.monotonic(), run.seconds
    noted = run.seconds
    while (share := workers.agreed(run.share(options.minutes), device)) < 1:
        stage = current_stage(config, share)
        for group in run.optimizer.param_groups:
            group["lr"] = learning_rate(config, run.step, share, run.plateau.factor)
        batch = make_batch(tiles, max(1, stage["batch"] // workers.count), stage["patch"], config["degrade"])
        losses.append(run.train_step(model, batch))
        run.seconds = before + time.monotonic() - began
        if workers.rank == 0 and run.seconds - noted > 60 * options.every:
            note(run, cases, losses)
            noted = run.seconds
    if workers.rank == 0 and losses:
        note(run, cases, losses)


def note(run: Run, cases: dict, losses: list[float]) -> None:
    """One line of the log and a checkpoint."""
    row = {"step": run.step, "minutes": round(run.seconds / 60, 2), "lr": f"{run.optimizer.param_groups[0]['lr']:.2e}",
           "loss": f"{sum(losses) / max(1, len(losses)):.5f}"}
    figures = validate(run.average, cases, run.config, run.device)
    run.plateau.see(figures)
    run.log({**row, **figures})
    run.save()
    losses.clear()


def seed(number: int) -> None:
    random.seed(number)
    torch.manual_seed(number)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pictures", type=Path, help="folder of photographs or tiles, at least 330 pixels a side; deblur-sharpened: the file of blurred.py")
    source.add_argument("--faces", type=Path, help="folder of the LFW sheets with train.txt, instead of photographs")
    parser.add_argument("--validation", type=Path, help="text file, one picture's name a line (default: the last 5 %%)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, default=0, help="length of the run by the clock, instead of the config's steps")
    parser.add_argument("--every", type=float, default=3, help="minutes between validation and checkpoint (3)")
    parser.add_argument("--init", type=Path, help="checkpoint of another run, or a package's ONNX file, to start from")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (all)")
    parser.add_argument("--engine", type=Path, help="libnr-training.so: forward and backward by our engine, in float32")
    return parser.parse_args()


def load(options: argparse.Namespace, config: dict, device: torch.device) -> tuple[list[Tensor], list[Tensor]]:
    """Training and validation pictures, 3 x H x W uint8; of the faces the last 5 % are for validation."""
    if config["task"] == "deblur-sharpened":
        samples = torch.load(options.pictures, map_location=device)
        return samples["train"], samples["held"]
    if options.faces:
        tiles = list(faces.load(options.faces, "train", faces.TILE).to(device))
        held = len(tiles) // 20
        return tiles[:-held], tiles[-held:][:config["validation_tiles"]]
    training, held = split(options)
    return degrade.load_tiles(training, device), degrade.load_tiles(held[:config["validation_tiles"]], device)


def split(options: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """Training and validation files."""
    files = degrade.picture_files(options.pictures)
    if options.validation:
        held = set(options.validation.read_text().split())
    else:
        held = {f.name for f in files[-max(1, len(files) // 20):]}
    return [f for f in files if f.name not in held], [f for f in files if f.name in held]


def main() -> None:
    options = arguments()
    config = read_config(options.config)
    if options.engine:
        config["precision"] = "float32"
    workers = Workers()
    if options.engine and workers.count > 1:
        raise SystemExit("--engine trains in one process, on all its threads: start train.py without torchrun")
    device = workers.device()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    seed(config["seed"] + workers.rank)
    options.out.mkdir(parents=True, exist_ok=True)
    tiles, held = load(options, config, device)
    cases = degrade.validation_set(config["task"], held, config["degrade"])
    run = Run(config, options.out, device)
    print(f"{len(tiles)} pictures, {networks.parameters(run.network)} parameters", flush=True)
    if (options.out / "last.pt").exists():
        run.resume()
        if workers.rank:  # the checkpoint holds rank 0's generators
            seed(config["seed"] + workers.rank + workers.count * run.step)
    elif options.init:
        run.start_from(options.init)
    train(run, tiles, cases, workers, options)


if __name__ == "__main__":
    main()
