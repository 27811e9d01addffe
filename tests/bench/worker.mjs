// SPDX-License-Identifier: GPL-3.0-or-later
// One network in onnxruntime-node; speaks the protocol of run-network.c.
// Usage: worker.mjs MODEL.onnx INPUT.f32 OUTPUT.f32 THREADS SHAPES

import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const require = createRequire(process.env.NR_BENCH_NODE_MODULES + '/');
const ort = require('onnxruntime-node');
const [model, xPath, yPath, threads, shapes] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model, {
  executionProviders: ['cpu'], intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3,
});
const bytes = readFileSync(xPath);
const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const feed = {};
let offset = 0;
shapes.split('+').forEach((shape, i) => {
  const dims = shape.split('x').map(Number);
  const n = dims.reduce((a, b) => a * b);
  feed[session.inputNames[i]] = new ort.Tensor('float32', data.slice(offset, offset + n), dims);
  offset += n;
});
const run = async () => (await session.run(feed))[session.outputNames[0]];

const y = (await run()).data;
writeFileSync(yPath, Buffer.from(y.buffer, y.byteOffset, y.byteLength));
console.log(JSON.stringify({ version: require('onnxruntime-node/package.json').version }));
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  await run();
  console.log((performance.now() - start).toFixed(4));
}
