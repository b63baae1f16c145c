// The transformer at all points of a pass, layer by layer, as far as the losses read it ("Forward
// evaluation" and "CUDA backend" in the design).
#pragma once

#include <cstdint>
#include <vector>

#include "core/backend.h"
#include "cuda/cublaslt.h"
#include "cuda/device.h"
#include "cuda/loss.h"
#include "cuda/packed_batch.h"
#include "cuda/perturb.h"
#include "cuda/point_set.h"
#include "cuda/rows.h"
#include "cuda/weights.h"

namespace zest::cuda {

class Forward {
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
  NormVectors norm(NormRoles roles) const;
  const int32_t* in_block(size_t offset) const { return block_.data() + offset; }
  AttentionTile const* tiles_at(size_t offset) const;

  void embed();
  void layer(const LayerRoles& roles, bool last);
  void gather_scored();
  void head(const Rows& from);
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
  Rows hidden_, gathered_, context_, normed_, inner_, adapter_;
  DeviceMemory<float> query_, key_, value_, projected_, inner_product_, adapter_product_, logits_;
  DeviceMemory<float> losses_;
  DeviceMemory<double> means_;
  // Two pieces of perturbed weights: one is made while the other is multiplied.
  DeviceMemory<std::byte> scratch_[2];
  Event forked_, ready_[2], consumed_[2];
};

}  // namespace zest::cuda
