// Directions: pure functions of (seed, stream, parameter) that are never stored. docs/noise.md is
// the specification.
#pragma once

#include <cstdint>
#include <vector>

#include "core/name.h"

namespace zest {

enum class Law { gaussian, sphere, rademacher, low_rank };

template <>
struct Names<Law> {
  static constexpr const char* kind = "law";
  static constexpr std::array table = {
      Name<Law>{Law::gaussian, "gaussian"},
      Name<Law>{Law::sphere, "sphere"},
      Name<Law>{Law::rademacher, "rademacher"},
      Name<Law>{Law::low_rank, "lowRank"},
  };
};

struct Directions {
  uint64_t seed = 0;
  Law law = Law::gaussian;
  int rank = 0;  // of Law::low_rank, >= 1
};

// One term of a point or of an update: factor * v(stream).
struct Term {
  uint64_t stream;  // below 2^63
  float factor;
};

// theta + sum factor * v(stream), terms added in order; empty is theta itself.
using Point = std::vector<Term>;

// How an update moves the weights: what is done with g = decay * theta + sum factor * v(stream).
enum class Rule {
  plain,  // theta <- theta - g
};

template <>
struct Names<Rule> {
  static constexpr const char* kind = "rule";
  static constexpr std::array table = {
      Name<Rule>{Rule::plain, "plain"},
  };
};

// One pass over the weights, in float32, and the record that a log keeps.
struct Update {
  float decay = 0;
  std::vector<Term> terms;
  Rule rule = Rule::plain;
};

}  // namespace zest
