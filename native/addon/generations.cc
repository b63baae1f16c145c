#include "addon/generations.h"

#include <utility>

#include "core/error.h"

namespace zest::addon {

int32_t Generations::open(std::unique_ptr<Session> session, const Sampling& sampling,
                          size_t sequences, uint64_t version) {
  open_[next_] = {std::move(session), sampling, version, std::vector<int32_t>(sequences)};
  return next_++;
}

std::vector<int32_t> Generations::extend(int32_t number, const std::vector<int32_t>& ids,
                                         const std::vector<int32_t>& starts, const ModelSpec& spec,
                                         uint64_t now, const AbortFlag& abort) {
  const auto found = open_.find(number);
  if (found == open_.end()) throw Error("ERR_ZEST_INTERNAL", "no such generation is open");
  auto& [session, sampling, version, lengths] = found->second;
  if (version != now)
    throw Error("ERR_ZEST_VERSION", "the weights have moved since the generation began");
  bool good = starts.size() == lengths.size() + 1 && starts.front() == 0 &&
              static_cast<size_t>(starts.back()) == ids.size();
  for (size_t s = 0; good && s < lengths.size(); ++s) good = starts[s] <= starts[s + 1];
  for (const int32_t id : ids) good = good && id >= 0 && id < spec.vocabulary;
  if (!good) throw Error("ERR_ZEST_INTERNAL", "the tokens do not fit the generation");
  try {
    const std::span<const float> logits = session->extend(ids, starts, abort);
    const auto outputs = static_cast<size_t>(spec.outputs);
    std::vector<int32_t> next;
    for (size_t s = 0; s < lengths.size(); ++s) {
      if (starts[s + 1] == starts[s]) continue;
      lengths[s] += starts[s + 1] - starts[s];
      next.push_back(sample(logits.subspan(next.size() * outputs, outputs), sampling, s,
                            static_cast<uint64_t>(lengths[s])));
    }
    return next;
  } catch (...) {
    open_.erase(found);  // some sequences may have grown
    throw;
  }
}

}  // namespace zest::addon
