// The operations of a forward at all points of a pass ("CUDA backend" in the design);
// core/transformer/layers.h says which are called.
#pragma once

#include <cstdint>
#include <vector>

#include "core/backend.h"
#include "core/transformer/layers.h"
#include "cuda/device/cublaslt.h"
#include "cuda/device/device.h"
#include "cuda/kernels/loss.h"
#include "cuda/kernels/perturb.h"
#include "cuda/kernels/rows.h"
#include "cuda/ops/packed_batch.h"
#include "cuda/ops/point_set.h"
#include "cuda/weights.h"

namespace zest::cuda {

// Both pieces of perturbed weights together stay in the second-level cache (50 MB on an H100 or
// H200, 40 MB on an A100) beside what the product streams through it.
constexpr int64_t scratch_bytes = int64_t{20} << 20;

class Forward : private Operations {
 public:
  Forward(const Weights& weights, Products& products, cudaStream_t main, cudaStream_t noise);

  // The block of a batch, on the device; reserves all that `run` needs, so that run allocates
  // nothing. Without memory for it all is given back but the weights.
  void upload(const PackedBatch& batch, const PointSet& points);
  // Enqueues the pass.
  void run(const PackedBatch& batch, const PointSet& points);

  // After run: float64 losses of the sequences, point p's from p * shape.sequences.
  const double* means() const { return means_.data(); }
  void copy_logits(const PackedBatch& batch, float* out) const;
  // Counts the times that memory moved.
  int64_t moves() const { return moves_; }

 private:
  // Activations that a product reads and, in float32, the same that sums read. One memory where the
  // weights are float32 and nothing is appended.
  struct Rows {
    DeviceMemory<float> values;
    DeviceMemory<std::byte> operand;
  };
  // The rows of one product's weight that are wanted; index: where they are not consecutive.
  struct Outputs {
    const int32_t* index = nullptr;
    int64_t count = 0;
  };

  void embed() override;
  void gather() override;
  void attend(const LayerRoles& layer, State from, State to, Tokens tokens) override;
  void add(const LinearRoles& linear, State from, State residual, const NormRoles& norm, State to,
           Tokens tokens) override;
  void activate(const LinearRoles& linear, State from, Activation activation, const NormRoles& norm,
                State to, Tokens tokens) override;
  void score(const LinearRoles& output, State from, Tokens tokens) override;

  template <class T>
  T* reserve(DeviceMemory<T>& memory, int64_t count);
  void reserve_all();
  void release();
  void reserve_rows(Rows& rows, int64_t count, int64_t columns);
  // As a product reads them, and as kernels write them: without data where that is `values`.
  Operand operand(const Rows& rows, int64_t columns) const;
  Operand second(const Rows& rows, int64_t columns) const;
  bool shares_memory(int64_t columns) const;
  int64_t extension(int64_t columns) const;

  const float* vector(int parameter) const;
  NormVectors norm(const NormRoles& roles) const;
  const int32_t* in_block(size_t offset) const { return block_.data() + offset; }
  AttentionTile const* tiles_at(size_t offset) const;

  Rows& state(State of) { return states_[static_cast<size_t>(of)]; }
  int64_t columns(State of) const { return of == State::inner ? spec_.intermediate : spec_.hidden; }
  Operand operand(State of) { return operand(state(of), columns(of)); }
  Operand second(State of) { return second(state(of), columns(of)); }
  int64_t rows_of(Tokens tokens) const {
    return tokens == Tokens::all ? batch_->shape.tokens : batch_->shape.rows;
  }
  int64_t outputs_of(const LinearRoles& linear) const {
    return weights_.parameter(linear.weight).rows;
  }

  void multiply(const LinearRoles& roles, Outputs outputs, const Operand& x, int64_t rows,
                DeviceMemory<float>& y);
  void product(int parameter, Outputs outputs, const Operand& x, int64_t rows, float* y,
               int64_t y_stride, float scale, bool add);
  void chunk(int parameter, RowChoice rows, bool extended, int64_t stride);
  ScoredLogits scored_logits(const PackedBatch& batch) const;

  const Weights& weights_;
  const ModelSpec& spec_;
  Products& products_;
  cudaStream_t main_, noise_;
  int64_t moves_ = 0;

  // Of the pass that is enqueued.
  const PackedBatch* batch_ = nullptr;
  const PointSet* points_ = nullptr;
  int64_t passes_ = 0, chunks_ = 0;

  BlockShares vector_shares_;
  DeviceMemory<int64_t> vector_offsets_;
  PinnedMemory<int32_t> staged_block_;
  Event block_copied_;
  bool block_pending_ = false;
  DeviceMemory<int32_t> block_;
  DeviceMemory<float> vectors_;
  DeviceMemory<float> tables_[tables];
  Rows states_[states], adapter_;
  // `product_` is of the linear layer under way, before its bias.
  DeviceMemory<float> query_, key_, value_, product_, adapter_product_, logits_;
  DeviceMemory<float> losses_;
  DeviceMemory<double> means_;
  // Two pieces of perturbed weights: one is made while the other is multiplied.
  DeviceMemory<std::byte> scratch_[2];
  Event forked_, ready_[2], consumed_[2];
};

}  // namespace zest::cuda
