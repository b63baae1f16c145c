// What an update does with g = sum factor * v(stream), element by element, by explicit float32
// operations only: the same bits on every machine. docs/noise.md is the specification.
#pragma once

#include <cstdint>

#include "core/direction.h"
#include "core/noise/address.h"
#include "core/noise/philox.h"

namespace zest {

// The numbers of an update, as kernels take them. `anchored`: the decay is towards an anchor, and
// `anchor` is there.
struct Step {
  Rule rule = Rule::plain;
  float decay = 0, rate = 0, beta1 = 0, beta2 = 0, epsilon = 0;
  bool anchored = false;
};

inline Step step_of(const Update& update) {
  return {update.rule,  update.decay,   update.rate,    update.beta1,
          update.beta2, update.epsilon, update.anchored};
}

// The stream of the noise that an update rounds with: its first term's, beyond those of users.
inline uint64_t rounding_stream_of(const Update& update) {
  return noise::rounding_stream + (update.terms.empty() ? 0 : update.terms.front().stream);
}

// What `first` of `ruled` is, of a rule that keeps it.
inline RuleState first_state_of(Rule rule) {
  return rule == Rule::momentum ? RuleState::momentum : RuleState::first_moment;
}

// decay * (theta - anchor), without an anchor decay * theta: what the sum of the terms of a plain
// update begins with.
template <class A>
ZEST_HOST_DEVICE typename A::F pull_of(const Step& step, float decay, typename A::F theta,
                                       typename A::F anchor) {
  return A::mul(A::constant(decay), step.anchored ? A::sub(theta, anchor) : theta);
}

// What is subtracted from theta; `first` is the momentum or the first moment, `second` the second
// moment, and both are brought up to date. A is an arithmetic of noise/box_muller.h.
template <class A>
ZEST_HOST_DEVICE typename A::F ruled(const Step& step, typename A::F pull, typename A::F g,
                                     typename A::F& first, typename A::F& second) {
  using F = typename A::F;
  F direction;
  if (step.rule == Rule::sign) {
    const F value = A::plus(g, A::constant(0.0f));  // -0 becomes 0
    const F one_if_above =
        A::select_negative(A::sub(A::constant(0.0f), value), A::constant(1.0f), A::constant(0.0f));
    direction = A::select_negative(value, A::constant(-1.0f), one_if_above);
  } else if (step.rule == Rule::momentum) {
    first = A::mul_add(A::constant(step.beta1), first, g);
    direction = first;
  } else {
    const F rest1 = A::constant(1.0f - step.beta1), rest2 = A::constant(1.0f - step.beta2);
    first = A::mul_add(A::constant(step.beta1), first, A::mul(rest1, g));
    second = A::mul_add(A::constant(step.beta2), second, A::mul(A::mul(rest2, g), g));
    direction = A::div(first, A::plus(A::sqrt(second), A::constant(step.epsilon)));
  }
  return A::mul_add(A::constant(step.rate), direction, pull);
}

}  // namespace zest
