// ONNX Runtime on what `adm_eager.py export` wrote: its result is held against PyTorch's, then one pass is timed after two to warm up.
//
//   npm install --prefix bench/peer --no-save --ignore-scripts onnxruntime-node
//   node onnx_time.js FOLDER SIDE THREADS [REPEAT]      seconds a picture, as a JSON line; without arguments: whether it can run
const fs = require('fs'), path = require('path');
const ort = require('onnxruntime-node');

const [folder, side, threads, repeat] = process.argv.slice(2);
const floats = name => {
  const bytes = fs.readFileSync(path.join(folder, name));
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
};

async function main() {
  const x = floats('x.bin'), y = floats('y.bin'), batch = x.length / (3 * side * side);
  const net = await ort.InferenceSession.create(path.join(folder, 'net.onnx'), { intraOpNumThreads: +threads, graphOptimizationLevel: 'all' });
  const input = { x: new ort.Tensor('float32', x, [batch, 3, +side, +side]), t: new ort.Tensor('int64', new BigInt64Array(batch).fill(150n), [batch]) };
  const result = (await net.run(input)).y.data;
  const size = Math.max(...y.map(Math.abs)), error = Math.max(...y.map((value, i) => Math.abs(value - result[i])));
  if (!(error < 1e-3 * size)) {
    throw new Error(`its result is ${error} off PyTorch's, whose largest value is ${size}`);
  }
  await net.run(input);
  const taken = [];
  for (let i = 0; i < +(repeat || 1); i++) {
    const start = performance.now();
    await net.run(input);
    taken.push((performance.now() - start) / 1e3 / batch);
  }
  taken.sort((a, b) => a - b);
  console.log(JSON.stringify({ median: taken[taken.length >> 1], threads: +threads, engine: `ONNX Runtime ${require('onnxruntime-node/package.json').version}` }));
}

if (folder) {
  main().catch(error => { console.error(error.message); process.exit(1); });
}
