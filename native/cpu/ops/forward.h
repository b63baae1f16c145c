// The operations of a forward at one or two perturbed points; core/transformer/layers.h says which
// are called.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/growth.h"
#include "core/transformer/layers.h"
#include "core/transformer/rotary.h"
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

// Keys and values of the tokens that sequences had before, one row a token: of every layer, of the
// first point.
class KeyValueCache : public Growth {
 public:
  // Throws ERR_ZEST_MEMORY.
  KeyValueCache(const ModelSpec& spec, std::span<const int32_t> capacities);

  // Those of all heads.
  KeySpan span(size_t layer, int32_t s) const;
  // Puts rows behind a sequence's own, which `grow` makes part of it.
  void put(size_t layer, int32_t s, const float* keys, const float* values, int32_t tokens);

 private:
  int64_t stride_;
  std::vector<Buffer<float>> keys_, values_;  // by layer
};

class Forward : private Operations {
 public:
  Forward(const Weights& weights, const Shortcuts& shortcuts, ThreadPool& pool);

  // Keeps perturbed weights as products read them, until the next `begin`: for many runs of few
  // tokens. Scored positions then have no candidates.
  void keep_packed() { keeps_packed_ = true; }

  // Perturbs the vectors at the points of a group; `perturbation` must live until the next call.
  void begin(const Perturbation& perturbation, int points, const AbortFlag& abort);
  // Another call's flag, for what was begun.
  void resume(const AbortFlag& abort) { abort_ = &abort; }
  // Runs the batch at those points; with a cache its tokens come after those that are there, and
  // join them.
  void run(const Batch& batch, KeyValueCache* cache = nullptr, Ending ending = Ending::scores);

  // The logit of candidate `index` of scored position `scored` at point p, after run.
  float logit(int p, size_t scored, int64_t index) const;
  // Their cross-entropy with the position's label.
  float loss(int p, size_t scored);
  // The hidden state of scored position `scored` at point p, after a run that ends with those.
  std::span<const float> hidden(int p, size_t scored) const;

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
    Rows outputs;  // of the weight and of its bias
    const Activations* input;
    int64_t rows;
    Activations* output;
    int activation = no_activation;  // or one of Activation
  };

  void embed() override;
  void gather() override;
  void attend(const LayerRoles& layer, State from, State to, Tokens tokens) override;
  void add(const LinearRoles& linear, State from, State residual, const NormRoles& norm, State to,
           Tokens tokens) override;
  void normalize(const NormRoles& norm, State from, State to, Tokens tokens) override;
  void activate(const LinearRoles& linear, State from, Activation activation, const NormRoles& norm,
                State to, Tokens tokens) override;
  void gate(const LinearRoles& gate, const LinearRoles& linear, State from, Activation activation,
            State to, Tokens tokens) override;
  void project(const LinearRoles& linear, State from, State to, Tokens tokens) override;
  void score(const LinearRoles& output, State from, Tokens tokens) override;
  void end(State from, Tokens tokens) override;

  int64_t columns(int parameter) const { return weights_.matrix(parameter).columns; }
  int64_t columns(State of) const { return width(of, spec_); }
  const float* vector(int p, int parameter) const;
  Activations& state(State of) { return states_[static_cast<size_t>(of)]; }
  int64_t rows_of(Tokens tokens) const;
  // The row of a scored position in what the walk ended with.
  int64_t row_of(size_t scored) const;
  // All outputs of a linear layer.
  Linear whole(const LinearRoles& roles, const Activations& input, int64_t rows,
               Activations& output, int activation = no_activation) const;
  void multiply(std::span<const Linear> linears);
  void multiply_base(std::span<const Linear> linears);
  int64_t outputs_at_once(const Linear& linear) const;
  int64_t packed_floats(const Linear& linear) const;
  void pack_outputs(const Linear& linear, int64_t first, float* panels);
  Rows outputs_from(const Linear& linear, int64_t first) const;
  void multiply_outputs(const Linear& linear, int64_t first, const void* panels,
                        PanelType type = {});
  // Panels of all outputs of a layer; where they are not perturbed, of the type of the weights.
  PanelType kept_type(const Linear& linear) const;
  struct Kept {
    PanelType type;
    int64_t item_bytes = 0;
    Buffer<std::byte> panels;
  };
  const Kept& kept_panels(const Linear& linear);
  void add_adapter(const Linear& linear);
  // out = norm(a + b); b may be null.
  void sum(const Activations& a, const Activations* b, const NormRoles& roles, int64_t rows,
           int64_t columns, Activations& out);
  // Norms and turns the heads of queries or keys.
  void place_heads(Activations& heads, int64_t count, const NormRoles& norm, Tokens tokens);
  void find_places(const Batch& batch);
  // Calls body(point, first, end) for blocks of rows, in any order.
  template <class Body>
  void for_rows(int64_t rows, Body body);
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
  // Of each token, and of each scored token: its position, and its place among its sequence's own.
  std::vector<int32_t> positions_, scored_positions_, places_, scored_places_;
  // Tokens before each sequence's own, its parent's or the cache's.
  std::vector<int32_t> earlier_;
  KeyValueCache* cache_ = nullptr;
  RotaryTable rotary_;
  bool keeps_packed_ = false;
  // By weight and first output.
  std::map<std::pair<int, int64_t>, Kept> kept_;

  // Outputs of the layers that share a weight, by weight and first output, where they are not
  // consecutive.
  std::map<std::pair<int, int64_t>, std::vector<int32_t>> slices_;

  // Distinct rows of the word, position and segment embeddings; which of them each id is.
  std::vector<int32_t> table_rows_[3];
  std::vector<int32_t> table_slot_[3];
  Activations table_[3];
  Activations embedded_, states_[states];
  Activations query_, key_, value_, product_, logits_, adapter_inner_, adapter_output_;
  Buffer<float> panels_, scratch_, whole_[most_points];

  const Batch* batch_ = nullptr;
  // Distinct candidates, ascending; empty: every output.
  std::vector<int32_t> outputs_;
  int64_t output_count_ = 0;
  Tokens scored_at_ = Tokens::scored;
  State hidden_at_ = State::hidden;
  std::vector<float> candidate_logits_;
};

template <class Body>
void Forward::for_rows(int64_t rows, Body body) {
  const int64_t row_parts = parts(rows, rows_at_once);
  pool_.run(points_ * row_parts, [&](int64_t item, int) {
    const int64_t first = item % row_parts * rows_at_once;
    body(static_cast<int>(item / row_parts), first, std::min(first + rows_at_once, rows));
  });
}

}  // namespace zest::cpu
