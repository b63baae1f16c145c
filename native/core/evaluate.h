// Losses at points of the weights, some examples of the batch at a time: the bits do not depend on
// how many.
#pragma once

#include <span>
#include <vector>

#include "core/backend.h"

namespace zest {

// Of each example at each point: losses[p * examples + e]; an example is a sequence, unless the
// batch says otherwise. `micro_batch` of them are evaluated at a time; 0: all.
std::vector<double> example_losses(Backend& backend, const Directions& directions,
                                   const Batch& batch, std::span<const Point> points,
                                   int micro_batch, const AbortFlag& abort);

// Of each point: the mean over the examples, summed in order in float64. Throws
// ERR_ZEST_LOSS_NOT_FINITE naming the point's first stream if one is not finite.
std::vector<double> evaluate(Backend& backend, const Directions& directions, const Batch& batch,
                             std::span<const Point> points, int micro_batch,
                             const AbortFlag& abort);

// Logits at the point, a row a scored position; of a batch with questions a row an example: its
// options' log-likelihoods, divided as the loss divides them.
std::vector<std::vector<float>> logits(Backend& backend, const Directions& directions,
                                       const Batch& batch, const Point& point,
                                       const AbortFlag& abort);

}  // namespace zest
