# SPDX-License-Identifier: GPL-3.0-or-later
"""Gradients of our engine and what they should be: central differences in double precision.

The forward is ONNX's reference evaluator (double in, double out), so the only thing taken from the engine is the
gradient under test. RUN_GRADIENT names the runner in the environment.
"""

import os
import pathlib
import subprocess
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

import tap

# Of the largest gradient of a tensor: sums of a few thousand products in single precision.
TOLERANCE = 2e-5
STEP = 1e-6
NETWORK_STEP = 1e-8 # a network has so many kinks that a longer one often meets one
EVERY_ELEMENT = 40 # up to this size every element is moved by itself, beyond it random directions
DIRECTIONS = 3
ZERO = 1e-2 # gradients of a network below this part of its largest are compared with that
MISSING_LEVEL = 77


def node_model(op, inputs, constants=(), outputs=1, opset=17, order=None, **attributes):
    """One node. inputs: shapes of float32 graph inputs; constants: arrays or None (left out) behind them."""
    names = [f"x{i}" for i in range(len(inputs))]
    initializers = []
    for i, value in enumerate(constants):
        names.append("" if value is None else f"c{i}")
        if value is not None:
            initializers.append(numpy_helper.from_array(np.asarray(value), f"c{i}"))
    if order is not None:
        names = [names[i] for i in order]
    results = [f"y{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op, names, results, name="node", **attributes)], "one",
        [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(inputs)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


class Gradients:
    """What the engine says: outputs by number, gradients of inputs and parameters by name."""

    def __init__(self):
        self.outputs, self.inputs, self.parameters = [], {}, {}


def run(model, inputs, seeds, level="avx512"):
    """inputs, seeds: lists of float32 arrays, in the model's order of inputs and outputs."""
    result = Gradients()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        arguments = []
        for i, value in enumerate(inputs):
            (folder / f"x{i}").write_bytes(value.tobytes())
            arguments.append(f"{'x'.join(map(str, value.shape))}:{folder / f'x{i}'}")
        for i, value in enumerate(seeds):
            (folder / f"seed-{i}").write_bytes(value.tobytes())

        done = subprocess.run([os.environ["RUN_GRADIENT"], folder / "model.onnx", level, folder, *arguments],
                              capture_output=True, text=True, check=False)
        if done.returncode == MISSING_LEVEL:
            raise tap.Skip(f"the machine has no {level}")
        assert done.returncode == 0, done.stderr + done.stdout

        for line in done.stdout.splitlines():
            kind, number, name, shape = line.split(" ")
            shape = [int(size) for size in shape.split("x")] if shape else []
            value = np.frombuffer((folder / f"{kind}-{number}").read_bytes(), np.float32).reshape(shape)
            if kind == "output":
                result.outputs.append(value)
            else:
                getattr(result, kind + "s")[name] = value
    return result


def linear_matrix(n, scale):
    """Linear interpolation of N elements with half-pixel coordinates, as a matrix."""
    at = np.clip((np.arange(int(n * scale)) + 0.5) / scale - 0.5, 0, n - 1)
    left = np.minimum(at.astype(int), max(n - 2, 0))
    matrix = np.zeros((len(at), n))
    matrix[np.arange(len(at)), left] = 1 - (at - left)
    matrix[np.arange(len(at)), np.minimum(left + 1, n - 1)] += at - left
    return matrix


class Resize(OpRun):
    """The evaluator's own goes element by element, which takes seconds: linear, by scales, is all that networks here need."""

    op_domain = ""

    def _run(self, x, roi=None, scales=None, sizes=None, mode=None, coordinate_transformation_mode=None, **_):
        assert mode == "linear" and coordinate_transformation_mode in ("half_pixel", "pytorch_half_pixel")
        return (linear_matrix(x.shape[2], scales[2]) @ x @ linear_matrix(x.shape[3], scales[3]).T,)


def transposed_convolution(x, w, bias=None, group=1, strides=(1, 1), pads=(0, 0, 0, 0), output_padding=(0, 0)):
    """Two dimensions: every input element adds the kernel to the output."""
    n, c_in, rows, columns = x.shape
    c_out, kernel = w.shape[1], w.shape[2:]
    full = np.zeros((n, group, c_out, (rows - 1) * strides[0] + kernel[0] + output_padding[0],
                     (columns - 1) * strides[1] + kernel[1] + output_padding[1]))
    x = x.reshape(n, group, c_in // group, rows, columns)
    w = w.reshape(group, c_in // group, c_out, *kernel)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            full[..., i:i + rows * strides[0]:strides[0], j:j + columns * strides[1]:strides[1]] += \
                np.einsum("ngchw,gco->ngohw", x, w[..., i, j], optimize=True)
    full = full.reshape(n, -1, *full.shape[3:])
    y = full[:, :, pads[0]:full.shape[2] - pads[2], pads[1]:full.shape[3] - pads[3]]
    return y if bias is None else y + bias.reshape(-1, 1, 1)


class ConvTranspose(OpRun):
    """The evaluator's own is as slow, and cannot group."""

    op_domain = ""

    def _run(self, x, w, bias=None, group=1, strides=(1, 1), pads=(0, 0, 0, 0), output_padding=(0, 0), **_):
        return (transposed_convolution(x, w, bias, group or 1, strides, pads, output_padding or (0, 0)),)


class Reference:
    """A model in double: every float32 tensor becomes double, PARAMETERS become inputs."""

    def __init__(self, model, parameters=(), new_ops=()):
        double = type(model)()
        double.CopyFrom(model)
        graph = double.graph
        self.start = {}
        kept = []
        for tensor in graph.initializer:
            value = numpy_helper.to_array(tensor)
            if tensor.name in parameters:
                self.start[tensor.name] = value.astype(np.float64)
                graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.DOUBLE, value.shape))
            else:
                kept.append(numpy_helper.from_array(value.astype(np.float64) if value.dtype == np.float32 else value,
                                                    tensor.name))
        del graph.initializer[:]
        graph.initializer.extend(kept)
        for node in graph.node:
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                    attribute.i = TensorProto.DOUBLE
                if node.op_type == "LayerNormalization" and attribute.name == "stash_type":
                    attribute.i = TensorProto.DOUBLE
        self.evaluator = ReferenceEvaluator(double, new_ops=list(new_ops))

    def __call__(self, values):
        return self.evaluator.run(None, values)


def differences(forward, seeds, values, name, random, every):
    """Pairs of a direction and the derivative of sum (seeds * forward) along it; directions are of values[name]'s shape.

    every: the most elements that are moved one by one."""
    at = values[name]
    step = STEP if every else NETWORK_STEP

    def loss(moved):
        outputs = forward({**values, name: moved})
        return sum(float((seed * output).sum()) for seed, output in zip(seeds, outputs))

    def directions():
        if at.size <= every:
            for i in range(at.size):
                direction = np.zeros(at.size)
                direction[i] = 1
                yield direction.reshape(at.shape)
        else:
            for _ in range(DIRECTIONS if every else 1):
                yield random.standard_normal(at.shape)

    for direction in directions():
        yield direction, (loss(at + step * direction) - loss(at - step * direction)) / (2 * step)


def compare(name, gradient, pairs, tolerance, floor):
    """Asserts that GRADIENT agrees with (direction, derivative) pairs, to TOLERANCE of its largest element or of FLOOR."""
    assert np.isfinite(gradient).all(), f"gradient of {name} is not finite"
    gradient = gradient.astype(np.float64)
    pairs = list(pairs)
    largest = max(np.abs(gradient).max(initial=0), floor)
    for direction, want in pairs:
        got = float((gradient * direction).sum())
        # A direction that moves every element adds up as many independent errors.
        allowed = tolerance * largest * np.sqrt((direction != 0).sum()) + 1e-7
        if abs(got - want) > allowed:
            where = np.argwhere(direction).tolist()[0] if (direction != 0).sum() == 1 else "a random direction"
            raise AssertionError(f"gradient of {name} at {where}: {got}, central difference {want}, "
                                 f"largest gradient {largest}")


def check(model, inputs, forward=None, tolerance=TOLERANCE, level="avx512", every=EVERY_ELEMENT, new_ops=(), distort=None):
    """Our gradients of all inputs (arrays, by name) and parameters against central differences.

    forward: values by name to a list of outputs, where the reference evaluator has no such thing in double.
    every: the most elements of a tensor that are moved one by one; 0: a single direction through each, for networks.
    new_ops: operators that replace the evaluator's.
    distort: changes our gradient before it is compared, to show that the comparison fails.
    """
    random = np.random.default_rng(1)
    values = {name: value.astype(np.float64) for name, value in inputs.items()}

    # Shapes of outputs, then parameters, are known after a first run.
    outputs = (forward or Reference(model, new_ops=new_ops))(values)
    seeds = [random.standard_normal(np.shape(output)).astype(np.float32) for output in outputs]
    ours = run(model, list(inputs.values()), seeds, level)
    for got, want in zip(ours.outputs, outputs):
        assert got.shape == np.shape(want), f"output is {got.shape}, expected {np.shape(want)}"
        assert np.abs(got - want).max(initial=0) <= 1e-4 * max(np.abs(want).max(initial=0), 1), "forward differs"

    reference = forward
    if reference is None:
        reference = Reference(model, ours.parameters, new_ops)
        values.update(reference.start)
    gradients = {**ours.inputs, **ours.parameters}
    # In networks there are gradients that are zero but for rounding: of a bias that a normalization takes away.
    floor = 0 if every else ZERO * max(np.abs(gradient).max(initial=0) for gradient in gradients.values())
    for name in list(inputs) + list(ours.parameters):
        gradient = gradients.get(name, np.zeros(values[name].shape, np.float32))
        gradient = distort(gradient) if distort else gradient
        compare(name, gradient, differences(reference, seeds, values, name, random, every), tolerance, floor)
