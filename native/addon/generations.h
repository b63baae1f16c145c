// Generations under way: sequences that grow, and how their tokens are drawn. Of the worker's
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "core/sampling.h"

namespace zest::addon {

class Generations {
 public:
  // Returns its number. `version`: of the weights that it begins at.
  int32_t open(std::unique_ptr<Session> session, const Sampling& sampling, size_t sequences,
               uint64_t version);

  // The tokens that are drawn for the sequences which grow by ids[starts[s] .. starts[s + 1]), in
  // order. Throws ERR_ZEST_VERSION if the weights have moved since it was opened, and ends the
  // generation where the forward or the drawing throws.
  std::vector<int32_t> extend(int32_t number, const std::vector<int32_t>& ids,
                              const std::vector<int32_t>& starts, const ModelSpec& spec,
                              uint64_t version, const AbortFlag& abort);

  void close(int32_t number) { open_.erase(number); }
  void clear() { open_.clear(); }

 private:
  struct Generation {
    std::unique_ptr<Session> session;
    Sampling sampling;
    uint64_t version;
    std::vector<int32_t> lengths;  // of the sequences
  };
  std::map<int32_t, Generation> open_;
  int32_t next_ = 0;
};

}  // namespace zest::addon
