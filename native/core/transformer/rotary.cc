#include "core/transformer/rotary.h"

#include "core/scalar_math.h"

namespace zest {

void RotaryTable::extend(const ModelSpec& spec, int64_t wanted) {
  for (; positions < wanted; ++positions) {
    for (const float frequency : spec.rotary_frequencies) {
      const float angle = static_cast<float>(positions) * frequency;
      const scalar::SineCosine turned = scalar::sine_cosine(angle);
      cosines.push_back(static_cast<float>(turned.cosine) * spec.rotary_scale);
      sines.push_back(static_cast<float>(turned.sine) * spec.rotary_scale);
    }
  }
}

}  // namespace zest
