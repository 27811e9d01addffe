#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole networks against ONNX Runtime, on each CPU level, at even, odd and ragged sizes.

The runner checks on the way that 1, 2 and 3 threads give the same bytes, and that the memory a session
takes is what was estimated. RUN_MODEL names it in the environment.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import networks
import tap

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

# Relative to the largest output value. Winograd's transforms round more than a direct sum: about 1e-5 a layer.
TOLERANCE = 1e-4
MISSING_LEVEL = 77
SIZES = [(32, 48), (33, 47), (61, 16)]
WINDOW_SIZES = [(32, 48), (20, 4), (64, 36)] # multiples of the window


def infer(model, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def run(folder, level, inputs):
    """Output 0 of folder/model.onnx by our engine."""
    arguments = []
    for name, value in inputs.items():
        (folder / name).write_bytes(value.tobytes())
        arguments.append(f"{'x'.join(map(str, value.shape))}:{folder / name}")

    result = subprocess.run([os.environ["RUN_MODEL"], folder / "model.onnx", level, folder / "output", *arguments],
                            capture_output=True, text=True, check=False)
    if result.returncode == MISSING_LEVEL:
        raise tap.Skip(f"the machine has no {level}")
    assert result.returncode == 0, result.stderr
    shape = [int(size) for size in result.stdout.split()[-1].split("x")]
    return np.frombuffer((folder / "output").read_bytes(), np.float32).reshape(shape)


def compare(network, level):
    if onnxruntime is None:
        raise tap.Skip("python3-onnxruntime is not there")

    model = network()
    random = np.random.default_rng(42)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        for height, width in WINDOW_SIZES if network is networks.window_attention else SIZES:
            inputs = {value.name: random.random((1, value.type.tensor_type.shape.dim[1].dim_value, height, width),
                                                np.float32)
                      for value in model.graph.input}
            want = infer(model, inputs)
            got = run(folder, level, inputs)
            assert got.shape == want.shape, f"{height} x {width}: {got.shape}, expected {want.shape}"
            error = np.abs(got - want).max() / np.abs(want).max()
            print(f"# {network.__name__} {level} {height} x {width}: {error:.1e}")
            assert error <= TOLERANCE, f"{height} x {width}: relative error {error}"


def make_test(network, level):
    return lambda: compare(network, level)


for network in networks.ALL:
    for level in ("c", "avx2", "avx512"):
        globals()[f"test_{network.__name__}_agrees_with_onnx_runtime_on_{level}"] = make_test(network, level)

if __name__ == "__main__":
    tap.run(dict(globals()))
