#include "cuda/device/cublaslt.h"

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/device/check.h"

namespace zest::cuda {
namespace {

// The few declarations that are used, by the names and values of NVIDIA's documentation of cuBLAS
// 13, section "Using the cuBLASLt API".
constexpr int CUBLAS_COMPUTE_32F = 68;  // float32 without TF32
constexpr int CUBLASLT_MATMUL_DESC_TRANSA = 3;
constexpr int CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5;
constexpr int CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6;
constexpr int CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1;
constexpr int CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3;
constexpr int CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5;  // B, C, D follow
constexpr int32_t CUBLAS_OP_N = 0, CUBLAS_OP_T = 1;
constexpr uint32_t CUBLASLT_REDUCTION_SCHEME_NONE = 0;

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

constexpr size_t workspace_bytes = size_t{32} << 20;  // what NVIDIA advises for Hopper
constexpr uint32_t alignment = 16;                    // bytes, of every pointer and stride

std::string joined(const std::vector<std::string>& tried) {
  std::string text;
  for (const std::string& line : tried) text += "\n  " + line;
  return text;
}

}  // namespace

struct Products::Library {
  using Status = int;
  Status (*create)(void** handle);
  Status (*destroy)(void* handle);
  Status (*desc_create)(void** desc, int compute, int scale_type);
  Status (*desc_destroy)(void* desc);
  Status (*desc_set)(void* desc, int attribute, const void* value, size_t bytes);
  Status (*layout_create)(void** layout, int type, uint64_t rows, uint64_t columns, int64_t ld);
  Status (*layout_destroy)(void* layout);
  Status (*layout_set)(void* layout, int attribute, const void* value, size_t bytes);
  Status (*preference_create)(void** preference);
  Status (*preference_destroy)(void* preference);
  Status (*preference_set)(void* preference, int attribute, const void* value, size_t bytes);
  Status (*heuristic)(void* handle, void* desc, void* a, void* b, void* c, void* d,
                      void* preference, int wanted, Heuristic* results, int* found);
  Status (*matmul)(void* handle, void* desc, const void* alpha, const void* a, void* a_layout,
                   const void* b, void* b_layout, const void* beta, const void* c, void* c_layout,
                   void* d, void* d_layout, const Algorithm* algorithm, void* workspace,
                   size_t workspace_bytes, cudaStream_t stream);

  static Library& open() {
    static Library library;  // a failure is tried again by the next model
    return library;
  }

  void check(Status status, const char* what) const {
    if (status == 0) return;
    throw Error(
        status == 3 ? "ERR_ZEST_MEMORY" : "ERR_ZEST_CUBLAS",
        std::string("cuBLASLt's ") + what + " failed with status " + std::to_string(status));
  }

 private:
  Library() {
    std::vector<std::string> paths = {"libcublasLt.so.13"};
    if (const char* chosen = std::getenv("ZEST_CUBLASLT"); chosen && *chosen) {
      paths = {chosen};
    } else {
      for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
        if (const char* home = std::getenv(variable); home && *home) {
          paths.push_back(std::string(home) + "/lib64/libcublasLt.so.13");
        }
      }
      paths.push_back("/usr/local/cuda/lib64/libcublasLt.so.13");
    }
    std::vector<std::string> tried;
    for (const std::string& path : paths) {
      void* opened = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!opened) {
        tried.push_back(dlerror());
        continue;
      }
      const auto load = [&](auto& function, const char* name) {
        void* symbol = dlsym(opened, name);
        if (!symbol) throw Error("ERR_ZEST_CUBLAS", path + " has no function " + name);
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
      };
      load(create, "cublasLtCreate");
      load(destroy, "cublasLtDestroy");
      load(desc_create, "cublasLtMatmulDescCreate");
      load(desc_destroy, "cublasLtMatmulDescDestroy");
      load(desc_set, "cublasLtMatmulDescSetAttribute");
      load(layout_create, "cublasLtMatrixLayoutCreate");
      load(layout_destroy, "cublasLtMatrixLayoutDestroy");
      load(layout_set, "cublasLtMatrixLayoutSetAttribute");
      load(preference_create, "cublasLtMatmulPreferenceCreate");
      load(preference_destroy, "cublasLtMatmulPreferenceDestroy");
      load(preference_set, "cublasLtMatmulPreferenceSetAttribute");
      load(heuristic, "cublasLtMatmulAlgoGetHeuristic");
      load(matmul, "cublasLtMatmul");
      return;  // it stays open until the process ends
    }
    throw Error(
        "ERR_ZEST_CUBLAS",
        "libcublasLt.so.13 of cuBLAS for CUDA 13 could not be opened. Tried:" + joined(tried) +
            "\nInstall cuBLAS 13 (NVIDIA's package libcublas-13-0, or `pip install "
            "nvidia-cublas`) and put its folder in LD_LIBRARY_PATH, or name the file in "
            "ZEST_CUBLASLT.");
  }
};

// The descriptors and the algorithm of one shape of product.
struct Products::Planned {
  explicit Planned(const Library& library) : library(library) {}
  ~Planned() {
    for (void* layout : {w, x, y}) {
      if (layout) library.layout_destroy(layout);
    }
    if (desc) library.desc_destroy(desc);
  }
  const Library& library;
  void* desc = nullptr;
  void* w = nullptr;
  void* x = nullptr;
  void* y = nullptr;
  Algorithm algorithm{};
};

std::string Products::missing_library() {
  try {
    Library::open();
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

Products::Products() : library_(Library::open()) {
  library_.check(library_.create(&handle_), "cublasLtCreate");
  try {
    workspace_.reserve(workspace_bytes);
  } catch (...) {
    library_.destroy(handle_);
    throw;
  }
}

Products::~Products() {
  planned_.clear();
  library_.destroy(handle_);
}

// cuBLAS counts columns first: w is depth x outputs there, transposed by the product, or outputs x
// depth; x is depth x rows and y outputs x rows.
Products::Planned& Products::planned(const Product& p) {
  const Shape shape{{p.rows, p.outputs, p.depth, p.batch, p.x_stride, p.w_stride, p.y_stride,
                     p.x_batch, p.w_batch, p.y_batch, p.add, p.transposed,
                     static_cast<int64_t>(p.type), static_cast<int64_t>(p.y_type)}};
  std::unique_ptr<Planned>& found = planned_[shape];
  if (found) return *found;
  const Library& l = library_;
  auto made = std::make_unique<Planned>(l);
  const auto element_of = [](StorageType t) {
    return t == StorageType::float32 ? CUDA_R_32F : CUDA_R_16BF;
  };
  const int type = element_of(p.type);
  l.check(l.desc_create(&made->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  const int32_t operation = p.transposed ? CUBLAS_OP_N : CUBLAS_OP_T;
  l.check(l.desc_set(made->desc, CUBLASLT_MATMUL_DESC_TRANSA, &operation, sizeof operation),
          "cublasLtMatmulDescSetAttribute");
  const auto layout = [&](void*& out, int element, int64_t rows, int64_t columns, int64_t ld,
                          int64_t batch_stride) {
    l.check(l.layout_create(&out, element, static_cast<uint64_t>(rows),
                            static_cast<uint64_t>(columns), ld),
            "cublasLtMatrixLayoutCreate");
    const int32_t count = static_cast<int32_t>(p.batch);
    l.check(l.layout_set(out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
            "cublasLtMatrixLayoutSetAttribute");
    l.check(l.layout_set(out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch_stride,
                         sizeof batch_stride),
            "cublasLtMatrixLayoutSetAttribute");
  };
  layout(made->w, type, p.transposed ? p.outputs : p.depth, p.transposed ? p.depth : p.outputs,
         p.w_stride, p.w_batch);
  layout(made->x, type, p.depth, p.rows, p.x_stride, p.x_batch);
  layout(made->y, element_of(p.y_type), p.outputs, p.rows, p.y_stride, p.y_batch);

  void* preference = nullptr;
  l.check(l.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
  Heuristic result{};
  int count = 0, status = 0;
  const auto prefer = [&](int attribute, const auto& value) {
    if (status == 0) status = l.preference_set(preference, attribute, &value, sizeof value);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(workspace_bytes));
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, CUBLASLT_REDUCTION_SCHEME_NONE);
  for (int matrix = 0; matrix < 4; ++matrix) {
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES + matrix, alignment);
  }
  if (status == 0) {
    status = l.heuristic(handle_, made->desc, made->w, made->x, made->y, made->y, preference, 1,
                         &result, &count);
  }
  l.preference_destroy(preference);
  l.check(status, "cublasLtMatmulAlgoGetHeuristic");
  if (count < 1 || result.state != 0) {
    throw Error("ERR_ZEST_CUBLAS", "cuBLASLt has no algorithm for a product of " +
                                       std::to_string(p.batch) + " x " + std::to_string(p.rows) +
                                       " x " + std::to_string(p.outputs) + " x " +
                                       std::to_string(p.depth));
  }
  made->algorithm = result.algorithm;
  found = std::move(made);
  return *found;
}

void Products::multiply(const Product& p, cudaStream_t stream) {
  if (p.rows == 0 || p.outputs == 0 || p.batch == 0) return;
  const Planned& plan = planned(p);
  const float beta = p.add ? 1.0f : 0.0f;
  library_.check(
      library_.matmul(handle_, plan.desc, &p.scale, p.w, plan.w, p.x, plan.x, &beta, p.y, plan.y,
                      p.y, plan.y, &plan.algorithm, workspace_.data(), workspace_bytes, stream),
      "cublasLtMatmul");
}

}  // namespace zest::cuda
