// What a device does with a model: losses, logits, updates, state.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/direction.h"
#include "core/error.h"
#include "core/transformer/spec.h"

namespace zest {

// Set from another thread to stop a call; polled between operations, which then throws
// ERR_ZEST_ABORTED.
using AbortFlag = std::atomic<bool>;

inline void check_abort(const AbortFlag& abort) {
  if (abort.load()) throw Error("ERR_ZEST_ABORTED", "the call was aborted");
}

// Sequences of a causal model that grow, at one point: the keys and values of their tokens are
// kept.
class Session {
 public:
  virtual ~Session() = default;

  // Appends ids[starts[s] .. starts[s + 1]) to each sequence s, and gives the logits of all outputs
  // after the last token, one row a sequence that grew; valid until the next call. On the CPU the
  // same bits as of the whole sequence at once. Beyond a sequence's capacity: ERR_ZEST_INTERNAL.
  virtual std::span<const float> extend(std::span<const int32_t> ids,
                                        std::span<const int32_t> starts,
                                        const AbortFlag& abort) = 0;
};

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

  // The hidden states that the head would read at the point, one row a sequence: the mean over its
  // scored positions, summed in order in float64. Their candidates are not read.
  virtual std::vector<std::vector<float>> embeddings(const Directions& directions,
                                                     const Batch& batch, const Point& point,
                                                     const AbortFlag& abort) = 0;

  // Empty sequences that may have up to `capacities` tokens, at the weights as they are now: there
  // must be no `apply` or `write` while it is used. The backend must outlive it.
  virtual std::unique_ptr<Session> session(const Directions& directions, const Point& point,
                                           std::span<const int32_t> capacities,
                                           const AbortFlag& abort) = 0;

  // One pass over the trainable parameters, by the update's rule. Abort is honoured before the
  // first weight is written, never after.
  virtual void apply(const Directions& directions, const Update& update,
                     const AbortFlag& abort) = 0;

  // The updates one after another, with the bits of so many calls of `apply`; abort is honoured
  // before the first weight is written, never after. Counts in `done` those that took effect, also
  // where it throws.
  virtual void apply_all(const Directions& directions, std::span<const Update> updates,
                         const AbortFlag& abort, size_t& done) {
    const AbortFlag never{false};
    for (done = 0; done < updates.size(); ++done) {
      apply(directions, updates[done], done == 0 ? abort : never);
    }
  }

  // The state that updates keep: whether it is there, a copy of a trainable parameter's (which is
  // there), and its values from elsewhere, which makes it.
  virtual bool has_state(RuleState state) const = 0;
  virtual void read_state(RuleState state, int parameter, float* out) = 0;
  virtual void write_state(RuleState state, int parameter, std::span<const float> values) = 0;

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

// Throws ERR_ZEST_UNSUPPORTED for a rule that is none.
inline void check_rule(const Update& update) {
  for (const Name<Rule>& rule : Names<Rule>::table) {
    if (rule.value == update.rule) return;
  }
  throw Error("ERR_ZEST_UNSUPPORTED", "there is no such rule of updates");
}

}  // namespace zest
