#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gradients of whole networks: Deep Image Prior's hourglass and both halves of DCGAN.

Small ones against central differences in double, everywhere; those of the papers against PyTorch in double, where it is
installed. Batch normalization uses the batch's statistics throughout.
"""

import io
import pathlib
import sys
import warnings
from importlib import util

import numpy as np
import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import gradients
import networks
import tap

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    torch = None

# Of the largest gradient of a tensor, after some twenty layers in single precision.
TOLERANCE = 1e-4


# -- Small networks against central differences ----------------------------------------------------------------------


class Builder(networks.Builder):
    def batch_norm(self, x, channels):
        ones, zeros = self.constant(np.ones(channels, np.float32)), self.constant(np.zeros(channels, np.float32))
        scale = self.constant(self.random.uniform(0.5, 1.5, channels).astype(np.float32))
        return self.BatchNormalization(x, scale, self.normal(channels, scale=0.1), zeros, ones, training_mode=1)

    def finish(self, shape, output):
        graph = helper.make_graph(self.nodes + [helper.make_node("Identity", [output], ["output"])], "network",
                                  [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
                                  [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)], self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def small_hourglass(shape, width=6, skip=2, scales=2):
    b = Builder(1)

    def block(x, c_in, c_out, kernel, stride=1):
        pad = kernel // 2
        if pad:
            x = b.Pad(x, b.ints(0, 0, pad, pad, 0, 0, pad, pad), mode="reflect")
        weights = b.normal(c_out, c_in, kernel, kernel, scale=(2 / c_in) ** 0.5 / kernel)
        x = b.Conv(x, weights, kernel_shape=[kernel] * 2, strides=[stride] * 2)
        return b.LeakyRelu(b.batch_norm(x, c_out), alpha=0.2)

    x, skips, channels = "input", [], shape[1]
    for _ in range(scales):
        skips.append(block(x, channels, skip, 1))
        x = block(block(x, channels, width, 3, stride=2), width, width, 3)
        channels = width
    for link in reversed(skips):
        x = b.Resize(x, "", b.constant(np.array([1, 1, 2, 2], np.float32)), mode="linear",
                     coordinate_transformation_mode="half_pixel")
        x = b.batch_norm(b.Concat(link, x, axis=1), width + skip)
        x = block(block(x, width + skip, width, 3), width, width, 1)
    return b.finish(shape, b.Sigmoid(b.conv(x, width, 3, kernel=1)))


def small_generator(shape, widths=(12, 8, 5)):
    b = Builder(2)
    x = b.Gemm("input", b.normal(shape[1], widths[0] * 16, scale=0.3))
    x = b.Relu(b.batch_norm(b.Reshape(x, b.ints(-1, widths[0], 4, 4)), widths[0]))
    for wide, narrow in zip(widths, widths[1:]):
        x = b.ConvTranspose(x, b.normal(wide, narrow, 4, 4, scale=0.2), kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4)
        x = b.Relu(b.batch_norm(x, narrow))
    return b.finish(shape, b.Tanh(b.conv_transpose(x, widths[-1], 3, kernel=4)))


def small_discriminator(shape, widths=(5, 7)):
    b = Builder(3)
    x = b.LeakyRelu(b.conv("input", 3, widths[0], kernel=5, stride=2), alpha=0.2)
    for narrow, wide in zip(widths, widths[1:]):
        x = b.LeakyRelu(b.batch_norm(b.conv(x, narrow, wide, kernel=5, stride=2, bias=False), wide), alpha=0.2)
    x = b.Gemm(b.Flatten(x, axis=1), b.normal(1, widths[-1] * shape[2] * shape[3] // 4 ** len(widths), scale=0.1),
               b.normal(1), transB=1)
    return b.finish(shape, b.Sigmoid(x))


def check_small(model, shape):
    value = np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32)
    gradients.check(model, {"input": value}, tolerance=TOLERANCE, every=0, new_ops=[gradients.Resize, gradients.ConvTranspose])


def test_small_hourglass_agrees_with_central_differences():
    check_small(small_hourglass((1, 4, 20, 28)), (1, 4, 20, 28))


def test_small_generator_agrees_with_central_differences():
    check_small(small_generator((3, 10)), (3, 10))


def test_small_discriminator_agrees_with_central_differences():
    check_small(small_discriminator((3, 3, 16, 16)), (3, 3, 16, 16))


def test_restoration_networks_agree_with_central_differences():
    """Any network can be the prior: known statistics, slopes of channels, pixel shuffle, attention of both kinds."""
    for network in [networks.dncnn, networks.pixel_shuffle, networks.nafnet, networks.window_attention]:
        check_small(network(), (1, 3, 12, 8))


# -- The papers' networks against PyTorch ----------------------------------------------------------------------------


def generator():
    """Radford, Metz and Chintala 2016: dense to 4 x 4 x 512, four transposed convolutions to 64 x 64 x 3."""
    widths = [512, 256, 128, 64]
    layers = [nn.Linear(100, widths[0] * 16), nn.Unflatten(1, (widths[0], 4, 4)), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for wide, narrow in zip(widths, widths[1:]):
        layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh())


def discriminator():
    widths = [64, 128, 256, 512]
    layers = [nn.Conv2d(3, widths[0], 5, 2, 2), nn.LeakyReLU(0.2)]
    for narrow, wide in zip(widths, widths[1:]):
        layers += [nn.Conv2d(narrow, wide, 5, 2, 2, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, 1), nn.Sigmoid())


def hourglass():
    path = pathlib.Path(__file__).resolve().parents[3] / "bench" / "networks.py"
    specification = util.spec_from_file_location("bench_networks", path)
    module = util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.Hourglass()


def move_kinks(module):
    """Puts the kink of activations four deviations off, on either side. An element within rounding of a kink may take the
    other slope in single precision, and one such in a million changes sums by a percent: no error of a gradient."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.constant_(part.weight, 0.5)
            with torch.no_grad():
                part.bias.copy_(torch.randint(0, 2, part.bias.shape) * 4 - 2)


def largest(value):
    return np.abs(value).max(initial=0)


def agree_with_torch(build, shape):
    """Each gradient within TOLERANCE of its largest element. Those that are zero but for rounding (a bias that batch
    normalization takes away) are compared with the largest of all."""
    if torch is None:
        raise tap.Skip("python3-torch is not there")

    torch.manual_seed(1)
    module = build().train()
    move_kinks(module)
    value = torch.rand(shape)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore") # the exporter has one for each running mean that it leaves out
        torch.onnx.export(module, value, file, opset_version=17, input_names=["input"], do_constant_folding=False,
                          training=torch.onnx.TrainingMode.TRAINING)
    model = onnx.load_model_from_string(file.getvalue())

    double = module.double()
    inputs = value.double().requires_grad_()
    output = double(inputs)
    seed = torch.randn(output.shape)
    output.backward(seed.double())

    ours = gradients.run(model, [value.numpy()], [seed.numpy()])
    want = {name: parameter.grad.numpy() for name, parameter in double.named_parameters()}
    assert sorted(want) == sorted(ours.parameters), sorted(set(want) ^ set(ours.parameters))
    want["input"] = inputs.grad.numpy()
    got = {**ours.parameters, **ours.inputs}

    forward = largest(ours.outputs[0] - output.detach().numpy()) / largest(output.detach().numpy())
    whole = max(largest(gradient) for gradient in want.values())
    errors = {name: largest(got[name] - gradient) / max(largest(gradient), gradients.ZERO * whole) for name, gradient in want.items()}
    worst = max(errors, key=errors.get)
    print(f"# {build.__name__}: forward {forward:.1e}, gradients {errors[worst]:.1e} ({worst}), median {np.median(list(errors.values())):.1e}")
    assert forward <= TOLERANCE and errors[worst] <= TOLERANCE, errors


def test_hourglass_agrees_with_pytorch():
    agree_with_torch(hourglass, (1, 32, 128, 160))


def test_generator_agrees_with_pytorch():
    agree_with_torch(generator, (4, 100))


def test_discriminator_agrees_with_pytorch():
    agree_with_torch(discriminator, (4, 3, 64, 64))


if __name__ == "__main__":
    tap.run(dict(globals()))
