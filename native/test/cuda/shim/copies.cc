#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cuda_pipeline_primitives.h"
#include "fibers.h"

namespace zest::shim {
namespace {

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};

// Of one thread: the groups that it has not waited for, and the one that is open, last.
using Groups = std::vector<std::vector<Copy>>;
std::array<Groups, 1024> groups_of_threads;

Groups& own_groups() {
  Groups& groups = groups_of_threads[threadIdx.x];
  if (groups.empty()) groups.emplace_back();
  return groups;
}

}  // namespace

void begin_copy(void* to, const void* from, size_t bytes) {
  const auto aligned = [&](const void* p) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; };
  if ((bytes != 4 && bytes != 8 && bytes != 16) || !aligned(to) || !aligned(from)) {
    fail("a copy to shared memory of another size, or not aligned");
    return;
  }
  if (chooser().choose(2) == 0) {
    std::memcpy(to, from, bytes);
  } else {
    own_groups().back().push_back({to, from, bytes});
  }
}

void end_group_of_copies() { own_groups().emplace_back(); }

void wait_for_copies(size_t groups_left) {
  Groups& groups = own_groups();
  while (groups.size() - 1 > groups_left) {
    for (const Copy& copy : groups.front()) std::memcpy(copy.to, copy.from, copy.bytes);
    groups.erase(groups.begin());
  }
}

void drop_copies() {
  for (Groups& groups : groups_of_threads) groups.clear();
}

}  // namespace zest::shim
