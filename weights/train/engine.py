# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward and backward of a network by our own engine (engine/nr-gradient.h) instead of PyTorch's.

On a CPU without matrix instructions for bfloat16 it makes two to three times as many steps, in float32.  PyTorch keeps
the parameters, the loss and the optimizer.
"""

from __future__ import annotations

import copy
import ctypes
import tempfile
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int64, c_size_t, c_uint, c_void_p
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn

import networks

OPSET = 16  # export.py registers another order of PixelUnshuffle's channels from 17 on
FLOAT32, HIGHEST_LEVEL = 1, 2  # NrType, NrCpuLevel


class Shape(ctypes.Structure):
    """NrShape."""
    _fields_ = [("type", c_int), ("rank", c_uint), ("dims", c_int64 * 8)]

    @classmethod
    def of(cls, tensor: Tensor) -> Shape:
        return cls(FLOAT32, tensor.dim(), (c_int64 * 8)(*tensor.shape))


class Options(ctypes.Structure):
    """NrTrainerOptions."""
    _fields_ = [("threads", c_uint), ("cpu_level", c_int), ("memory_limit", c_size_t),
                ("wants_input_gradients", c_int), ("wants_parameter_gradients", c_int)]


class Error(ctypes.Structure):
    """GError."""
    _fields_ = [("domain", c_uint), ("code", c_int), ("message", c_char_p)]


def load(path: Path) -> ctypes.CDLL:
    """The engine as a shared library: engine/libnr-training.so in the build folder."""
    library = ctypes.CDLL(str(path.resolve()))
    signatures = {
        "nr_model_load": (c_void_p, [c_char_p, c_void_p]),
        "nr_trainer_new": (c_void_p, [c_void_p, POINTER(Shape), POINTER(Options), c_void_p]),
        "nr_trainer_free": (None, [c_void_p]),
        "nr_trainer_n_parameters": (c_uint, [c_void_p]),
        "nr_trainer_parameter_name": (c_char_p, [c_void_p, c_uint]),
        "nr_trainer_parameter": (POINTER(c_float), [c_void_p, c_uint, c_void_p]),
        "nr_trainer_parameter_gradient": (POINTER(c_float), [c_void_p, c_uint]),
        "nr_trainer_output_shape": (POINTER(Shape), [c_void_p, c_uint]),
        "nr_trainer_output": (POINTER(c_float), [c_void_p, c_uint]),
        "nr_trainer_output_gradient": (POINTER(c_float), [c_void_p, c_uint]),
        "nr_trainer_forward": (c_int, [c_void_p, POINTER(c_void_p), c_void_p, c_void_p]),
        "nr_trainer_backward": (c_int, [c_void_p, c_void_p, c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def checked(function, *arguments):
    """Calls what takes a GError ** last; its message becomes an exception."""
    error = POINTER(Error)()
    result = function(*arguments, byref(error))
    if not result:
        raise RuntimeError(error.contents.message.decode())
    return result


def view(memory, shape: torch.Size) -> Tensor:
    """The engine's own memory as a tensor."""
    return torch.from_numpy(numpy.ctypeslib.as_array(memory, tuple(shape)))


def write_onnx(network: nn.Module, path: str) -> None:
    """The network for any batch, height and width; equal parameters would become one in the file, so they are made to differ."""
    network = copy.deepcopy(network)
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    inputs = networks.example_inputs(network, 64, 64)
    axes = {name: {0: "batch", 2: "height", 3: "width"} for name in [*inputs, "output"]}
    torch.onnx.export(network, tuple(inputs.values()), path, input_names=list(inputs), output_names=["output"],
                      dynamic_axes=axes, opset_version=OPSET, dynamo=False)


class Planned:
    """The network planned for inputs of certain shapes (NrTrainer)."""

    def __init__(self, library: ctypes.CDLL, model: int, network: nn.Module, inputs: list[Tensor], threads: int) -> None:
        self.library = library
        options = Options(threads, HIGHEST_LEVEL, 0, 0, 1)
        shapes = (Shape * len(inputs))(*map(Shape.of, inputs))
        self.trainer = checked(library.nr_trainer_new, model, shapes, byref(options))
        numbers = {library.nr_trainer_parameter_name(self.trainer, i).decode(): i
                   for i in range(library.nr_trainer_n_parameters(self.trainer))}
        parameters = dict(network.named_parameters())
        if missing := parameters.keys() - numbers.keys():
            raise ValueError(f"ONNX stores {min(missing)} in another form: train this network without --engine")
        self.values = [view(library.nr_trainer_parameter(self.trainer, numbers[name], None), parameter.shape)
                       for name, parameter in parameters.items()]
        self.gradients = [view(library.nr_trainer_parameter_gradient(self.trainer, numbers[name]), parameter.shape)
                          for name, parameter in parameters.items()]
        shape = library.nr_trainer_output_shape(self.trainer, 0).contents
        size = torch.Size(shape.dims[:shape.rank])
        self.output = view(library.nr_trainer_output(self.trainer, 0), size)
        self.output_gradient = view(library.nr_trainer_output_gradient(self.trainer, 0), size)

    def close(self) -> None:
        self.library.nr_trainer_free(self.trainer)


class Step(torch.autograd.Function):
    """One forward and one backward; INPUTS must not change between them, and get no gradient."""

    @staticmethod
    def forward(ctx, planned: Planned, inputs: list[Tensor], *parameters: Tensor) -> Tensor:
        torch._foreach_copy_(planned.values, list(parameters))
        pointers = (c_void_p * len(inputs))(*(tensor.data_ptr() for tensor in inputs))
        checked(planned.library.nr_trainer_forward, planned.trainer, pointers, None)
        ctx.planned, ctx.inputs = planned, inputs
        return planned.output.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        ctx.planned.output_gradient.copy_(gradient)
        checked(ctx.planned.library.nr_trainer_backward, ctx.planned.trainer, None)
        return None, None, *(values.clone() for values in ctx.planned.gradients)


class Engine(nn.Module):
    """Computes what NETWORK computes, with its parameters, on THREADS threads (0: all)."""

    def __init__(self, library: Path, network: nn.Module, threads: int = 0) -> None:
        super().__init__()
        if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
            raise ValueError("batch normalization keeps averages that only PyTorch updates: train this network without --engine")
        self.__dict__["network"] = network  # not a module of this one: its parameters belong to the caller
        self.library, self.threads = load(library), threads
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            write_onnx(network, file.name)
            self.model = checked(self.library.nr_model_load, file.name.encode())
        self.planned, self.shapes = None, None

    def forward(self, *tensors: Tensor) -> Tensor:
        inputs = [tensor.detach().float().contiguous() for tensor in tensors]
        shapes = [tensor.shape for tensor in inputs]
        if shapes != self.shapes:
            if self.planned:
                self.planned.close()
            self.planned = Planned(self.library, self.model, self.network, inputs, self.threads)
            self.shapes = shapes
        return Step.apply(self.planned, inputs, *self.network.parameters())
