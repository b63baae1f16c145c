#include "cuda/ops/forward.h"

#include <algorithm>
#include <cstring>

#include "core/transformer/visit.h"
#include "cuda/device/check.h"
#include "cuda/kernels/perturb.h"

namespace zest::cuda {

Forward::Forward(const Weights& weights, Products& products, cudaStream_t main, cudaStream_t noise)
    : weights_(weights), spec_(weights.spec()), products_(products), main_(main), noise_(noise) {
  const std::vector<int64_t>& offsets = weights.vector_offsets();
  weights.make_shares(
      vector_shares_, perturb_threads,
      [](int64_t rows, int64_t columns) { return rows * ((columns + 63) / 64 * 4); },
      [&](int i) { return offsets[static_cast<size_t>(i)] >= 0; });
  vector_offsets_.reserve(offsets.size());
  check(cudaMemcpyAsync(vector_offsets_.data(), offsets.data(), offsets.size() * sizeof(int64_t),
                        cudaMemcpyHostToDevice, main_),
        "uploading the list of vectors");
  check(cudaStreamSynchronize(main_), "uploading the list of vectors");
}

template <class T>
T* Forward::reserve(DeviceMemory<T>& memory, int64_t count) {
  if (static_cast<size_t>(count) > memory.size()) ++moves_;
  return memory.reserve(static_cast<size_t>(count));
}

void Forward::reserve_rows(Rows& rows, int64_t count, int64_t columns) {
  reserve(rows.values, count * padded8(columns));
  if (shares_memory(columns)) return;
  reserve(rows.operand, count * padded8(columns + extension(columns)) *
                            static_cast<int64_t>(element_bytes(weights_.type())));
}

Operand Forward::operand(const Rows& rows, int64_t columns) const {
  if (shares_memory(columns)) {
    return {rows.values.data(), StorageType::float32, padded8(columns)};
  }
  return {rows.operand.data(), weights_.type(), padded8(columns + extension(columns))};
}

Operand Forward::second(const Rows& rows, int64_t columns) const {
  Operand o = operand(rows, columns);
  if (shares_memory(columns)) o.data = nullptr;
  return o;
}

const float* Forward::vector(int parameter) const {
  return parameter < 0
             ? nullptr
             : vectors_.data() + weights_.vector_offsets()[static_cast<size_t>(parameter)];
}

NormVectors Forward::norm(const NormRoles& roles) const {
  return {vector(roles.weight), vector(roles.bias), weights_.vector_floats(), spec_.norm_epsilon};
}

void Forward::upload(const PackedBatch& batch, const PointSet& points) {
  batch_ = &batch;
  points_ = &points;
  passes_ = points.points();
  try {
    reserve_all();
  } catch (...) {
    release();  // a smaller call may need other parts of it
    throw;
  }
  if (block_pending_) check(cudaEventSynchronize(block_copied_), "uploading a batch");
  int32_t* staged = staged_block_.reserve(batch.block.size());
  std::memcpy(staged, batch.block.data(), batch.block.size() * sizeof(int32_t));
  check(cudaMemcpyAsync(block_.data(), staged, batch.block.size() * sizeof(int32_t),
                        cudaMemcpyHostToDevice, main_),
        "uploading a batch");
  check(cudaEventRecord(block_copied_, main_), "uploading a batch");
  block_pending_ = true;
}

void Forward::reserve_all() {
  const BatchShape& shape = batch_->shape;
  const int64_t hidden = spec_.hidden, stride = padded8(hidden);
  const int64_t tokens = passes_ * shape.tokens, rows = passes_ * shape.rows;
  const int64_t more = std::max(tokens, rows);
  reserve(block_, static_cast<int64_t>(batch_->block.size()));
  reserve(vectors_, passes_ * weights_.vector_floats());
  for (int t = 0; t < tables; ++t) reserve(tables_[t], passes_ * shape.table_rows[t] * stride);
  for (const State s :
       {State::hidden, State::gathered, State::context, State::normed, State::inner}) {
    reserve_rows(state(s), more, columns(s));
  }
  for (DeviceMemory<float>* m : {&query_, &key_, &value_}) reserve(*m, more * stride);
  reserve(product_, more * padded8(std::max(spec_.hidden, spec_.intermediate)));
  const int64_t outputs = shape.outputs ? shape.outputs : spec_.outputs;
  reserve(logits_, rows * padded8(outputs));
  reserve(losses_, passes_ * shape.scored);
  reserve(means_, passes_ * shape.sequences);
  int64_t adapter_rank = 0;
  for_each<LinearRoles>(spec_.roles, [&](const LinearRoles& linear) {
    if (linear.adapter_a < 0) return;
    adapter_rank = std::max(adapter_rank, weights_.parameter(linear.adapter_a).rows);
  });
  if (adapter_rank > 0) {
    reserve_rows(adapter_, more, adapter_rank);
    reserve(adapter_product_, more * padded8(adapter_rank));
  }
  // A piece has at least eight rows, however long they are.
  const int64_t element = static_cast<int64_t>(element_bytes(weights_.type()));
  int64_t longest = std::max<int64_t>(spec_.hidden, spec_.intermediate);
  longest = padded8(longest + extension(longest));
  for (DeviceMemory<std::byte>& piece : scratch_) {
    reserve(piece, std::max(scratch_bytes / 2, 8 * longest * passes_ * element));
  }
}

void Forward::release() {
  for (Rows& rows : states_) rows = {};
  adapter_ = {};
  for (DeviceMemory<float>* m :
       {&vectors_, &query_, &key_, &value_, &product_, &adapter_product_, &logits_, &losses_}) {
    m->reset();
  }
  for (DeviceMemory<float>& table : tables_) table.reset();
  for (DeviceMemory<std::byte>& piece : scratch_) piece.reset();
  block_.reset();
  means_.reset();
}

void Forward::run(const PackedBatch& batch, const PointSet& points) {
  batch_ = &batch;
  points_ = &points;
  passes_ = points.points();
  chunks_ = 0;
  perturb_vectors(points.plan(), weights_.type(), points.all_parameters(), vector_offsets_.data(),
                  vector_shares_.shares.data(), vector_shares_.count, vectors_.data(),
                  weights_.vector_floats(), main_);
  run_layers(*this, spec_, Shortcuts{});
}

}  // namespace zest::cuda
