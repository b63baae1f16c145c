#!/usr/bin/env bash
# bench/gpu.sh [NAME]: judges the CUDA backend on this machine's GPU with cmake, nvcc and cuBLAS alone, in under ten
# minutes: builds zest_gpu_check for this card, runs it under compute-sanitizer on small sizes where that is installed,
# then in earnest, and writes bench/results/gpu-NAME.json. Where Python has torch, PyTorch runs beside it; where ncu is,
# it times the kernels of a forward and of an update; where Node, dist and zest_cuda.node are, steps from JavaScript.
# AGAINST=FOLDER, another checkout, has its timings taken in the same call.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr -cs '[:alnum:]\n' '-' | sed 's/-$//')}
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
build=build/gpu
results=bench/results
mkdir -p "$results"

# made SOURCES BUILD
made() {
  cmake -S "$1" -B "$2" -DZEST_CUDA=ON -DZEST_TESTS=ON -DZEST_NODE=NOTFOUND "-DZEST_CUDA_ARCHITECTURES=$capability-real"
  cmake --build "$2" --parallel --target zest_gpu_check
}
made . "$build"
check=$build/native/test/cuda/zest_gpu_check

status=0
if command -v compute-sanitizer > /dev/null; then
  # sanitized TOOL [OPTION…]: the timings on tiny shapes, once each.
  sanitized() {
    echo "=== compute-sanitizer --tool $*"
    timeout 60 compute-sanitizer --tool "$1" --error-exitcode 3 "$check" --small --no-tests "${@:2}" "$build/$1.json" || status=1
  }
  sanitized memcheck
  # These take longer: all of it did not end in a minute.
  sanitized racecheck --only 'tiny 3 x 5 bfloat16'
  sanitized initcheck --only 'tiny 3 x 5 bfloat16'
else
  echo 'compute-sanitizer was not found: memory and races were not checked'
fi

timeout 240 "$check" "$results/gpu-$name.json" || status=1
if [[ -n ${AGAINST:-} ]]; then
  made "$AGAINST" "$build-against"
  timeout 120 "$build-against/native/test/cuda/zest_gpu_check" --no-tests "$results/gpu-$name-against.json" || status=1
fi
if command -v ncu > /dev/null; then
  # of KERNELS COUNT: the first so many of them, on the largest shape.
  of() {
    timeout 90 ncu --kernel-name "regex:$1" --launch-count "$2" --kill yes --metrics "$metrics" "$check" --no-tests \
      "$build/ncu.json"
  }
  metrics=gpu__time_duration.sum,dram__throughput.avg.pct_of_peak_sustained_elapsed
  metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active,launch__registers_per_thread
  metrics+=,sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active
  # With --kill the status is that of a program that was ended.
  { of 'attention|normalize|bias_activation|embed' 60 || true; of 'update|perturb_rows|extend' 12 || true; } \
    > "$results/gpu-$name-kernels.txt"
fi
if command -v node > /dev/null && [[ -e build/Release/zest_cuda.node && -e dist/index.js ]]; then
  timeout 60 node bench/javascript.mjs --device cuda --dtype bfloat16 --output "$results/gpu-$name-javascript.json" || status=1
else
  echo 'Node, dist or build/Release/zest_cuda.node was not found: steps from JavaScript were not measured'
fi
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,power.limit --format=csv > "$results/gpu-$name.csv"
if python3 -c 'import torch' 2> /dev/null; then
  timeout 240 python3 bench/peers/gpu.py "$results/gpu-$name-pytorch.json" || status=1
else
  echo 'torch was not found: PyTorch was not measured'
fi
echo "$results/gpu-$name.json"
exit $status
