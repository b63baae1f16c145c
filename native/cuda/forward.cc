#include "cuda/forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cuda/activations.h"
#include "cuda/attention.h"
#include "cuda/check.h"
#include "cuda/low_rank.h"
#include "cuda/perturb.h"

namespace zest::cuda {
namespace {

// Both pieces of perturbed weights together stay in the second-level cache (50 MB on an H100 or
// H200, 40 MB on an A100) beside what the product streams through it.
constexpr int64_t scratch_bytes = int64_t{20} << 20;
constexpr int64_t most_chunk_rows = 4096;

}  // namespace

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

// Columns that low-rank directions append to the rows that a product reads; 0 where there are so
// many that the perturbed weights are made instead.
int64_t Forward::extension(int64_t columns) const {
  const Plan& plan = points_->plan();
  if (plan.law != Law::low_rank) return 0;
  const int64_t appended = static_cast<int64_t>(points_->terms()) * plan.rank;
  return appended <= columns / 2 ? appended : 0;
}

bool Forward::shares_memory(int64_t columns) const {
  return weights_.type() == StorageType::float32 && extension(columns) == 0;
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

NormVectors Forward::norm(NormRoles roles) const {
  return {vector(roles.weight), vector(roles.bias), weights_.vector_floats(), spec_.norm_epsilon};
}

AttentionTile const* Forward::tiles_at(size_t offset) const {
  return reinterpret_cast<const AttentionTile*>(in_block(offset));
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
  for (Rows* r : {&hidden_, &gathered_, &context_, &normed_}) reserve_rows(*r, more, hidden);
  reserve_rows(inner_, more, spec_.intermediate);
  for (DeviceMemory<float>* m : {&query_, &key_, &value_, &projected_}) reserve(*m, more * stride);
  reserve(inner_product_, more * padded8(spec_.intermediate));
  const int64_t outputs = shape.outputs ? shape.outputs : spec_.outputs;
  reserve(logits_, rows * padded8(outputs));
  reserve(losses_, passes_ * shape.scored);
  reserve(means_, passes_ * shape.sequences);
  int64_t adapter_rank = 0;
  for (const LayerRoles& l : spec_.roles.layers) {
    for (const LinearRoles& linear :
         {l.query, l.key, l.value, l.attention_output, l.intermediate, l.output}) {
      if (linear.adapter_a < 0) continue;
      adapter_rank = std::max(adapter_rank, weights_.parameter(linear.adapter_a).rows);
    }
  }
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
  for (Rows* r : {&hidden_, &gathered_, &context_, &normed_, &inner_, &adapter_}) *r = {};
  for (DeviceMemory<float>* m : {&vectors_, &query_, &key_, &value_, &projected_, &inner_product_,
                                 &adapter_product_, &logits_, &losses_}) {
    m->reset();
  }
  for (DeviceMemory<float>& table : tables_) table.reset();
  for (DeviceMemory<std::byte>& piece : scratch_) piece.reset();
  block_.reset();
  means_.reset();
}

// Makes rows of the perturbed (or extended) weight in the next piece, on the second stream.
void Forward::chunk(int parameter, RowChoice rows, bool extended, int64_t stride) {
  const int piece = static_cast<int>(chunks_ % 2);
  if (chunks_ == 0) {
    check(cudaEventRecord(forked_, main_), "cudaEventRecord");
    check(cudaStreamWaitEvent(noise_, forked_, 0), "cudaStreamWaitEvent");
  }
  if (chunks_ >= 2) check(cudaStreamWaitEvent(noise_, consumed_[piece], 0), "cudaStreamWaitEvent");
  const Parameter p = points_->parameter(parameter);
  if (extended) {
    extend_weights(points_->plan(), points_->terms(), weights_.type(), p, rows,
                   scratch_[piece].data(), stride, noise_);
  } else {
    perturb_rows(points_->plan(), weights_.type(), p, rows,
                 {scratch_[piece].data(), weights_.type(), stride, rows.count * stride}, noise_);
  }
  check(cudaEventRecord(ready_[piece], noise_), "cudaEventRecord");
  check(cudaStreamWaitEvent(main_, ready_[piece], 0), "cudaStreamWaitEvent");
}

// y = scale X W^T (+ y), W at each point's own weights.
void Forward::product(int parameter, Outputs outputs, const Operand& x, int64_t rows, float* y,
                      int64_t y_stride, float scale, bool add) {
  const Parameter p = points_->parameter(parameter);
  const int64_t depth = p.columns;
  Product product;
  product.x = x.data;
  product.x_stride = x.stride;
  product.y_stride = y_stride;
  product.scale = scale;
  product.add = add;
  product.type = weights_.type();
  const bool perturbed = p.trainable && points_->terms() > 0;
  if (!perturbed && !outputs.index && depth % 8 == 0) {
    product.w = p.data;
    product.w_stride = depth;
    product.y = y;
    product.rows = passes_ * rows;
    product.outputs = outputs.count;
    product.depth = depth;
    products_.multiply(product, main_);
    return;
  }
  const bool extended = p.factor_a && extension(depth) > 0;
  product.depth = extended ? depth + extension(depth) : depth;
  product.w_stride = padded8(product.depth);
  product.rows = extended ? passes_ * rows : rows;
  product.batch = extended ? 1 : passes_;
  product.x_batch = rows * x.stride;
  product.y_batch = rows * y_stride;
  if (extended) {
    extend_inputs(points_->plan(), points_->terms(), p, passes_, rows, x, main_);
  }
  const int64_t row_bytes =
      product.batch * product.w_stride * static_cast<int64_t>(element_bytes(weights_.type()));
  int64_t at_once = std::min(scratch_bytes / 2 / row_bytes, most_chunk_rows);
  at_once = at_once >= 128 ? at_once / 128 * 128 : std::max<int64_t>(at_once / 8, 1) * 8;
  for (int64_t first = 0; first < outputs.count; first += at_once) {
    const int64_t count = std::min(at_once, outputs.count - first);
    const RowChoice choice = outputs.index ? RowChoice{outputs.index + first, 0, count}
                                           : RowChoice{nullptr, first, count};
    chunk(parameter, choice, extended, product.w_stride);
    const int piece = static_cast<int>(chunks_ % 2);
    product.w = scratch_[piece].data();
    product.w_batch = count * product.w_stride;
    product.y = y + first;
    product.outputs = count;
    products_.multiply(product, main_);
    check(cudaEventRecord(consumed_[piece], main_), "cudaEventRecord");
    ++chunks_;
  }
}

// With the adapter, if there is one: Y = X W^T + adapter_scale (X A^T) B^T (Hu et al. 2021).
void Forward::multiply(const LinearRoles& roles, Outputs outputs, const Operand& x, int64_t rows,
                       DeviceMemory<float>& y) {
  const int64_t y_stride = padded8(outputs.count);
  product(roles.weight, outputs, x, rows, y.data(), y_stride, 1.0f, false);
  if (roles.adapter_a < 0) return;
  const int64_t rank = weights_.parameter(roles.adapter_a).rows;
  product(roles.adapter_a, {nullptr, rank}, x, rows, adapter_product_.data(), padded8(rank), 1.0f,
          false);
  BiasActivation convert;
  convert.product = adapter_product_.data();
  convert.stride = padded8(rank);
  convert.points = passes_, convert.rows = rows, convert.columns = rank;
  convert.out = operand(adapter_, rank);
  bias_activation(convert, main_);
  product(roles.adapter_b, outputs, convert.out, rows, y.data(), y_stride, spec_.adapter_scale,
          true);
}

void Forward::embed() {
  const ModelRoles& roles = spec_.roles;
  const int parameters[tables] = {roles.word_embeddings, roles.position_embeddings,
                                  roles.segment_embeddings};
  const int64_t hidden = spec_.hidden, stride = padded8(hidden);
  const BatchShape& shape = batch_->shape;
  Embedding e;
  int count = 0;
  for (const Table t : {words, segments, positions}) {
    if (parameters[t] < 0) continue;
    const int64_t rows = shape.table_rows[t];
    perturb_rows(points_->plan(), weights_.type(), points_->parameter(parameters[t]),
                 {in_block(batch_->at.table_rows[t]), 0, rows},
                 {tables_[t].data(), StorageType::float32, stride, rows * stride}, main_);
    e.tables[count++] = {tables_[t].data(), rows * stride, in_block(batch_->at.slots[t])};
  }
  e.norm = norm(roles.embedding_norm);
  e.points = passes_, e.tokens = shape.tokens, e.columns = hidden;
  e.hidden = hidden_.values.data();
  e.stride = stride;
  e.operand = second(hidden_, hidden);
  cuda::embed(e, main_);
}

void Forward::gather_scored() {
  RowGather g;
  g.from = hidden_.values.data();
  g.from_rows = batch_->shape.tokens;
  g.index = in_block(batch_->at.row_tokens);
  g.points = passes_, g.rows = batch_->shape.rows, g.columns = spec_.hidden;
  g.stride = padded8(spec_.hidden);
  g.to = gathered_.values.data();
  g.operand = second(gathered_, spec_.hidden);
  gather_rows(g, main_);
}

void Forward::layer(const LayerRoles& roles, bool last) {
  const BatchShape& shape = batch_->shape;
  const int64_t hidden = spec_.hidden, stride = padded8(hidden);
  const int64_t rows = last ? shape.rows : shape.tokens;
  const Outputs across{nullptr, hidden};
  const Operand all = operand(hidden_, hidden);
  Rows& from = last ? gathered_ : hidden_;
  if (last) gather_scored();  // only their queries, and what follows from them
  multiply(roles.query, across, operand(from, hidden), rows, query_);
  multiply(roles.key, across, all, shape.tokens, key_);
  multiply(roles.value, across, all, shape.tokens, value_);

  Attention a;
  a.query = query_.data(), a.key = key_.data(), a.value = value_.data();
  a.query_bias = vector(roles.query.bias), a.key_bias = vector(roles.key.bias);
  a.value_bias = vector(roles.value.bias);
  a.prefix_key = vector(roles.prefix_key), a.prefix_value = vector(roles.prefix_value);
  a.prefixes = roles.prefix_key < 0 ? 0 : weights_.parameter(roles.prefix_key).rows;
  a.vector_stride = weights_.vector_floats();
  a.points = passes_, a.query_rows = rows, a.key_rows = shape.tokens, a.stride = stride;
  a.heads = spec_.heads, a.width = spec_.hidden / spec_.heads;
  a.scale = 1.0f / std::sqrt(static_cast<float>(a.width));
  a.tiles = tiles_at(last ? batch_->at.row_tiles : batch_->at.tiles);
  a.tile_count = most_tiles(rows, shape.sequences, weights_.type());
  a.out = operand(context_, hidden);
  attend(a, main_);

  const auto add_and_norm = [&](const LinearRoles& linear, NormRoles norm_roles,
                                const Rows& residual, Rows& to) {
    Normalization n;
    n.product = projected_.data();
    n.product_bias = vector(linear.bias);
    n.residual = residual.values.data();
    n.norm = norm(norm_roles);
    n.points = passes_, n.rows = rows, n.columns = hidden, n.stride = stride;
    n.hidden = to.values.data();
    n.operand = second(to, hidden);
    normalize(n, main_);
  };
  multiply(roles.attention_output, across, operand(context_, hidden), rows, projected_);
  add_and_norm(roles.attention_output, roles.attention_norm, from, normed_);
  multiply(roles.intermediate, {nullptr, spec_.intermediate}, operand(normed_, hidden), rows,
           inner_product_);
  BiasActivation b;
  b.product = inner_product_.data();
  b.stride = padded8(spec_.intermediate);
  b.bias = vector(roles.intermediate.bias);
  b.vector_stride = weights_.vector_floats();
  b.activation = static_cast<int>(spec_.activation);
  b.points = passes_, b.rows = rows, b.columns = spec_.intermediate;
  b.out = operand(inner_, spec_.intermediate);
  bias_activation(b, main_);
  multiply(roles.output, across, operand(inner_, spec_.intermediate), rows, projected_);
  add_and_norm(roles.output, roles.output_norm, normed_, hidden_);
}

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
  return l;
}

void Forward::head(const Rows& from) {
  const ModelRoles& roles = spec_.roles;
  const BatchShape& shape = batch_->shape;
  const int64_t hidden = spec_.hidden, rows = shape.rows;
  const bool masked = spec_.head == Head::masked_lm;
  multiply(roles.head_dense, {nullptr, hidden}, operand(from, hidden), rows, projected_);
  BiasActivation b;
  b.product = projected_.data();
  b.stride = padded8(hidden);
  b.bias = vector(roles.head_dense.bias);
  b.vector_stride = weights_.vector_floats();
  b.activation = static_cast<int>(masked ? spec_.head_activation : Activation::tanh);
  b.points = passes_, b.rows = rows, b.columns = hidden;
  b.out = masked ? Operand{projected_.data(), StorageType::float32, padded8(hidden)}
                 : operand(normed_, hidden);
  bias_activation(b, main_);
  if (masked) {
    Normalization n;
    n.product = projected_.data();
    n.norm = norm(roles.head_norm);
    n.points = passes_, n.rows = rows, n.columns = hidden, n.stride = padded8(hidden);
    n.hidden = normed_.values.data();
    n.operand = second(normed_, hidden);
    normalize(n, main_);
  }
  const Outputs outputs{shape.outputs ? in_block(batch_->at.outputs) : nullptr,
                        shape.outputs ? shape.outputs : spec_.outputs};
  multiply(roles.head_output, outputs, operand(normed_, hidden), rows, logits_);
  cross_entropy(scored_logits(*batch_), losses_.data(), main_);
  sequence_means(losses_.data(), passes_, shape.scored, in_block(batch_->at.sequence_starts),
                 shape.sequences, means_.data(), main_);
}

void Forward::run(const PackedBatch& batch, const PointSet& points) {
  batch_ = &batch;
  points_ = &points;
  passes_ = points.points();
  chunks_ = 0;
  perturb_vectors(points.plan(), weights_.type(), points.all_parameters(), vector_offsets_.data(),
                  vector_shares_.shares.data(), vector_shares_.count, vectors_.data(),
                  weights_.vector_floats(), main_);
  embed();
  const std::vector<LayerRoles>& layers = spec_.roles.layers;
  for (size_t i = 0; i < layers.size(); ++i) layer(layers[i], i + 1 == layers.size());
  if (layers.empty()) gather_scored();
  head(layers.empty() ? gathered_ : hidden_);
}

void Forward::copy_logits(const PackedBatch& batch, float* out) const {
  cuda::copy_logits(scored_logits(batch), in_block(batch.at.logit_starts), out, main_);
}

}  // namespace zest::cuda
