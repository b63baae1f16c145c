// theta <- theta - what a rule makes of sum factor v(stream), over a list of parameters, in one
// pass.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/rule.h"
#include "core/transformer/spec.h"
#include "cuda/kernels/perturbation_plan.h"

namespace zest::cuda {

constexpr int update_threads = 128;

// Units of a parameter: what BlockShare::first_unit counts, update_threads of them a block.
int64_t update_units(StorageType stored, int64_t rows, int64_t columns);

// The state tensors that an update uses, of all parameters (Parameter::state); null where none.
struct StateTensors {
  float* first = nullptr;   // the momentum, or the first moment
  float* second = nullptr;  // the second moment
  const float* anchor = nullptr;
};

// plan has one group: its terms are the update's, their scale[0] the factors. `shares` are those of
// the trainable parameters. bfloat16 rounds stochastically with the noise of `rounding_stream`.
void update(const Plan& plan, StorageType stored, const Parameter* parameters,
            const BlockShare* shares, int64_t share_count, const Step& step,
            const StateTensors& state, uint64_t rounding_stream, cudaStream_t stream);

}  // namespace zest::cuda
