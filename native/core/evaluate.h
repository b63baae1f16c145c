// Losses at points of the weights, some sequences of the batch at a time: the bits do not depend on
// how many.
#pragma once

#include <span>
#include <vector>

#include "core/backend.h"

namespace zest {

// Of each sequence at each point: losses[p * batch.sequences() + s]. `micro_batch` sequences are
// evaluated at a time; 0: all.
std::vector<double> sequence_losses(Backend& backend, const Directions& directions,
                                    const Batch& batch, std::span<const Point> points,
                                    int micro_batch, const AbortFlag& abort);

// Of each point: the mean over the sequences, summed in order in float64. Throws
// ERR_ZEST_LOSS_NOT_FINITE naming the point's first stream if one is not finite.
std::vector<double> evaluate(Backend& backend, const Directions& directions, const Batch& batch,
                             std::span<const Point> points, int micro_batch,
                             const AbortFlag& abort);

}  // namespace zest
