// What kernels give beside what the CPU's give.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cpu/kernels/dispatch.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/rows.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"

namespace zest::test {

inline size_t size(int64_t n) { return static_cast<size_t>(n); }

// Largest difference of the first `columns` of rows `stride` apart; NaN where either has one.
inline double difference(const std::vector<float>& a, const std::vector<float>& b, int64_t columns,
                         int64_t stride) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (static_cast<int64_t>(i) % stride >= columns) continue;
    const double d = std::fabs(static_cast<double>(a[i]) - b[i]);
    if (!(d <= most) && most == most) most = d;  // NaN stays
  }
  return most;
}

inline std::vector<uint16_t> rounded(const std::vector<float>& values) {
  std::vector<uint16_t> halves;
  for (const float v : values) halves.push_back(cuda::to_bfloat16(v).bits);
  return halves;
}
inline std::vector<float> widened(const std::vector<uint16_t>& halves) {
  std::vector<float> values;
  for (const uint16_t h : halves) values.push_back(cuda::to_float(cuda::bfloat16{h}));
  return values;
}

// Rows of floats on the device, in either type; those of bfloat16 hold each once rounded.
struct DeviceRows {
  StorageType type;
  DeviceMemory<float> floats;
  DeviceMemory<uint16_t> halves;
  DeviceRows(const std::vector<float>& values, StorageType t) : type(t) {
    if (t == StorageType::float32) {
      floats = uploaded(values);
    } else {
      halves = uploaded(rounded(values));
    }
  }
  void* at(int64_t element) const {
    return type == StorageType::float32 ? static_cast<void*>(floats.data() + element)
                                        : halves.data() + element;
  }
  std::vector<float> values(size_t count) const {
    return type == StorageType::float32 ? downloaded(floats, count)
                                        : widened(downloaded(halves, count));
  }
};

// What the operand holds of rows that are also there in float32.
inline void check_operand(const DeviceMemory<uint16_t>& operand, const std::vector<float>& values,
                          int64_t columns, int64_t stride) {
  const std::vector<uint16_t> got = downloaded(operand, values.size());
  bool same = true;
  for (size_t i = 0; i < values.size(); ++i) {
    if (static_cast<int64_t>(i) % stride >= columns) continue;
    same = same && got[i] == cuda::to_bfloat16(values[i]).bits;
  }
  CHECK(same);
}

// As check_operand, of values that are some approximation's: the operand is what a value no further
// than 1e-6 from them is rounded to.
inline void check_approximate_operand(const DeviceMemory<uint16_t>& operand,
                                      const std::vector<float>& values, int64_t columns,
                                      int64_t stride) {
  const std::vector<uint16_t> got = downloaded(operand, values.size());
  bool between = true;
  for (size_t i = 0; i < values.size(); ++i) {
    if (static_cast<int64_t>(i) % stride >= columns) continue;
    const float x = cuda::to_float(cuda::bfloat16{got[i]});
    const auto rounded = [&](float distance) {
      return cuda::to_float(cuda::to_bfloat16(values[i] + distance));
    };
    between = between && x >= rounded(-1e-6f) && x <= rounded(1e-6f);
  }
  CHECK(between);
}

// Layer norm with its bias and without, RMS norm, and no norm.
enum class Norming { layer, layer_without_bias, rms, none };
constexpr Norming normings[] = {Norming::layer, Norming::layer_without_bias, Norming::rms,
                                Norming::none};

inline cuda::NormVectors norm_vectors(Norming n, const float* weight, const float* bias,
                                      int64_t stride) {
  return {n == Norming::rms ? Norm::rms : Norm::layer, n == Norming::none ? nullptr : weight,
          n == Norming::layer ? bias : nullptr, stride, 1e-5f};
}

// The CPU's norm of a sum of terms.
inline void normalize_row(Norming n, float* out, const std::vector<const float*>& terms,
                          const float* weight, const float* bias, int64_t columns) {
  const cuda::NormVectors v = norm_vectors(n, weight, bias, 0);
  cpu::kernels().normalize(out, terms.data(), static_cast<int>(terms.size()), v.kind, v.weight,
                           v.bias, v.epsilon, columns);
}

}  // namespace zest::test
