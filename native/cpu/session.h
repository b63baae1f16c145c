// Sequences that grow on the CPU.
#pragma once

#include <memory>

#include "core/backend.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

std::unique_ptr<Session> make_session(const Weights& weights, ThreadPool& pool,
                                      const Directions& directions, const Point& point,
                                      std::span<const int32_t> capacities, const AbortFlag& abort);

}  // namespace zest::cpu
