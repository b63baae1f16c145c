// The models and batches that are timed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/batch.h"
#include "test/random_model.h"

namespace zest::test {

struct Workload {
  RandomModel model;
  Batch batch;
  bool in_float32 = true;  // and in bfloat16
  bool generates = false;
  std::shared_ptr<void> file = {};  // that has weights of the model
};

struct NamedWorkload {
  std::string name;
  std::function<Workload()> make;
};
std::vector<NamedWorkload> workloads();
// The same parts, small.
std::vector<NamedWorkload> small_workloads();

// The sequences of a batch, `count` times.
Batch repeated(const Batch& batch, int32_t count);

// The products of one forward, in its order.
struct ProductShape {
  int64_t rows, outputs, depth;
  bool transposed;  // the weight is depth x outputs
};
std::vector<ProductShape> products_of(const Workload& workload);

}  // namespace zest::test
