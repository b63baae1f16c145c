#!/usr/bin/env bash
# bench/gpu.sh [NAME]: judges the CUDA backend on this machine's GPU with cmake, nvcc and cuBLAS alone, in under ten
# minutes: builds zest_gpu_check for this card, runs it under compute-sanitizer on small sizes where that is installed,
# then in earnest, and writes bench/results/gpu-NAME.json. Where Python has torch, PyTorch runs beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr -cs '[:alnum:]\n' '-' | sed 's/-$//')}
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
build=build/gpu
results=bench/results
mkdir -p "$results"

cmake -S . -B "$build" -DZEST_CUDA=ON -DZEST_TESTS=ON -DZEST_NODE=NOTFOUND "-DZEST_CUDA_ARCHITECTURES=$capability-real"
cmake --build "$build" --parallel --target zest_gpu_check
check=$build/native/test/cuda/zest_gpu_check

status=0
if command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck initcheck; do
    echo "=== compute-sanitizer --tool $tool"
    timeout 60 compute-sanitizer --tool "$tool" --error-exitcode 3 "$check" --small --no-tests "$build/$tool.json" || status=1
  done
else
  echo 'compute-sanitizer was not found: memory and races were not checked'
fi

timeout 240 "$check" "$results/gpu-$name.json" || status=1
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,power.limit --format=csv > "$results/gpu-$name.csv"
if python3 -c 'import torch' 2> /dev/null; then
  timeout 240 python3 bench/peers/gpu.py "$results/gpu-$name-pytorch.json" || status=1
else
  echo 'torch was not found: PyTorch was not measured'
fi
echo "$results/gpu-$name.json"
exit $status
