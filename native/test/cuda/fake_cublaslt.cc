// A stand-in for libcublasLt.so.13: the functions that cuda/cublaslt.cc opens, with a plain product
// in float32, depth ascending, rounded once where the result is bfloat16. It is strict about what
// it is asked: a call that the real library would answer with other bits or not at all is a status
// here.
#include <cstdint>
#include <cstring>

#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/launch.h"

namespace {

using Status = int;
constexpr Status success = 0, invalid = 7;

struct Desc {
  int compute, scale;
  int32_t transpose_a = 0;
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t ld, batch_stride = 0;
  int32_t batch = 1;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t reductions = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};
};
struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
};
constexpr uint64_t mark = 0x5a455354;  // of the algorithm that this library hands out

bool set(void* to, size_t size, const void* value, size_t bytes) {
  if (bytes != size) return false;
  std::memcpy(to, value, bytes);
  return true;
}

float element(const void* data, int type, int64_t at) {
  if (type == CUDA_R_32F) return static_cast<const float*>(data)[at];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(data)[at]) << 16;
  return __builtin_bit_cast(float, bits);
}

void set_element(void* data, int type, int64_t at, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float*>(data)[at] = value;
  } else {
    static_cast<uint16_t*>(data)[at] = zest::cuda::to_bfloat16(value).bits;
  }
}

struct Call {
  const void* a;
  const void* b;
  void* d;
  Layout la, lb, ld;
  bool transpose_a;
  float alpha, beta;
};

void product_kernel(Call c) {
  const auto batch = static_cast<int64_t>(blockIdx.x);
  const int64_t row_step = c.transpose_a ? c.la.ld : 1, depth_step = c.transpose_a ? 1 : c.la.ld;
  for (uint64_t column = 0; column < c.ld.columns; ++column) {
    for (uint64_t row = 0; row < c.ld.rows; ++row) {
      const int64_t a = batch * c.la.batch_stride + static_cast<int64_t>(row) * row_step;
      const int64_t b = batch * c.lb.batch_stride + static_cast<int64_t>(column) * c.lb.ld;
      float sum = 0;
      for (int64_t k = 0; k < static_cast<int64_t>(c.lb.rows); ++k) {
        sum = __builtin_fmaf(element(c.a, c.la.type, a + k * depth_step),
                             element(c.b, c.lb.type, b + k), sum);
      }
      const int64_t d = batch * c.ld.batch_stride + static_cast<int64_t>(column) * c.ld.ld +
                        static_cast<int64_t>(row);
      const float scaled = c.alpha * sum;
      set_element(c.d, c.ld.type, d,
                  c.beta == 0 ? scaled : scaled + c.beta * element(c.d, c.ld.type, d));
    }
  }
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) Status cublasLtCreate(void** handle) {
  *handle = new int(0);
  return success;
}
__attribute__((visibility("default"))) Status cublasLtDestroy(void* handle) {
  delete static_cast<int*>(handle);
  return success;
}
__attribute__((visibility("default"))) Status cublasLtMatmulDescCreate(void** desc, int compute,
                                                                       int scale) {
  *desc = new Desc{compute, scale};
  return success;
}
__attribute__((visibility("default"))) Status cublasLtMatmulDescDestroy(void* desc) {
  delete static_cast<Desc*>(desc);
  return success;
}
__attribute__((visibility("default"))) Status cublasLtMatmulDescSetAttribute(void* desc,
                                                                             int attribute,
                                                                             const void* value,
                                                                             size_t bytes) {
  if (attribute != 3) return invalid;  // CUBLASLT_MATMUL_DESC_TRANSA
  int32_t& to = static_cast<Desc*>(desc)->transpose_a;
  return set(&to, sizeof to, value, bytes) ? success : invalid;
}
__attribute__((visibility("default"))) Status cublasLtMatrixLayoutCreate(void** layout, int type,
                                                                         uint64_t rows,
                                                                         uint64_t columns,
                                                                         int64_t ld) {
  if (rows == 0 || columns == 0 || ld < static_cast<int64_t>(rows)) return invalid;
  *layout = new Layout{type, rows, columns, ld};
  return success;
}
__attribute__((visibility("default"))) Status cublasLtMatrixLayoutDestroy(void* layout) {
  delete static_cast<Layout*>(layout);
  return success;
}
__attribute__((visibility("default"))) Status cublasLtMatrixLayoutSetAttribute(void* layout,
                                                                               int attribute,
                                                                               const void* value,
                                                                               size_t bytes) {
  auto* l = static_cast<Layout*>(layout);
  bool good = false;
  if (attribute == 5) good = set(&l->batch, sizeof l->batch, value, bytes);
  if (attribute == 6) good = set(&l->batch_stride, sizeof l->batch_stride, value, bytes);
  return good ? success : invalid;
}
__attribute__((visibility("default"))) Status cublasLtMatmulPreferenceCreate(void** preference) {
  *preference = new Preference;
  return success;
}
__attribute__((visibility("default"))) Status cublasLtMatmulPreferenceDestroy(void* preference) {
  delete static_cast<Preference*>(preference);
  return success;
}
__attribute__((visibility("default"))) Status cublasLtMatmulPreferenceSetAttribute(
    void* preference, int attribute, const void* value, size_t bytes) {
  auto* p = static_cast<Preference*>(preference);
  bool good = false;
  if (attribute == 1) good = set(&p->workspace, sizeof p->workspace, value, bytes);
  if (attribute == 3) good = set(&p->reductions, sizeof p->reductions, value, bytes);
  if (attribute >= 5 && attribute <= 8) good = set(&p->alignment[attribute - 5], 4, value, bytes);
  return good ? success : invalid;
}

__attribute__((visibility("default"))) Status cublasLtMatmulAlgoGetHeuristic(
    void*, void* desc, void* a, void* b, void* c, void* d, void* preference, int wanted,
    Heuristic* results, int* found) {
  const auto* e = static_cast<Desc*>(desc);
  const auto *la = static_cast<Layout*>(a), *lb = static_cast<Layout*>(b),
             *lc = static_cast<Layout*>(c), *ld = static_cast<Layout*>(d);
  const auto* p = static_cast<Preference*>(preference);
  // CUBLAS_COMPUTE_32F, which takes no TF32; no split of the depth.
  const bool transposed = e->transpose_a == 1;
  const bool asked = e->compute == 68 && e->scale == CUDA_R_32F &&
                     (transposed || e->transpose_a == 0) && p->reductions == 0 && wanted >= 1;
  const bool fits = (transposed ? la->rows : la->columns) == lb->rows &&
                    (transposed ? la->columns : la->rows) == ld->rows &&
                    ld->columns == lb->columns && la->batch == lb->batch &&
                    lb->batch == ld->batch && lc->ld == ld->ld && la->type == lb->type &&
                    (ld->type == CUDA_R_32F || ld->type == la->type) && lc->type == ld->type;
  if (!asked || !fits) return invalid;
  results[0] = {{{mark}}, 0, success, 1.0f, {}};
  *found = 1;
  return success;
}

__attribute__((visibility("default"))) Status cublasLtMatmul(void*, void* desc, const void* alpha,
                                                             const void* a, void* la, const void* b,
                                                             void* lb, const void* beta,
                                                             const void* c, void*, void* d,
                                                             void* ld, const Algorithm* algorithm,
                                                             void*, size_t, cudaStream_t stream) {
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  if (algorithm->data[0] != mark || !aligned(a) || !aligned(b) || !aligned(d) || c != d) {
    return invalid;
  }
  const Call call{a,
                  b,
                  d,
                  *static_cast<Layout*>(la),
                  *static_cast<Layout*>(lb),
                  *static_cast<Layout*>(ld),
                  static_cast<Desc*>(desc)->transpose_a == 1,
                  *static_cast<const float*>(alpha),
                  *static_cast<const float*>(beta)};
  zest::cuda::launch(product_kernel, dim3(static_cast<unsigned>(call.ld.batch)), 1, 0, stream,
                     call);
  return success;
}

}  // extern "C"
