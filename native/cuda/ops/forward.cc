#include "cuda/ops/forward.h"

#include <algorithm>
#include <cstring>

#include "core/transformer/visit.h"
#include "cuda/device/check.h"
#include "cuda/kernels/attention.h"
#include "cuda/kernels/perturb.h"

namespace zest::cuda {
namespace {

// Elements of a row of each product before attention; 0 where another one has it too.
struct AttentionWidths {
  int64_t query = 0, key = 0, value = 0;
};

int64_t all_outputs_of(const ModelSpec& spec, const LinearRoles& linear) {
  LinearRoles whole = linear;
  whole.outputs = {};
  return spec.outputs_of(whole);
}

AttentionWidths attention_widths(const ModelSpec& spec) {
  AttentionWidths widths;
  const auto widen = [&](int64_t& to, const LinearRoles& linear) {
    to = std::max(to, padded8(all_outputs_of(spec, linear)));
  };
  for (const LayerRoles& layer : spec.roles.layers) {
    widen(widths.key, layer.key);
    if (layer.query.weight != layer.key.weight) widen(widths.query, layer.query);
    if (layer.value.weight != layer.key.weight) widen(widths.value, layer.value);
  }
  return widths;
}

bool has_gates(const ModelSpec& spec) {
  return std::any_of(spec.roles.layers.begin(), spec.roles.layers.end(),
                     [](const LayerRoles& layer) { return layer.gate.weight >= 0; });
}

// Bytes of a row of the products that are summed in float32 and of those that are rounded to the
// type of the weights, which take turns in one memory.
int64_t product_bytes(const ModelSpec& spec, StorageType type) {
  const int64_t inner = padded8(spec.intermediate) * (has_gates(spec) ? 2 : 1);
  return std::max(padded8(std::max(spec.hidden, spec.embedding)) * int64_t{sizeof(float)},
                  inner * static_cast<int64_t>(element_bytes(type)));
}

}  // namespace

int64_t activation_bytes(const ModelSpec& spec) {
  const AttentionWidths attention = attention_widths(spec);
  int64_t floats = 2 * attention.query + attention.key + attention.value;
  for (int s = 0; s < states; ++s) floats += padded8(width(static_cast<State>(s), spec));
  return floats * static_cast<int64_t>(sizeof(float)) + product_bytes(spec, StorageType::float32);
}

Forward::Forward(const Weights& weights, Products& products, cudaStream_t main, cudaStream_t noise,
                 int64_t scratch_bytes)
    : weights_(weights),
      spec_(weights.spec()),
      products_(products),
      main_(main),
      noise_(noise),
      scratch_bytes_(scratch_bytes) {
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

void Forward::reserve_rows(Rows& rows, int64_t count, int64_t columns, bool read_by_products) {
  reserve(rows.values, count * padded8(columns));
  if (shares_memory(columns) || !read_by_products) return;
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

// With norms first, what is between layers is only summed and normed.
bool Forward::is_read_by_products(State of) const {
  return !spec_.norm_first || spec_.roles.final_norm.weight < 0 ||
         (of != State::hidden && of != State::gathered);
}

Forward::Outputs Forward::all_outputs(const LinearRoles& linear) const {
  return {nullptr, all_outputs_of(spec_, linear)};
}

const float* Forward::vector(int parameter) const {
  return parameter < 0
             ? nullptr
             : vectors_.data() + weights_.vector_offsets()[static_cast<size_t>(parameter)];
}

NormVectors Forward::norm(const NormRoles& roles) const {
  return {spec_.norm, vector(roles.weight), vector(roles.bias), weights_.vector_floats(),
          spec_.norm_epsilon};
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
  const ModelRoles& roles = spec_.roles;
  // Distinct tokens that are scored are no more than all.
  const int64_t tokens = passes_ * shape.tokens, rows = passes_ * shape.rows;
  reserve(block_, static_cast<int64_t>(batch_->block.size()));
  reserve(vectors_, passes_ * weights_.vector_floats());
  const int parameters[tables] = {roles.word_embeddings, roles.position_embeddings,
                                  roles.segment_embeddings};
  for (int t = 0; t < tables; ++t) {
    if (parameters[t] < 0) continue;
    reserve(tables_[t],
            passes_ * shape.table_rows[t] * padded8(weights_.parameter(parameters[t]).columns));
  }
  const auto reserve_state = [&](State s, int64_t count) {
    reserve_rows(state(s), count, columns(s), is_read_by_products(s));
  };
  for (const State s : {State::hidden, State::normed, State::context, State::inner}) {
    reserve_state(s, tokens);
  }
  reserve_state(State::gathered, rows);
  if (spec_.norm_first) reserve_state(State::queries, rows);
  if (spec_.embedding != spec_.hidden) {
    reserve_state(State::projected, rows);
    reserve_rows(embedded_, tokens, spec_.embedding);
  }
  reserve_attention(tokens, rows);
  const int64_t element = static_cast<int64_t>(element_bytes(weights_.type()));
  reserve(product_, tokens * product_bytes(spec_, weights_.type()));
  const int64_t outputs = shape.outputs ? shape.outputs : spec_.outputs;
  reserve(logits_, rows * padded8(outputs));
  reserve(losses_, passes_ * shape.scored);
  reserve(means_, passes_ * shape.sequences);
  // Up to three weights are one product, of which perhaps one alone is perturbed.
  int64_t adapter_rank = 0, bytes = 0, factor_elements = 0, outputs_at_once = 0;
  for_each<LinearRoles>(spec_.roles, [&](const LinearRoles& linear) {
    if (linear.weight < 0 || &linear == &roles.head_output) return;
    outputs_at_once = std::max(outputs_at_once, 3 * all_outputs(linear).count);
  });
  for_each<LinearRoles>(spec_.roles, [&](const LinearRoles& linear) {
    if (linear.weight < 0) return;
    const int64_t inputs = spec_.inputs(linear);
    const bool head = &linear == &roles.head_output;
    if ((head && shape.outputs > 0) || !is_read_directly(points_->parameter(linear.weight))) {
      bytes =
          std::max(bytes, piece_bytes(head ? outputs : outputs_at_once, inputs, linear.transposed));
    }
    factor_elements = std::max(factor_elements, extension(inputs) * inputs);
    if (linear.adapter_a < 0) return;
    const int64_t rank = weights_.parameter(linear.adapter_a).rows;
    adapter_rank = std::max(adapter_rank, rank);
    bytes = std::max({bytes, piece_bytes(rank, inputs, false),
                      piece_bytes(all_outputs(linear).count, rank, false)});
  });
  if (adapter_rank > 0) {
    reserve_rows(adapter_, tokens, adapter_rank);
    factor_elements = std::max(factor_elements, extension(adapter_rank) * adapter_rank);
  }
  reserve(scaled_factors_, factor_elements * passes_ * element);
  for (DeviceMemory<std::byte>& piece : scratch_) reserve(piece, bytes);
}

void Forward::reserve_attention(int64_t tokens, int64_t rows) {
  const AttentionWidths widths = attention_widths(spec_);
  const int64_t element = static_cast<int64_t>(element_bytes(weights_.type()));
  reserve(heads_, tokens * (widths.query + widths.key + widths.value) * element);
  reserve(query_, rows * widths.query * element);
  const BatchShape& shape = batch_->shape;
  const int64_t tiles = most_tiles(shape.tokens, shape.sequences, weights_.type());
  reserve(parts_, passes_ * floats_of_parts(tiles, spec_.heads, spec_.head_width, shape.key_parts));
  // Enough positions for the longest sequence; there may be no table of their embeddings.
  reserve_rotary(batch_->places);
}

void Forward::reserve_rotary(int64_t positions) {
  const int64_t half = static_cast<int64_t>(spec_.rotary_frequencies.size());
  if (static_cast<int64_t>(cosines_.size()) >= positions * half) return;
  // Twice as long as it was, so that few batches move it.
  rotary_.extend(spec_, std::max(positions, 2 * rotary_.positions));
  const auto upload = [&](DeviceMemory<float>& to, const std::vector<float>& from) {
    reserve(to, static_cast<int64_t>(from.size()));
    check(cudaMemcpyAsync(to.data(), from.data(), from.size() * sizeof(float),
                          cudaMemcpyHostToDevice, main_),
          "uploading rotary positions");
  };
  upload(cosines_, rotary_.cosines);
  upload(sines_, rotary_.sines);
  check(cudaStreamSynchronize(main_), "uploading rotary positions");  // the table may grow
}

void Forward::release() {
  for (Rows& rows : states_) rows = {};
  embedded_ = {}, adapter_ = {};
  for (DeviceMemory<float>* m : {&vectors_, &parts_, &logits_, &losses_, &cosines_, &sines_})
    m->reset();
  for (DeviceMemory<std::byte>* m : {&heads_, &query_, &product_, &scaled_factors_}) {
    m->reset();
  }
  for (DeviceMemory<float>& table : tables_) table.reset();
  for (DeviceMemory<std::byte>& piece : scratch_) piece.reset();
  block_.reset();
  means_.reset();
}

void Forward::run(const PackedBatch& batch, const PointSet& points, const KeyValueCache* cache,
                  Ending ending) {
  batch_ = &batch;
  points_ = &points;
  cache_ = cache;
  passes_ = points.points();
  pieces_ = 0;
  perturb_vectors(points.plan(), weights_.type(), points.all_parameters(), vector_offsets_.data(),
                  vector_shares_.shares.data(), vector_shares_.count, vectors_.data(),
                  weights_.vector_floats(), main_);
  run_layers(*this, spec_, Shortcuts{}, ending);
}

}  // namespace zest::cuda
