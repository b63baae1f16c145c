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
  return {to_uint64(from.Get("seed")), choice<Law>(from, "law"), integer(from, "rank")};
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
  return {static_cast<float>(number(from, "decay")),
          terms(copy<uint64_t>(from.Get("streams")), copy<float>(from.Get("coefficients"))),
          choice<Rule>(from, "rule")};
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

namespace {

// Each has its options, that are sequences with scored positions.
bool examples_are_good(const Batch& batch) {
  std::vector<int32_t> scored(static_cast<size_t>(batch.sequences()));
  for (const ScoredPosition& at : batch.scored) scored[static_cast<size_t>(at.sequence)] = 1;
  int32_t expected = 0;
  for (size_t e = 0; e < batch.examples.size(); ++e) {
    const auto [first, label, per_token] = batch.examples[e];
    const int32_t end =
        e + 1 < batch.examples.size() ? batch.examples[e + 1].first : batch.sequences();
    if (first != expected || end <= first || end > batch.sequences()) return false;
    int32_t options = 0;
    for (int32_t s = first; s < end; ++s) options += scored[static_cast<size_t>(s)];
    if (label < -1 || label >= options || (label < 0 && (options != 1 || end != first + 1)))
      return false;
    expected = end;
  }
  return true;
}

}  // namespace

void check_batch(const Batch& batch, const ModelSpec& spec) {
  const auto within = [](int64_t value, int64_t least, int64_t end) {
    return value >= least && value < end;
  };
  bool good = batch.starts.size() > 1 && batch.starts.front() == 0 &&
              static_cast<size_t>(batch.starts.back()) == batch.ids.size() &&
              (batch.segments.empty() || batch.segments.size() == batch.ids.size());
  good = good && (batch.parents.empty() ||
                  (spec.causal && batch.parents.size() + 1 == batch.starts.size()));
  for (int32_t s = 0; good && s < batch.sequences(); ++s) {
    const int32_t parent = batch.parent(s);
    good = parent < 0 || (within(parent, 0, s) && batch.parent(parent) < 0 &&
                          (parent == s - 1 || batch.parent(s - 1) == parent));
    const int64_t before = good && parent >= 0 ? batch.length(parent) : 0;
    good = good &&
           within(batch.length(s), 1, int64_t{spec.positions} - spec.position_offset + 1 - before);
  }
  for (const int32_t id : batch.ids) good = good && within(id, 0, spec.vocabulary);
  for (const int32_t segment : batch.segments) good = good && within(segment, 0, spec.segments);
  for (const int32_t id : batch.candidates) good = good && within(id, 0, spec.outputs);
  const auto candidates = static_cast<int64_t>(batch.candidates.size());
  int32_t before = 0;
  for (const ScoredPosition& at : batch.scored) {
    if (!good) break;
    const int64_t count = at.candidates_end - int64_t{at.candidates_begin};
    good = within(at.sequence, before, batch.sequences()) &&
           within(at.position, 0, batch.length(at.sequence)) &&
           within(at.candidates_begin, 0, candidates + 1) &&
           within(at.candidates_end, at.candidates_begin, candidates + 1) &&
           within(at.label, 0, count > 0 ? count : spec.outputs);
    good = good && (batch.loss == Loss::cross_entropy || count == 1);
    before = at.sequence;
  }
  good = good &&
         batch.references.size() == (batch.loss == Loss::cross_entropy ? 0 : batch.scored.size());
  good = good && examples_are_good(batch);
  if (!good) throw Error("ERR_ZEST_INTERNAL", "the batch does not fit the model");
}

}  // namespace zest::addon
