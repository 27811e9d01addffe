#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the averaged weights of a run as ONNX and checks the file.

    export.py runs/denoise/average.pt ../nr-denoise/model.onnx

Weights are stored as float16 and widened by a Cast each, which is plain ONNX; inputs, outputs and sums stay
float32.  The file is run by ONNX Runtime, and by `neural-restore run` where that is on PATH, on a picture of
a size not seen by the tracer, and both must agree with PyTorch.
"""

from __future__ import annotations

import argparse
import copy
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import networks
import ort

OPSET = 17
HALF_FROM = 4096      # elements; smaller tensors (biases, the interpolation) stay float32
TOLERANCE = 2e-3      # float16 weights against float32 ones, in units of the white level


def space_to_depth(g, x, factor):
    """PixelUnshuffle as ONNX's SpaceToDepth, whose channels come as (y, x, channel)."""
    return g.op("SpaceToDepth", x, blocksize_i=torch.onnx.symbolic_helper._get_const(factor, "i", "factor"))


torch.onnx.register_custom_op_symbolic("aten::pixel_unshuffle", space_to_depth, OPSET)


def regrouped(weight: Tensor, groups: int) -> Tensor:
    """Input channels that come in GROUPS groups, now the first of each group, then the second of each ..."""
    split = weight.view(weight.shape[0], groups, -1, *weight.shape[2:])
    return split.transpose(1, 2).reshape(weight.shape).contiguous()


def in_onnx_order(network: nn.Module) -> nn.Module:
    """A copy whose first convolution takes SpaceToDepth's order of channels instead of PixelUnshuffle's."""
    network = copy.deepcopy(network)
    if isinstance(network, networks.UNet):
        weight = network.head.weight.data
        network.head.weight.data = regrouped(weight, weight.shape[1] // 4)
    return network


def read_weights(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """The weights that write_onnx () stored, by their names in the network."""
    model = onnx.load(path)
    weights = {tensor.name.removesuffix(".half"): torch.from_numpy(numpy_helper.to_array(tensor).copy()).float()
               for tensor in model.graph.initializer}
    if isinstance(network, networks.UNet):
        weights["head.weight"] = regrouped(weights["head.weight"], 4)
    return weights


def load_network(checkpoint: Path) -> nn.Module:
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    network = networks.build(state["config"]["network"]).eval()
    network.load_state_dict({name: tensor.float() for name, tensor in state["average"].items()})
    return network


def write_onnx(network: nn.Module, path: Path) -> None:
    side = getattr(network, "side", None)
    inputs = networks.example_inputs(network, side or 64, side or 64)
    axes = {name: {2: "height", 3: "width"} for name in inputs} | {"output": {2: "out_height", 3: "out_width"}}
    torch.onnx.export(in_onnx_order(network), tuple(inputs.values()), str(path), input_names=list(inputs),
                      output_names=["output"], dynamic_axes=None if side else axes, opset_version=OPSET, dynamo=False)
    model = onnx.load(path)
    halve_weights(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def halve_weights(model: onnx.ModelProto) -> None:
    """Large float32 initializers become float16 followed by a Cast of the old name."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or numpy.prod(tensor.dims) < HALF_FROM:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(numpy.float16), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], name="widen." + name, to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


def by_onnxruntime(path: Path, inputs: dict[str, numpy.ndarray]) -> numpy.ndarray:
    return ort.session(path).run(["output"], inputs)[0]


def by_engine(path: Path, inputs: dict[str, numpy.ndarray]) -> numpy.ndarray:
    """The same through `neural-restore run`."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["neural-restore", "run", str(path)]
        for name, array in inputs.items():
            numpy.save(f"{folder}/{name}.npy", array)
            command += ["--input", f"{name}={folder}/{name}.npy"]
        subprocess.run(command + ["--output", f"output={folder}/output.npy"], check=True)
        return numpy.load(f"{folder}/output.npy")


def check(network: nn.Module, path: Path) -> None:
    side = getattr(network, "side", None)
    tensors = networks.example_inputs(network, side or 104, side or 152)
    with torch.no_grad():
        wanted = network(*tensors.values()).numpy()
    inputs = {name: tensor.numpy() for name, tensor in tensors.items()}
    runners = {"ONNX Runtime": by_onnxruntime}
    if shutil.which("neural-restore"):
        runners["neural-restore"] = by_engine
    for name, run in runners.items():
        difference = float(numpy.abs(run(path, inputs) - wanted).max())
        print(f"  {name}: largest difference from PyTorch {difference:.1e}")
        if not difference < TOLERANCE:
            raise SystemExit(f"{path}: {name} differs from PyTorch by {difference:.3g}, more than {TOLERANCE}")


@torch.no_grad()
def reach(network: nn.Module, length: int = 512) -> int:
    """Radius of the receptive field in input pixels: how far a changed row shows when all weights are positive."""
    probe = copy.deepcopy(network).double()
    for name, parameter in probe.named_parameters():
        parameter.fill_(1e-2 if name.endswith("weight") else 0)
    for fixed in probe.buffers():  # a negative tap would end at the next ReLU
        fixed.abs_()
    scale, farthest = getattr(network, "scale", 1), 0
    for row in (length // 2, length // 2 + network.multiple_of - 1):
        tensors = [torch.zeros_like(t).double() for t in networks.example_inputs(network, length, 64).values()]
        plain = probe(*tensors)
        for index, tensor in enumerate(tensors):  # the second more than the first: a difference must not end at a ReLU
            tensor[..., row, :] = 1 + index
        touched = (probe(*tensors) - plain)[0].abs().amax((0, 2)).nonzero().flatten() // scale
        farthest = max(farthest, int((touched - row).abs().max()))
    return farthest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("model", type=Path, help="the ONNX file to write")
    options = parser.parse_args()
    network = load_network(options.checkpoint)
    options.model.parent.mkdir(parents=True, exist_ok=True)
    with ort.silent_stderr():
        write_onnx(network, options.model)
    sees = f"pictures of {network.side} x {network.side} only" if hasattr(network, "side") else \
        f"halo {reach(network)}, multiple of {network.multiple_of}"
    print(f"{options.model}: {networks.parameters(network)} parameters, {networks.macs_per_pixel(network) / 1e6:.3f} M "
          f"multiply-adds a pixel, {options.model.stat().st_size / 1e6:.2f} MB, {sees}")
    check(network, options.model)


if __name__ == "__main__":
    main()
