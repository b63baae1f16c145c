// What a walk ends with: the head's last product, and from it the losses and logits of the scored
// positions, or the hidden states there.
#include "cuda/kernels/loss.h"
#include "cuda/ops/forward.h"

namespace zest::cuda {

ScoredLogits Forward::scored_logits(const PackedBatch& batch) const {
  const BatchShape& shape = batch.shape;
  const LinearRoles& output = spec_.roles.head_output;
  ScoredLogits l;
  l.product = logits_.data();
  l.stride = padded8(shape.outputs ? shape.outputs : spec_.outputs);
  l.rows = shape.rows;
  l.bias = vector(output.bias);
  l.vector_stride = weights_.vector_floats();
  l.outputs = shape.outputs ? in_block(batch.at.outputs) : nullptr;
  l.points = passes_, l.scored = shape.scored;
  l.row = in_block(batch.at.row), l.label = in_block(batch.at.label);
  l.first = in_block(batch.at.first), l.count = in_block(batch.at.count);
  l.columns = in_block(batch.at.columns);
  l.loss = shape.loss;
  l.reference = reinterpret_cast<const float*>(in_block(batch.at.reference));
  return l;
}

void Forward::score(const LinearRoles& output, State from, Tokens) {
  const BatchShape& shape = batch_->shape;
  const Outputs outputs{shape.outputs ? in_block(batch_->at.outputs) : nullptr,
                        shape.outputs ? shape.outputs : spec_.outputs};
  multiply(output, outputs, operand(from), shape.rows,
           {logits_.data(), StorageType::float32, padded8(outputs.count)});
  scored_losses(scored_logits(*batch_), losses_.data(), main_);
  sequence_means(losses_.data(), passes_, shape.scored, in_block(batch_->at.sequence_starts),
                 shape.sequences, means_.data(), main_);
}

void Forward::copy_logits(const PackedBatch& batch, float* out) const {
  cuda::copy_logits(scored_logits(batch), in_block(batch.at.logit_starts), out, main_);
}

// What projects writes for products alone; else there are values in float32.
Operand Forward::hidden() const {
  const Rows& rows = states_[static_cast<size_t>(hidden_at_)];
  const int64_t count = columns(hidden_at_);
  if (hidden_at_ == State::projected) return operand(rows, count);
  return {rows.values.data(), StorageType::float32, padded8(count)};
}

}  // namespace zest::cuda
