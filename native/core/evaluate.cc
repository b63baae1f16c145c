#include "core/evaluate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/scalar_math.h"

namespace zest {
namespace {

int32_t example_count(const Batch& batch) {
  return batch.examples.empty() ? batch.sequences() : static_cast<int32_t>(batch.examples.size());
}

// The first sequence of an example, or the number of sequences.
int32_t first_sequence(const Batch& batch, int32_t example) {
  if (batch.examples.empty()) return example;
  const auto e = static_cast<size_t>(example);
  return e < batch.examples.size() ? batch.examples[e].first : batch.sequences();
}

std::vector<int32_t> scored_counts(const Batch& batch) {
  std::vector<int32_t> counts(static_cast<size_t>(batch.sequences()));
  for (const ScoredPosition& at : batch.scored) ++counts[static_cast<size_t>(at.sequence)];
  return counts;
}

// The options' scores of an example, from the mean losses of its sequences.
std::vector<double> option_scores(const Batch& batch, int32_t example,
                                  const std::vector<int32_t>& counts, const double* losses) {
  std::vector<double> scores;
  const bool per_token = batch.examples[static_cast<size_t>(example)].per_token;
  const int32_t first = first_sequence(batch, example);
  for (int32_t s = first; s < first_sequence(batch, example + 1); ++s) {
    const int32_t count = counts[static_cast<size_t>(s)];
    const double loss = losses[s - first];
    if (count > 0) scores.push_back(per_token ? -loss : -loss * count);
  }
  return scores;
}

double cross_entropy(const std::vector<double>& scores, int32_t label) {
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += scalar::exp(score - top);
  return scalar::log(sum) + (top - scores[static_cast<size_t>(label)]);
}

}  // namespace

std::vector<double> example_losses(Backend& backend, const Directions& directions,
                                   const Batch& batch, std::span<const Point> points,
                                   int micro_batch, const AbortFlag& abort) {
  const int32_t examples = example_count(batch);
  const int32_t at_once = micro_batch > 0 ? std::min(micro_batch, examples) : examples;
  const std::vector<int32_t> counts = scored_counts(batch);
  std::vector<double> losses(points.size() * static_cast<size_t>(examples)), part;
  for (int32_t first = 0; first < examples; first += at_once) {
    const int32_t last = std::min(first + at_once, examples);
    const int32_t begin = first_sequence(batch, first), end = first_sequence(batch, last);
    part.resize(points.size() * static_cast<size_t>(end - begin));
    const bool whole = begin == 0 && end == batch.sequences();
    backend.sequence_losses(directions, whole ? batch : slice(batch, begin, end), points,
                            part.data(), abort);
    for (size_t p = 0; p < points.size(); ++p) {
      const double* of_point = part.data() + p * static_cast<size_t>(end - begin);
      for (int32_t e = first; e < last; ++e) {
        const int32_t label =
            batch.examples.empty() ? -1 : batch.examples[static_cast<size_t>(e)].label;
        const double* own = of_point + (first_sequence(batch, e) - begin);
        losses[p * static_cast<size_t>(examples) + static_cast<size_t>(e)] =
            label < 0 ? *own : cross_entropy(option_scores(batch, e, counts, own), label);
      }
    }
  }
  return losses;
}

std::vector<double> evaluate(Backend& backend, const Directions& directions, const Batch& batch,
                             std::span<const Point> points, int micro_batch,
                             const AbortFlag& abort) {
  const std::vector<double> losses =
      example_losses(backend, directions, batch, points, micro_batch, abort);
  const auto examples = static_cast<size_t>(example_count(batch));
  std::vector<double> means;
  for (size_t p = 0; p < points.size(); ++p) {
    double sum = 0.0;
    for (size_t e = 0; e < examples; ++e) sum += losses[p * examples + e];
    means.push_back(sum / static_cast<double>(examples));
    if (std::isfinite(means.back())) continue;
    const std::string where = points[p].empty()
                                  ? "the unperturbed weights"
                                  : "the point of stream " + std::to_string(points[p][0].stream);
    throw Error("ERR_ZEST_LOSS_NOT_FINITE",
                "the loss at " + where +
                    " is not finite; the weights are unchanged. A smaller rho or learning rate "
                    "may keep it finite");
  }
  return means;
}

std::vector<std::vector<float>> logits(Backend& backend, const Directions& directions,
                                       const Batch& batch, const Point& point,
                                       const AbortFlag& abort) {
  if (batch.examples.empty()) return backend.logits(directions, batch, point, abort);
  std::vector<double> losses(static_cast<size_t>(batch.sequences()));
  backend.sequence_losses(directions, batch, {&point, 1}, losses.data(), abort);
  const std::vector<int32_t> counts = scored_counts(batch);
  std::vector<std::vector<float>> rows;
  for (int32_t e = 0; e < example_count(batch); ++e) {
    const std::vector<double> scores =
        option_scores(batch, e, counts, losses.data() + first_sequence(batch, e));
    rows.emplace_back(scores.begin(), scores.end());
  }
  return rows;
}

}  // namespace zest
