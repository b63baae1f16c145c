// How rows are shared out to threads, with the point as the last dimension of the grid: a thread
// divides nothing. activate.cu and gather.cu give a row, or a part of a wide one, to a block;
// embed.cu, heads.cu and normalize.cu a row to a warp.
#pragma once

#include <algorithm>

#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {

constexpr int row_threads = 256;
constexpr int64_t most_points = 65535;  // of the grid's last dimension

inline unsigned blocks_of_points(int64_t points) {
  if (points > most_points) check(cudaErrorInvalidValue, "a grid beyond 65535 points");
  return static_cast<unsigned>(points);
}

__device__ __forceinline__ int64_t point_of_block() { return blockIdx.z; }

// --- a block a row -------------------------------------------------------------------------------

// Threads that move `at_once` elements each: as many to each part of a row, whole warps.
struct RowParts {
  dim3 blocks;
  unsigned threads;
  RowParts(int64_t points, int64_t rows, int64_t columns, int at_once) {
    const int64_t shares = ceil_divide(columns, at_once), parts = ceil_divide(shares, row_threads);
    blocks = dim3(blocks_for(rows, 1), static_cast<unsigned>(parts), blocks_of_points(points));
    threads =
        static_cast<unsigned>(ceil_divide(ceil_divide(shares, parts), warp_lanes) * warp_lanes);
  }
};

// Of all points' rows.
__device__ __forceinline__ int64_t row_of_block(int64_t rows) {
  return point_of_block() * rows + blockIdx.x;
}
// Blocks that read what a product wrote begin at its end, which is in the cache still.
__device__ __forceinline__ int64_t block_from_the_end() { return gridDim.x - 1 - blockIdx.x; }
__device__ __forceinline__ int64_t point_from_the_end() { return gridDim.z - 1 - blockIdx.z; }
template <int at_once>
__device__ __forceinline__ int64_t column_of_thread() {
  return int64_t{blockIdx.y * blockDim.x + threadIdx.x} * at_once;
}

// --- a warp a row --------------------------------------------------------------------------------

constexpr int lane_elements = 4;  // of a lane's access, 16 bytes of float32
constexpr int64_t warp_elements = lane_elements * warp_lanes;

__device__ __forceinline__ float warp_sum(float x) {
  for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
    x += __shfl_xor_sync(all_lanes, x, lanes);
  }
  return x;
}

// Warps that have a row each, of `accesses` of a lane, which keeps it in registers; 0 accesses: of
// any length, kept in the memory that the block shares, or, where not one row fits there, in the
// result's.
struct RowsOfWarps {
  static constexpr int most_accesses = 8;
  static constexpr size_t most_shared = 48 * 1024;
  int accesses = 0;
  size_t row_bytes, warps;
  bool kept;
  explicit RowsOfWarps(int64_t columns, bool in_registers = true)
      : row_bytes(sizeof(float) * static_cast<size_t>((columns + 3) / 4 * 4)),
        warps(std::clamp<size_t>(most_shared / std::max<size_t>(row_bytes, 1), 1,
                                 row_threads / warp_lanes)),
        kept(row_bytes <= most_shared) {
    const int64_t needed = ceil_divide(columns, warp_elements);
    if (!in_registers || columns % lane_elements != 0 || needed > most_accesses) return;
    accesses = static_cast<int>(needed + needed % 2);
    warps = row_threads / warp_lanes;
  }
  unsigned threads() const { return static_cast<unsigned>(warps) * warp_lanes; }
  size_t shared() const { return accesses == 0 && kept ? warps * row_bytes : 0; }
  dim3 blocks(int64_t rows, int64_t points) const {
    return dim3(blocks_for(rows, static_cast<int64_t>(warps)), 1, blocks_of_points(points));
  }
};

// Calls run with the accesses as a constant.
template <class Launch>
void with_accesses(int accesses, Launch run) {
  switch (accesses) {
    case 2:
      return run.template operator()<2>();
    case 4:
      return run.template operator()<4>();
    case 6:
      return run.template operator()<6>();
    case 8:
      return run.template operator()<8>();
    default:
      return run.template operator()<0>();
  }
}

// Of a point's rows.
__device__ __forceinline__ int64_t row_of_warp(int64_t block) {
  return block * (blockDim.x / warp_lanes) + threadIdx.x / warp_lanes;
}
__device__ __forceinline__ float* kept_row(int64_t columns) {
  return shared_memory<float>() + threadIdx.x / warp_lanes * ((columns + 3) / 4 * 4);
}

// Adds what lies at `from`, or nothing if that is null.
__device__ __forceinline__ void add_elements(const float* from, int64_t left, bool aligned,
                                             float (&x)[lane_elements]) {
  float y[lane_elements] = {};
  if (from) load_elements(from, left, aligned, y);
#pragma unroll
  for (int i = 0; i < lane_elements; ++i) x[i] += y[i];
}

__device__ __forceinline__ void scale_and_shift(float mean, float inverse,
                                                const float (&weight)[lane_elements],
                                                const float (&bias)[lane_elements],
                                                float (&x)[lane_elements]) {
#pragma unroll
  for (int i = 0; i < lane_elements; ++i) x[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
}

// normalize_row in registers: all of a row's accesses are under way at once, since none waits in a
// branch. Beyond the row's end the last elements are read again, and count as zeros.
template <int accesses, class Value, class Store>
__device__ __forceinline__ void normalize_in_registers(Value value, const NormVectors& norm,
                                                       int64_t point, int64_t columns,
                                                       Store store) {
  const int64_t begin = threadIdx.x % warp_lanes * int64_t{lane_elements};
  const auto column = [&](int a) { return begin + a * warp_elements; };
  const auto inside = [&](int a) {
    return column(a) < columns ? column(a) : columns - lane_elements;
  };
  float x[accesses][lane_elements];
#pragma unroll
  for (int a = 0; a < accesses; ++a) value(inside(a), lane_elements, x[a]);
  const auto store_all = [&] {
#pragma unroll
    for (int a = 0; a < accesses; ++a) {
      if (column(a) < columns) store(column(a), lane_elements, x[a]);
    }
  };
  if (!norm.weight) return store_all();
  const float scale = 1.0f / static_cast<float>(columns);
  float total = 0.0f, squares = 0.0f;
#pragma unroll
  for (int a = 0; a < accesses; ++a) {
#pragma unroll
    for (int i = 0; i < lane_elements; ++i) total += column(a) < columns ? x[a][i] : 0.0f;
  }
  const float mean = norm.kind == Norm::layer ? warp_sum(total) * scale : 0.0f;
#pragma unroll
  for (int a = 0; a < accesses; ++a) {
#pragma unroll
    for (int i = 0; i < lane_elements; ++i) {
      const float difference = column(a) < columns ? x[a][i] - mean : 0.0f;
      squares += difference * difference;
    }
  }
  const float inverse = 1.0f / sqrtf(warp_sum(squares) * scale + norm.epsilon);
  const float* weight = norm.weight + point * norm.vector_stride;
  const float* bias = norm.bias ? norm.bias + point * norm.vector_stride : nullptr;
#pragma unroll
  for (int a = 0; a < accesses; ++a) {
    float w[lane_elements], b[lane_elements] = {};
    load_elements(weight + inside(a), lane_elements, true, w);
    if (bias) load_elements(bias + inside(a), lane_elements, true, b);
    scale_and_shift(mean, inverse, w, b, x[a]);
  }
  store_all();
}

// value(column, left, v) gives lane_elements of what is normalised, zeros from `left` on, and
// store(column, left, y) takes the result, or the value where there is no norm. With accesses
// (RowsOfWarps) the row is kept in registers; without, it lies in `kept` between the passes, a
// multiple of 16 bytes, each lane its own elements.
template <int accesses, class Value, class Store>
__device__ __forceinline__ void normalize_row(Value value, const NormVectors& norm, int64_t point,
                                              int64_t columns, float* kept, Store store) {
  if constexpr (accesses > 0) {
    return normalize_in_registers<accesses>(value, norm, point, columns, store);
  }
  const int64_t begin = threadIdx.x % warp_lanes * int64_t{lane_elements};
  float x[lane_elements];
  if (!norm.weight) {
    for (int64_t c = begin; c < columns; c += warp_elements) {
      value(c, columns - c, x);
      store(c, columns - c, x);
    }
    return;
  }
  const float scale = 1.0f / static_cast<float>(columns);
  float total = 0.0f;
  for (int64_t c = begin; c < columns; c += warp_elements) {
    value(c, columns - c, x);
    store_elements(kept + c, columns - c, true, x);
#pragma unroll
    for (int i = 0; i < lane_elements; ++i) total += x[i];
  }
  const float mean = norm.kind == Norm::layer ? warp_sum(total) * scale : 0.0f;
  float squares = 0.0f;
  for (int64_t c = begin; c < columns; c += warp_elements) {
    load_elements(kept + c, columns - c, true, x);
#pragma unroll
    for (int i = 0; i < lane_elements; ++i) {
      const float difference = i < columns - c ? x[i] - mean : 0.0f;
      squares += difference * difference;
    }
  }
  const float inverse = 1.0f / sqrtf(warp_sum(squares) * scale + norm.epsilon);
  const float* weight = norm.weight + point * norm.vector_stride;
  const float* bias = norm.bias ? norm.bias + point * norm.vector_stride : nullptr;
  for (int64_t c = begin; c < columns; c += warp_elements) {
    float w[lane_elements], b[lane_elements] = {};
    load_elements(kept + c, columns - c, true, x);
    load_elements(weight + c, columns - c, true, w);
    if (bias) load_elements(bias + c, columns - c, true, b);
    scale_and_shift(mean, inverse, w, b, x);
    store(c, columns - c, x);
  }
}

}  // namespace zest::cuda
