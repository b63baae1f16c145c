#include "addon/convert.h"

#include "addon/values.h"
#include "core/error.h"

namespace zest::addon {
namespace {

std::vector<Term> terms(const std::vector<uint64_t>& streams, const std::vector<float>& factors) {
  if (streams.size() != factors.size()) {
    throw Error("ERR_ZEST_INTERNAL", "as many factors as streams are expected");
  }
  std::vector<Term> result;
  result.reserve(streams.size());
  for (size_t i = 0; i < streams.size(); ++i) result.push_back({streams[i], factors[i]});
  return result;
}

}  // namespace

Shortcuts to_shortcuts(const Napi::Value& value) {
  const Napi::Object from = object(value);
  return {boolean(from, "packSequences"),    boolean(from, "labelledPositionsOnly"),
          boolean(from, "scoredWordsOnly"),  boolean(from, "lastLayerAtLabels"),
          boolean(from, "gatherEmbeddings"), boolean(from, "shareNoise"),
          boolean(from, "fusePerturbation"), boolean(from, "sharePrompts")};
}

Directions to_directions(const Napi::Value& value) {
  const Napi::Object from = object(value);
  return {to_uint64(from.Get("seed")), choice<Law>(from, "law"), integer(from, "rank"),
          from.Has("keep") ? to_uint64(from.Get("keep")) : 1,
          from.Has("core") && boolean(from, "core")};
}

Batch to_batch(const Napi::Value& value) {
  const Napi::Object from = object(value);
  Batch batch{copy<int32_t>(from.Get("ids")),
              copy<int32_t>(from.Get("starts")),
              copy<int32_t>(from.Get("segments")),
              {},
              copy<int32_t>(from.Get("candidates")),
              {},
              {},
              choice<Loss>(from, "loss"),
              copy<float>(from.Get("references"))};
  const std::vector<int32_t> scored = copy<int32_t>(from.Get("scored"));
  for (size_t i = 0; i + 5 <= scored.size(); i += 5) {
    batch.scored.push_back({scored[i], scored[i + 1], scored[i + 2], scored[i + 3], scored[i + 4]});
  }
  batch.parents = copy<int32_t>(from.Get("parents"));
  const std::vector<int32_t> examples = copy<int32_t>(from.Get("examples"));
  for (size_t i = 0; i + 3 <= examples.size(); i += 3)
    batch.examples.push_back({examples[i], examples[i + 1], examples[i + 2] != 0});
  return batch;
}

std::vector<Point> to_points(const Napi::Value& value) {
  const Napi::Object from = object(value);
  const std::vector<int32_t> starts = copy<int32_t>(from.Get("termStarts"));
  const std::vector<Term> all =
      terms(copy<uint64_t>(from.Get("streams")), copy<float>(from.Get("scales")));
  std::vector<Point> points;
  for (size_t p = 0; p + 1 < starts.size(); ++p) {
    const int32_t first = starts[p];
    const int32_t last = starts[p + 1];
    if (first < 0 || first > last || static_cast<size_t>(last) > all.size()) {
      throw Error("ERR_ZEST_INTERNAL", "a point's terms are out of range");
    }
    points.emplace_back(all.begin() + first, all.begin() + last);
  }
  return points;
}

Update to_update(const Napi::Value& value) {
  const Napi::Object from = object(value);
  const auto optional = [&](const char* key) {
    return from.Has(key) ? static_cast<float>(number(from, key)) : 0.0f;
  };
  return {static_cast<float>(number(from, "decay")),
          terms(copy<uint64_t>(from.Get("streams")), copy<float>(from.Get("coefficients"))),
          choice<Rule>(from, "rule"),
          optional("rate"),
          optional("beta1"),
          optional("beta2"),
          optional("epsilon"),
          from.Has("anchored") && boolean(from, "anchored")};
}

Sampling to_sampling(const Napi::Value& value) {
  const Napi::Object from = object(value);
  return {number(from, "temperature"), integer(from, "topK"), number(from, "topP"),
          to_uint64(from.Get("seed"))};
}

EstimatorOptions to_estimator_options(const Napi::Value& value) {
  const Napi::Object from = object(value);
  return {number(from, "rho"),          choice<TiltRule>(from, "tiltRule"),
          number(from, "tiltValue"),    choice<Estimator>(from, "estimator"),
          choice<Sides>(from, "sides"), choice<Normalize>(from, "normalize"),
          number(from, "dimension")};
}

Napi::Value from_rows(Napi::Env env, const std::vector<std::vector<float>>& rows) {
  const Napi::Array result = Napi::Array::New(env, rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const Napi::HandleScope scope(env);
    result.Set(static_cast<uint32_t>(i), from_vector(env, rows[i]));
  }
  return result;
}

Napi::Object from_coefficients(Napi::Env env, const Coefficients& coefficients) {
  const Napi::Object result = Napi::Object::New(env);
  result.Set("coefficients", from_vector(env, coefficients.c));
  result.Set("tilt", coefficients.tilt);
  result.Set("tau", coefficients.tau);
  result.Set("tiltedLoss", coefficients.tilted_loss);
  result.Set("meanLoss", coefficients.mean_loss);
  result.Set("effectiveSampleSize", coefficients.effective_sample_size);
  result.Set("gradientNorm", coefficients.gradient_norm);
  return result;
}

}  // namespace zest::addon
