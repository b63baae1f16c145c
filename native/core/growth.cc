#include "core/growth.h"

#include <algorithm>

#include "core/error.h"

namespace zest {

Growth::Growth(std::span<const int32_t> capacities) : lengths_(capacities.size()) {
  for (const int32_t capacity : capacities) starts_.push_back(starts_.back() + capacity);
}

void Growth::check_room(std::span<const int32_t> starts) const {
  for (int32_t s = 0; s + 1 < static_cast<int32_t>(starts.size()); ++s) {
    const auto at = static_cast<size_t>(s);
    if (s >= sequences() || length(s) + starts[at + 1] - starts[at] > capacity(s))
      throw Error("ERR_ZEST_INTERNAL", "a sequence grows beyond its capacity");
  }
}

void for_each_part(std::span<const int32_t> ids, std::span<const int32_t> starts, int32_t at_once,
                   const std::function<void(const Batch& part, int32_t whole)>& run) {
  const auto sequences = static_cast<int32_t>(starts.size()) - 1;
  std::vector<int32_t> done(starts.begin(), starts.end() - 1);
  for (int32_t first = 0; first < sequences;) {
    Batch part;
    part.starts.assign(static_cast<size_t>(first) + 1, 0);
    int32_t s = first, whole = 0;
    for (; s < sequences; ++s) {
      const auto at = static_cast<size_t>(s);
      const int32_t room = at_once - static_cast<int32_t>(part.ids.size());
      const int32_t end = std::min(starts[at + 1], done[at] + room), count = end - done[at];
      part.ids.insert(part.ids.end(), ids.begin() + done[at], ids.begin() + end);
      part.starts.push_back(static_cast<int32_t>(part.ids.size()));
      if (count > 0) part.scored.push_back({s, count - 1, 0, 0, 0});
      done[at] = end;
      if (end < starts[at + 1]) break;
      if (count > 0) ++whole;
    }
    first = s;
    if (!part.ids.empty()) run(part, whole);
  }
}

}  // namespace zest
