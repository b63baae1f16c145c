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
  // Law::low_rank: B of a stream is that of the last multiple of `keep` up to it, so that so many
  // consecutive streams share it. >= 1.
  uint64_t keep = 1;
  // Law::low_rank: A is U Z / sqrt(rank), U as A else would be and kept as B is, Z rank x rank.
  bool core = false;

  uint64_t stream_of_b(uint64_t stream) const { return stream - stream % keep; }
};

// One term of a point or of an update: factor * v(stream).
struct Term {
  uint64_t stream;  // below 2^63
  float factor;
};

// theta + sum factor * v(stream), terms added in order; empty is theta itself.
using Point = std::vector<Term>;

// How an update moves the weights: what is done with g = sum factor * v(stream), and with
// pull = decay * theta, or decay * (theta - anchor). RuleState is float32, of theta's size, and 0
// before the first update that uses it.
enum class Rule {
  plain,     // theta <- theta - (pull + g)
  sign,      // theta <- theta - (pull + rate * sign(g))
  momentum,  // m <- beta1 * m + g; theta <- theta - (pull + rate * m)
  adam,      // m <- beta1 * m + (1 - beta1) * g; s <- beta2 * s + (1 - beta2) * g^2;
             // theta <- theta - (pull + rate * m / (sqrt(s) + epsilon))
};

template <>
struct Names<Rule> {
  static constexpr const char* kind = "rule";
  static constexpr std::array table = {
      Name<Rule>{Rule::plain, "plain"},
      Name<Rule>{Rule::sign, "sign"},
      Name<Rule>{Rule::momentum, "momentum"},
      Name<Rule>{Rule::adam, "adam"},
  };
};

// What is kept of each trainable parameter from update to update; the anchor is theta before the
// first anchored one.
enum class RuleState { momentum, first_moment, second_moment, anchor };
constexpr int state_count = 4;

template <>
struct Names<RuleState> {
  static constexpr const char* kind = "state";
  static constexpr std::array table = {
      Name<RuleState>{RuleState::momentum, "momentum"},
      Name<RuleState>{RuleState::first_moment, "firstMoment"},
      Name<RuleState>{RuleState::second_moment, "secondMoment"},
      Name<RuleState>{RuleState::anchor, "anchor"},
  };
};

// One pass over the weights, in float32, and the record that a log keeps.
struct Update {
  float decay = 0;
  std::vector<Term> terms;
  Rule rule = Rule::plain;
  float rate = 0, beta1 = 0, beta2 = 0, epsilon = 0;  // of rules that are not plain
  bool anchored = false;

  bool uses(RuleState state) const {
    switch (state) {
      case RuleState::momentum:
        return rule == Rule::momentum;
      case RuleState::first_moment:
      case RuleState::second_moment:
        return rule == Rule::adam;
      case RuleState::anchor:
        return anchored;
    }
    return false;
  }
};

}  // namespace zest
