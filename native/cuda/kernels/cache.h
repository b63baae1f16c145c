// The keys and values of tokens that came before, which a session keeps.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/heads.h"

namespace zest::cuda {

// Row i of the products, with its bias, becomes row index[i] of the cache, its heads one after the
// other; below 0: none (a token that only fills a bucket).
struct CacheAppend {
  HeadRows key, value;
  int32_t count = 0, width = 0;  // of the heads
  int64_t rows = 0;
  const int32_t* index = nullptr;
  Operand keys, values;  // the cache's, of the type of the products
};
void append_to_cache(const CacheAppend& c, cudaStream_t stream);

}  // namespace zest::cuda
