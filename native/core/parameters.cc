#include "core/parameters.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/noise/address.h"

namespace zest {

Addresses addresses(const ModelSpec& spec) {
  const size_t n = spec.parameters.size();
  Addresses result{std::vector<uint64_t>(n), std::vector<uint64_t>(n), std::vector<uint64_t>(n)};
  uint64_t next = 0;
  struct Factor {
    std::string name;
    uint64_t* address;
    int64_t rows;
  };
  std::vector<Factor> factors;
  for (size_t i = 0; i < n; ++i) {
    const ParameterSpec& p = spec.parameters[i];
    result.base[i] = next;
    next += static_cast<uint64_t>(p.rows) * noise::row_span(p.columns);
    if (p.matrix) {
      factors.push_back({p.name + "#A", &result.factor_a[i], p.rows});
      factors.push_back({p.name + "#B", &result.factor_b[i], p.columns});
    }
  }
  std::sort(factors.begin(), factors.end(),
            [](const Factor& a, const Factor& b) { return a.name < b.name; });
  for (const Factor& factor : factors) {
    *factor.address = next;
    next += static_cast<uint64_t>(factor.rows) * noise::row_span(most_rank);
  }
  return result;
}

void check_directions(const Directions& directions, const ModelSpec& spec) {
  if (directions.law != Law::low_rank) return;
  const int rank = directions.rank;
  if (rank < 1 || rank > most_rank) {
    throw Error("ERR_ZEST_DIRECTIONS", "the rank of low-rank directions must be from 1 to " +
                                           std::to_string(most_rank) + ", not " +
                                           std::to_string(rank));
  }
  if (!directions.core) return;
  for (const ParameterSpec& p : spec.parameters) {
    if (!p.trainable || !p.matrix || rank * rank <= p.rows * noise::row_alignment) continue;
    throw Error("ERR_ZEST_DIRECTIONS", "law.lowRank is " + std::to_string(rank) +
                                           "; expected a smaller rank with core: " + p.name +
                                           " has only " + std::to_string(p.rows) + " rows");
  }
}

int64_t dimension(const ModelSpec& spec) {
  int64_t d = 0;
  for (const ParameterSpec& p : spec.parameters) d += p.trainable ? p.rows * p.columns : 0;
  return d;
}

}  // namespace zest
