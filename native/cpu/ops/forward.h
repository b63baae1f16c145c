// The operations of a forward at one or two perturbed points; core/transformer/layers.h says which
// are called.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/transformer/layers.h"
#include "cpu/buffer.h"
#include "cpu/kernels/kernels.h"
#include "cpu/perturbation.h"
#include "cpu/thread_pool.h"
#include "cpu/weights.h"

namespace zest::cpu {

// Rows of activations that a thread takes at once.
constexpr int64_t rows_at_once = 16;

// Rows of activations take an odd number of cache lines: at a power of two, the rows of a tile
// would share one set of the first-level cache.
inline int64_t row_stride(int64_t columns) { return ((columns + 15) / 16 | 1) * 16; }

inline int64_t parts(int64_t count, int64_t at_once) { return (count + at_once - 1) / at_once; }

class Forward : private Operations {
 public:
  Forward(const Weights& weights, const Shortcuts& shortcuts, ThreadPool& pool);

  // Perturbs the vectors at the points of a group; `perturbation` must live until the next call.
  void begin(const Perturbation& perturbation, int points, const AbortFlag& abort);
  // Runs the batch at those points.
  void run(const Batch& batch);

  // The logit of candidate `index` of scored position `scored` at point p, after run.
  float logit(int p, size_t scored, int64_t index) const;
  // Their cross-entropy with the position's label.
  float cross_entropy(int p, size_t scored);

 private:
  static constexpr int most_points = Noise::max_points;
  // One row block a point.
  struct Activations {
    Buffer<float> data[most_points];
    float* reserve(int p, int64_t floats) { return data[p].reserve(static_cast<size_t>(floats)); }
    float* operator[](int p) const { return data[p].data(); }
  };
  struct Linear {
    LinearRoles roles;
    Rows outputs;  // rows of the weight
    const Activations* input;
    int64_t rows;
    Activations* output;
    int activation;
    const Activations* bias = nullptr;  // of these outputs; null: the perturbed bias vector
  };

  void embed() override;
  void gather() override;
  void attend(const LayerRoles& layer, State from, State to, Tokens tokens) override;
  void add(const LinearRoles& linear, State from, State residual, const NormRoles& norm, State to,
           Tokens tokens) override;
  void activate(const LinearRoles& linear, State from, Activation activation, const NormRoles& norm,
                State to, Tokens tokens) override;
  void score(const LinearRoles& output, State from, Tokens tokens) override;

  void check_abort() const;
  int64_t columns(int parameter) const { return weights_.matrix(parameter).columns; }
  const float* vector(int p, int parameter) const;
  Activations& state(State of) { return states_[static_cast<size_t>(of)]; }
  int64_t rows_of(Tokens tokens) const;
  // All outputs of a linear layer.
  Linear whole(const LinearRoles& roles, const Activations& input, int64_t rows,
               Activations& output, int activation) const;
  void multiply(std::span<const Linear> linears);
  void multiply_base(std::span<const Linear> linears);
  void add_adapter(const Linear& linear);
  void normalize(const Activations& a, const Activations* b, const NormRoles& roles, int64_t rows,
                 Activations& out);
  void find_scored_tokens(const Batch& batch);

  const Weights& weights_;
  const ModelSpec& spec_;
  const Shortcuts shortcuts_;
  ThreadPool& pool_;
  const Perturbation* perturbation_ = nullptr;
  const AbortFlag* abort_ = nullptr;
  int points_ = 0;

  // Vectors and prefixes: small enough to be perturbed once a group.
  std::vector<int> vector_parameters_;
  std::vector<int64_t> vector_offset_;  // by parameter; -1 where not one of these
  int64_t vector_floats_ = 0;
  Activations vectors_;

  int64_t tokens_ = 0;
  // Distinct tokens that are scored, ascending, and of each scored position its index there.
  std::vector<int32_t> scored_tokens_;
  std::vector<int32_t> scored_row_;
  // The scored tokens of each sequence.
  std::vector<int32_t> scored_starts_;
  // Distinct rows of the word, position and segment embeddings; which of them each id is.
  std::vector<int32_t> table_rows_[3];
  std::vector<int32_t> table_slot_[3];
  Activations table_[3];
  Activations states_[states];
  Activations query_, key_, value_, projected_, logits_, output_bias_, adapter_inner_,
      adapter_output_;
  Buffer<float> panels_, scratch_, whole_[most_points];

  const Batch* batch_ = nullptr;
  // Distinct candidates, ascending; empty: every output.
  std::vector<int32_t> outputs_;
  int64_t output_count_ = 0;
  Tokens scored_at_ = Tokens::scored;
  std::vector<float> candidate_logits_;
};

}  // namespace zest::cpu
