// Models with random weights, made without any file: for tests and benchmarks of the engine alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/transformer/spec.h"

namespace zest::test {

struct RandomModel {
  ModelSpec spec;
  std::vector<ParameterSource> sources;
};

// The parameters of a model in any order, and the roles that are to hold their indexes.
class RandomParameters {
 public:
  RandomParameters(uint64_t seed, float scale) : seed_(seed), scale_(scale) {}

  void matrix(const std::string& name, int64_t rows, int64_t columns, int* role) {
    add({name, rows, columns, true, true, true}, 0, role);
  }
  void vector(const std::string& name, int64_t columns, float offset, int* role) {
    add({name, 1, columns, false, true, false}, offset, role);
  }

  // In canonical order.
  void add_to(RandomModel& model) {
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.spec.name < b.spec.name; });
    for (const Entry& entry : entries_) {
      *entry.role = static_cast<int>(model.spec.parameters.size());
      model.spec.parameters.push_back(entry.spec);
      model.sources.push_back(entry.source);
    }
  }

 private:
  struct Entry {
    ParameterSpec spec;
    ParameterSource source;
    int* role;
  };
  void add(ParameterSpec spec, float offset, int* role) {
    entries_.push_back({std::move(spec), {"", 0, FileType::float32, scale_, seed_, offset}, role});
  }

  uint64_t seed_;
  float scale_;
  std::vector<Entry> entries_;
};

}  // namespace zest::test
