// Copies to shared memory that a thread begins and waits for. When one happens is the schedule's
// choice: where it begins, or as late as the wait allows.
#pragma once

#include <cstddef>

#include "cuda_runtime.h"

namespace zest::shim {
void begin_copy(void* to, const void* from, size_t bytes);
void end_group_of_copies();
void wait_for_copies(size_t groups_left);
void drop_copies();  // of a block that has ended
}  // namespace zest::shim

inline void __pipeline_memcpy_async(void* to, const void* from, size_t bytes) {
  zest::shim::begin_copy(to, from, bytes);
}
inline void __pipeline_commit() { zest::shim::end_group_of_copies(); }
inline void __pipeline_wait_prior(size_t groups) { zest::shim::wait_for_copies(groups); }
