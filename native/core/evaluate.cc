#include "core/evaluate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"

namespace zest {

std::vector<double> sequence_losses(Backend& backend, const Directions& directions,
                                    const Batch& batch, std::span<const Point> points,
                                    int micro_batch, const AbortFlag& abort) {
  const int32_t sequences = batch.sequences();
  std::vector<double> losses(points.size() * static_cast<size_t>(sequences));
  if (micro_batch <= 0 || micro_batch >= sequences) {
    backend.sequence_losses(directions, batch, points, losses.data(), abort);
    return losses;
  }
  std::vector<double> part(points.size() * static_cast<size_t>(micro_batch));
  for (int32_t first = 0; first < sequences; first += micro_batch) {
    const int32_t count = std::min(micro_batch, sequences - first);
    backend.sequence_losses(directions, slice(batch, first, first + count), points, part.data(),
                            abort);
    for (size_t p = 0; p < points.size(); ++p) {
      std::copy_n(part.begin() + static_cast<int64_t>(p) * count, count,
                  losses.begin() + static_cast<int64_t>(p) * sequences + first);
    }
  }
  return losses;
}

std::vector<double> evaluate(Backend& backend, const Directions& directions, const Batch& batch,
                             std::span<const Point> points, int micro_batch,
                             const AbortFlag& abort) {
  const std::vector<double> losses =
      sequence_losses(backend, directions, batch, points, micro_batch, abort);
  std::vector<double> means;
  for (size_t p = 0; p < points.size(); ++p) {
    double sum = 0.0;
    for (int32_t s = 0; s < batch.sequences(); ++s)
      sum += losses[p * static_cast<size_t>(batch.sequences()) + static_cast<size_t>(s)];
    means.push_back(sum / batch.sequences());
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

}  // namespace zest
