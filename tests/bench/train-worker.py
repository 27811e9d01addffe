#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""PyTorch's side of train-network.c: the same iterations, the same protocol.

Usage: train-worker.py NETWORK INPUT.f32 GRADIENTS.f32 THREADS SHAPE
"""
import json
import os
import sys
import time

import numpy as np
import torch

import networks


def resident_bytes():
    return int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGESIZE')


def main():
    name, x_path, gradients, threads, shape = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.set_num_interop_threads(1)
    module = networks.make(name)[0].train()
    x = torch.from_numpy(np.fromfile(x_path, np.float32).reshape([int(n) for n in shape.split('x')]))
    before = resident_bytes()
    adam = torch.optim.Adam(module.parameters(), 0.01)

    def iterate():
        adam.zero_grad()
        y = module(x)
        torch.nn.functional.mse_loss(y, torch.full_like(y, 0.5)).backward()
        adam.step()

    def write():
        parts = [p.grad.numpy().ravel() for _, p in sorted(module.named_parameters())]
        np.concatenate(parts).tofile(gradients)

    iterate()
    write()
    print(json.dumps({'version': torch.__version__, 'before': before}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        iterate()
        print('%.4f' % ((time.perf_counter() - start) * 1e3), flush=True)


if __name__ == '__main__':
    main()
