// The two primitives of the engine, evaluate and apply, as a device implements them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/direction.h"
#include "core/transformer/spec.h"

namespace zest {

// Set from another thread to stop a call; polled between operations, which then throws
// ERR_ZEST_ABORTED.
using AbortFlag = std::atomic<bool>;

class Backend {
 public:
  virtual ~Backend() = default;

  virtual const ModelSpec& spec() const = 0;

  // Reads every parameter (pread, in pieces). `progress(done, total)` in bytes.
  virtual void load(std::span<const ParameterSource> sources,
                    const std::function<void(int64_t, int64_t)>& progress,
                    const AbortFlag& abort) = 0;

  // losses[p * batch.sequences() + s]: the loss of sequence s at point p. theta is only read.
  virtual void sequence_losses(const Directions& directions, const Batch& batch,
                               std::span<const Point> points, double* losses,
                               const AbortFlag& abort) = 0;

  // Logits at the point, one row a scored position in order; a row has as many values as the
  // position has candidates.
  virtual std::vector<std::vector<float>> logits(const Directions& directions, const Batch& batch,
                                                 const Point& point, const AbortFlag& abort) = 0;

  // One pass over the trainable parameters, by the update's rule. Abort is honoured before the
  // first weight is written, never after.
  virtual void apply(const Directions& directions, const Update& update,
                     const AbortFlag& abort) = 0;

  // A copy as float32 into `out`, rows x columns.
  virtual void read(int parameter, float* out) = 0;
  // v(stream) of one parameter into `out`, rows x columns.
  virtual void direction(const Directions& directions, uint64_t stream, int parameter,
                         float* out) = 0;
  // The stored bytes, little-endian, rows x columns; size is rows * columns * element size.
  virtual std::span<const std::byte> bytes(int parameter) const = 0;
  // Puts bytes as `bytes` tells them in the place of a parameter's.
  virtual void write(int parameter, std::span<const std::byte> stored) = 0;
  virtual StorageType storage() const = 0;
};

}  // namespace zest
