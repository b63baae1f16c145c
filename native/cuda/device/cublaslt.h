// Matrix products by cuBLASLt, which is opened when the first model needs it: the addon loads
// without it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/transformer/spec.h"
#include "cuda/device/memory.h"

namespace zest::cuda {

// y[b] = scale x[b] w[b]^T + (add ? y[b] : 0) for b < batch: x is rows x depth, w outputs x depth,
// y rows x outputs in float32, or rounded once to the type of x and w. Strides are in elements,
// multiples of 8; a batch stride of 0 shares w.
struct Product {
  const void* x = nullptr;
  const void* w = nullptr;
  void* y = nullptr;
  int64_t rows = 0, outputs = 0, depth = 0, batch = 1;
  int64_t x_stride = 0, w_stride = 0, y_stride = 0;
  int64_t x_batch = 0, w_batch = 0, y_batch = 0;
  float scale = 1;
  bool add = false;
  bool transposed = false;                    // w is depth x outputs
  StorageType type = StorageType::float32;    // of x and w
  StorageType y_type = StorageType::float32;  // float32, or that of x and w
};

class Products {
 public:
  // Why cuBLASLt cannot be opened, or empty.
  static std::string missing_library();

  // Throws ERR_ZEST_CUBLAS that names the library, the paths tried and the fix.
  Products();
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  // float32 without TF32; no split of the depth: the same bits from run to run.
  void multiply(const Product& product, cudaStream_t stream);

 private:
  struct Library;
  struct Planned;
  struct Shape {
    int64_t values[14];
    auto operator<=>(const Shape&) const = default;
  };
  Planned& planned(const Product& product);

  Library& library_;
  void* handle_ = nullptr;
  DeviceMemory<unsigned char> workspace_;
  std::map<Shape, std::unique_ptr<Planned>> planned_;
};

}  // namespace zest::cuda
