// Operations on rows of activations, of all points at once. Row r of point p lies at p * rows + r;
// rows are `stride` elements apart, a multiple of 8. Operands are what a product reads: in the type
// of the weights. Vectors are perturbed already (perturb_vectors): those of point p begin at p *
// vector_stride.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/transformer/spec.h"

namespace zest::cuda {

// Rows in the type of the weights.
struct Operand {
  void* data = nullptr;
  StorageType type = StorageType::float32;
  int64_t stride = 0;
};

struct NormVectors {
  Norm kind = Norm::layer;
  const float* weight = nullptr;  // null: no norm, what would be normalised is the result
  const float* bias = nullptr;    // or null
  int64_t vector_stride = 0;
  float epsilon = 0;
};

// The rows of an embedding table that a batch needs, perturbed: point p's begin at p *
// point_stride. slots[token] says which of them; below 0: none (a token that only fills a bucket).
struct EmbeddingTable {
  const float* rows = nullptr;
  int64_t point_stride = 0;
  const int32_t* slots = nullptr;
};

// hidden = norm(product + product_bias + rows of the tables); product and product_bias may be null.
struct Embedding {
  const float* product = nullptr;  // rows `stride` apart
  const float* product_bias = nullptr;
  EmbeddingTable tables[3];  // added in this order; those without rows are left out
  NormVectors norm;
  int64_t points = 0, tokens = 0, columns = 0;
  float* hidden = nullptr;
  int64_t stride = 0;  // of product, the tables' rows and hidden
  Operand operand;     // the result again, if its data are not those of `hidden`
};
void embed(const Embedding& e, cudaStream_t stream);

// hidden = norm(sum + bias), which may be the sum; the bias may be null.
struct Normalization {
  const float* sum = nullptr;
  const float* bias = nullptr;
  NormVectors norm;
  int64_t points = 0, rows = 0, columns = 0;
  float* hidden = nullptr;
  int64_t stride = 0;  // of sum and hidden
  Operand operand;
};
void normalize(const Normalization& n, cudaStream_t stream);

// out = activation(product + bias), or activation(gate + gate_bias) * (product + bias) where there
// is a gate; biases may be null. Product and gate are of the type of `out`, which may be the
// product.
struct BiasActivation {
  const void* product = nullptr;
  const void* gate = nullptr;
  int64_t stride = 0;  // of product and gate
  const float* bias = nullptr;
  const float* gate_bias = nullptr;
  int64_t vector_stride = 0;
  int activation = no_activation;  // or one of Activation
  int64_t points = 0, rows = 0, columns = 0;
  Operand out;
};
void bias_activation(const BiasActivation& b, cudaStream_t stream);

// to row i = from row index[i], for the rows of each point; the operand as above.
struct RowGather {
  const float* from = nullptr;
  int64_t from_rows = 0;
  const int32_t* index = nullptr;
  int64_t points = 0, rows = 0, columns = 0, stride = 0;
  float* to = nullptr;
  Operand operand;
};
void gather_rows(const RowGather& g, cudaStream_t stream);

}  // namespace zest::cuda
