// What a backend says of one parameter, as vectors.
#pragma once

#include <vector>

#include "core/backend.h"

namespace zest::test {

inline std::vector<float> room(const Backend& backend, int parameter) {
  const ParameterSpec& p = backend.spec().parameters[static_cast<size_t>(parameter)];
  return std::vector<float>(static_cast<size_t>(p.rows * p.columns));
}

inline std::vector<float> weights_of(Backend& backend, int parameter) {
  std::vector<float> values = room(backend, parameter);
  backend.read(parameter, values.data());
  return values;
}

inline std::vector<float> direction_of(Backend& backend, const Directions& directions,
                                       uint64_t stream, int parameter) {
  std::vector<float> values = room(backend, parameter);
  backend.direction(directions, stream, parameter, values.data());
  return values;
}

}  // namespace zest::test
