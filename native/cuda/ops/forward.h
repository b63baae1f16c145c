// The operations of a forward at all points of a pass (docs/cuda.md, "How a step runs");
// core/transformer/layers.h says which are called.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/transformer/layers.h"
#include "core/transformer/rotary.h"
#include "cuda/device/cublaslt.h"
#include "cuda/device/device.h"
#include "cuda/kernels/heads.h"
#include "cuda/kernels/loss.h"
#include "cuda/kernels/perturb.h"
#include "cuda/kernels/rows.h"
#include "cuda/ops/key_value_cache.h"
#include "cuda/ops/packed_batch.h"
#include "cuda/ops/point_set.h"
#include "cuda/weights.h"

namespace zest::cuda {

// How many outputs of a weight a piece has, of which two lie in so many bytes. Transposed weights
// are inputs x outputs.
int64_t outputs_a_piece(int64_t scratch_bytes, int64_t bytes_an_output, bool transposed);

// Bytes of the activations of a token at one point, without the logits: what `upload` reserves for
// weights in float32.
int64_t activation_bytes(const ModelSpec& spec);

class Forward : private Operations {
 public:
  // `scratch_bytes` are the most that two pieces of perturbed weights take.
  Forward(const Weights& weights, Products& products, cudaStream_t main, cudaStream_t noise,
          int64_t scratch_bytes);

  // The block of a batch, on the device; reserves all that `run` needs, so that run allocates
  // nothing. Without memory for it all is given back but the weights.
  void upload(const PackedBatch& batch, const PointSet& points);
  // Enqueues the pass. With a cache, for which the batch was packed: one point, and the sequences
  // go on where the cache has them, which gets their keys and values.
  void run(const PackedBatch& batch, const PointSet& points, const KeyValueCache* cache = nullptr,
           Ending ending = Ending::scores);

  // After run: float64 losses of the sequences, point p's from p * shape.sequences.
  const double* means() const { return means_.data(); }
  void copy_logits(const PackedBatch& batch, float* out) const;
  // After a run that ends with hidden states: those of the first point, a row a distinct scored
  // token, `stride` elements apart.
  Operand hidden() const;
  int64_t hidden_columns() const { return columns(hidden_at_); }
  // Counts the times that memory moved.
  int64_t moves() const { return moves_; }

 private:
  // Activations that a product reads and, in float32, the same that sums read. One memory where the
  // weights are float32 and nothing is appended.
  struct Rows {
    DeviceMemory<float> values;
    DeviceMemory<std::byte> operand;
  };
  // The outputs of a weight that are wanted: the first `count`, or those that `index` names.
  struct Outputs {
    const int32_t* index = nullptr;
    int64_t count = 0;
  };
  struct Factor {
    int parameter;
    Outputs outputs;
  };
  // y = scale X W^T (+ y), W at each point's own weights; of several the outputs lie side by side,
  // and all but the last have a multiple of 8.
  struct Multiplication {
    std::vector<Factor> weights;
    bool transposed;  // W is stored in x out
    Operand x;
    int64_t rows;
    Operand y;
    float scale = 1;
    bool add = false;
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
  void end(State from, Tokens) override { hidden_at_ = from; }

  template <class T>
  T* reserve(DeviceMemory<T>& memory, int64_t count);
  void reserve_all();
  void reserve_attention(int64_t tokens, int64_t rows);
  void reserve_rotary(int64_t positions);
  void release();
  void reserve_rows(Rows& rows, int64_t count, int64_t columns, bool read_by_products = true);
  // As a product reads them, and as kernels write them: without data where that is `values`.
  Operand operand(const Rows& rows, int64_t columns) const;
  Operand second(const Rows& rows, int64_t columns) const;
  bool is_read_by_products(State of) const;
  bool shares_memory(int64_t columns) const;
  int64_t extension(int64_t columns) const;

  const float* vector(int parameter) const;
  NormVectors norm(const NormRoles& roles) const;
  const int32_t* in_block(size_t offset) const { return block_.data() + offset; }
  AttentionTile const* tiles_at(size_t offset) const;

  Rows& state(State of) { return states_[static_cast<size_t>(of)]; }
  int64_t columns(State of) const { return width(of, spec_); }
  Operand operand(State of) { return operand(state(of), columns(of)); }
  Operand second(State of) {
    return is_read_by_products(of) ? second(state(of), columns(of)) : Operand{};
  }
  int64_t rows_of(Tokens tokens) const {
    return tokens == Tokens::all ? batch_->shape.tokens : batch_->shape.rows;
  }

  // The outputs of a layer's whole weight, of which it may have a slice.
  Outputs all_outputs(const LinearRoles& linear) const;
  void multiply(const LinearRoles& linear, const Operand& x, int64_t rows, const Operand& y) {
    multiply(linear, all_outputs(linear), x, rows, y);
  }
  void multiply(const LinearRoles& linear, Outputs outputs, const Operand& x, int64_t rows,
                const Operand& y, bool add = false);
  // Layers that read the same rows, all their outputs, into products that lie side by side.
  using Linears = std::span<const LinearRoles* const>;
  std::vector<Operand> side_by_side(Linears linears, const DeviceMemory<std::byte>& product) const;
  void multiply(Linears linears, const Operand& x, int64_t rows, std::span<const Operand> products);
  bool are_one_product(Linears linears) const;
  void add_adapter(const LinearRoles& linear, Outputs outputs, const Operand& x, int64_t rows,
                   const Operand& y);
  // The whole product of a linear layer in some memory: in float32 where it is summed, in the type
  // of the weights where what reads it rounds in any case.
  Operand summed(const LinearRoles& linear, const DeviceMemory<std::byte>& product) const {
    return {product.data(), StorageType::float32, padded8(all_outputs(linear).count)};
  }
  Operand rounded(const LinearRoles& linear, const DeviceMemory<std::byte>& product) const {
    return {product.data(), weights_.type(), padded8(all_outputs(linear).count)};
  }
  void product(const Multiplication& m);
  bool is_perturbed(const Parameter& p) const { return p.trainable && points_->terms() > 0; }
  // Whether a product reads the weight where it lies.
  bool is_read_directly(const Parameter& p) const;
  bool is_extended(const Parameter& p, bool transposed) const;
  int64_t piece_bytes(int64_t outputs, int64_t depth, bool transposed) const;
  void extend_inputs(const Parameter& p, const Operand& x, int64_t rows);
  void make_piece(const Multiplication& m, int64_t first, int64_t count, const Product& product);
  // What is chosen of a parameter, at the points of the pass or, unperturbed, for `points` of them.
  void make_rows(const Parameter& p, const RowChoice& choice, int64_t points,
                 const PerturbedRows& out, cudaStream_t stream);

  void add_and_norm(const void* sum, const float* bias, const NormRoles& norm, State to,
                    Tokens tokens);
  BiasActivation with_bias(const LinearRoles& linear, const Operand& product, int64_t rows,
                           const Operand& out) const;
  HeadRows heads_of(const LinearRoles& linear, const Operand& product) const;
  void place(HeadRows& heads, int32_t count, const NormRoles& norm, Tokens tokens);
  void keep(const LayerRoles& layer, HeadRows& key, HeadRows& value);
  ScoredLogits scored_logits(const PackedBatch& batch) const;

  const Weights& weights_;
  const ModelSpec& spec_;
  Products& products_;
  cudaStream_t main_, noise_;
  int64_t moves_ = 0;

  // Of the pass that is enqueued.
  const PackedBatch* batch_ = nullptr;
  const PointSet* points_ = nullptr;
  const KeyValueCache* cache_ = nullptr;
  int64_t passes_ = 0, pieces_ = 0;
  State hidden_at_ = State::hidden;

  BlockShares vector_shares_;
  DeviceMemory<int64_t> vector_offsets_;
  PinnedMemory<int32_t> staged_block_;
  Event block_copied_;
  bool block_pending_ = false;
  DeviceMemory<int32_t> block_;
  DeviceMemory<float> vectors_;
  DeviceMemory<float> tables_[tables];
  Rows states_[states], embedded_, adapter_;
  // `product_` is of the linear layers under way, before their bias. Queries, keys and values lie
  // side by side in `heads_`, but for queries of other rows.
  DeviceMemory<std::byte> heads_, query_, product_;
  DeviceMemory<float> parts_;  // of attention
  DeviceMemory<float> logits_;
  DeviceMemory<std::byte> scaled_factors_;  // of low-rank directions, of the product under way
  RotaryTable rotary_;
  DeviceMemory<float> cosines_, sines_;
  DeviceMemory<float> losses_;
  DeviceMemory<double> means_;
  const int64_t scratch_bytes_;
  // Two pieces of perturbed weights: one is made while the other is multiplied.
  DeviceMemory<std::byte> scratch_[2];
  Event forked_, ready_[2], consumed_[2];
};

}  // namespace zest::cuda
