#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One engine, one network, in a process of its own; speaks the protocol of run-network.c.

Usage: worker.py ENGINE MODEL INPUT.f32 OUTPUT.f32 THREADS SHAPES
ENGINE is onnxruntime, torch or opencv; MODEL is the ONNX file, for torch the traced module. SHAPES as in run-network.c.
"""
import json
import sys
import time

import numpy as np


def onnxruntime_engine(model, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    names = [i.name for i in session.get_inputs()]
    return ort.__version__, lambda inputs: session.run(None, dict(zip(names, inputs)))[0]


def torch_engine(model, threads):
    import torch
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    # With its compiler of element-wise chains PyTorch 2.6 did not begin NAFNet within five minutes.
    torch._C._jit_set_texpr_fuser_enabled(False)
    module = torch.jit.freeze(torch.jit.load(model).eval())

    def run(inputs):
        with torch.inference_mode():
            return module(*map(torch.from_numpy, inputs)).numpy()
    return torch.__version__, run


def opencv_engine(model, threads):
    import cv2
    import onnx
    names = [value.name for value in onnx.load(model).graph.input] # OpenCV does not tell them
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(model)

    def run(inputs):
        if len(inputs) == 1:
            net.setInput(inputs[0])
        else:
            for name, x in zip(names, inputs):
                net.setInput(x, name)
        return net.forward()
    return cv2.__version__, run


def main():
    engine, model, x_path, y_path, threads, shapes = sys.argv[1:]
    make = {'onnxruntime': onnxruntime_engine, 'torch': torch_engine, 'opencv': opencv_engine}[engine]
    version, run = make(model, int(threads))
    data, inputs = np.fromfile(x_path, np.float32), []
    for shape in shapes.split('+'):
        dims = [int(n) for n in shape.split('x')]
        n = int(np.prod(dims))
        inputs.append(data[:n].reshape(dims))
        data = data[n:]
    for _ in range(2 if engine == 'torch' else 1): # PyTorch's frozen modules settle in the second run
        y = run(inputs)
    np.ascontiguousarray(y, np.float32).tofile(y_path)
    print(json.dumps({'version': version}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run(inputs)
        print('%.4f' % ((time.perf_counter() - start) * 1e3), flush=True)


if __name__ == '__main__':
    main()
