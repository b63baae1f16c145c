// Linear layers at all points of a pass: perturbed weights are made a piece at a time, or low-rank
// directions appended to both factors of the product.
#include <algorithm>

#include "core/blocks.h"
#include "cuda/device/check.h"
#include "cuda/kernels/dequantize.h"
#include "cuda/kernels/low_rank.h"
#include "cuda/ops/forward.h"

namespace zest::cuda {
namespace {

constexpr int64_t most_outputs_a_piece = 4096;

// A piece is a whole number of chunks of a transposed weight's columns, or of eight rows.
int64_t least_outputs(bool transposed) { return transposed ? chunk_elements : 8; }

}  // namespace

int64_t outputs_a_piece(int64_t scratch_bytes, int64_t bytes_an_output, bool transposed) {
  const int64_t fit = std::min(scratch_bytes / 2 / bytes_an_output, most_outputs_a_piece);
  const int64_t step = fit >= 128 ? 128 : least_outputs(transposed);
  return std::max<int64_t>(fit / step, 1) * step;
}

// Columns that low-rank directions append to the rows that a product reads; 0 where there are so
// many that the perturbed weights are made instead, or where they would not begin at a multiple of
// 16 bytes.
int64_t Forward::extension(int64_t columns) const {
  const Plan& plan = points_->plan();
  if (plan.law != Law::low_rank || columns % 8 != 0) return 0;
  const int64_t appended = appended_columns(points_->terms(), plan.rank);
  return appended <= columns / 2 ? appended : 0;
}

// Writes the appended columns of the rows of every point: one product of X with each point's B.
void Forward::extend_inputs(const Parameter& p, const Operand& x, int64_t rows) {
  const int64_t appended = extension(p.columns);
  scale_factors(points_->plan(), points_->terms(), weights_.type(), p, passes_,
                scaled_factors_.data(), main_);
  const auto element = static_cast<int64_t>(element_bytes(weights_.type()));
  Product product;
  product.x = x.data;
  product.w = scaled_factors_.data();
  product.y = static_cast<std::byte*>(x.data) + p.columns * element;  // beside what is read
  product.rows = rows, product.outputs = appended, product.depth = p.columns;
  product.batch = passes_;
  product.x_stride = product.y_stride = x.stride;
  product.x_batch = product.y_batch = rows * x.stride;
  product.w_stride = p.columns, product.w_batch = appended * p.columns;
  product.type = product.y_type = weights_.type();
  products_.multiply(product, main_);
}

bool Forward::shares_memory(int64_t columns) const {
  return weights_.type() == StorageType::float32 && extension(columns) == 0;
}

// Bytes of the largest piece of a product of so many outputs in this pass: at all points, or once
// for all of them.
int64_t Forward::piece_bytes(int64_t outputs, int64_t depth, bool transposed) const {
  const auto element = static_cast<int64_t>(element_bytes(weights_.type()));
  const auto of = [&](int64_t batch, int64_t deep) {
    const int64_t an_output = batch * padded8(deep) * element;
    const int64_t count = std::min(outputs_a_piece(scratch_bytes_, an_output, transposed), outputs);
    return transposed ? batch * deep * padded8(count) * element : count * an_output;
  };
  const int64_t extended = transposed ? depth : depth + extension(depth);
  return std::max({of(passes_, depth), of(1, depth), of(1, extended)});
}

void Forward::make_rows(const Parameter& p, const RowChoice& choice, int64_t points,
                        const PerturbedRows& out, cudaStream_t stream) {
  if (is_quantized(p.blocks)) {
    dequantize_rows(p, choice, points, out, stream);
  } else {
    perturb_rows(points_->plan(), weights_.type(), p, choice, out, stream);
  }
}

bool Forward::is_read_directly(const Parameter& p) const {
  return !is_perturbed(p) && !is_quantized(p.blocks) && p.columns % 8 == 0;
}

bool Forward::is_extended(const Parameter& p, bool transposed) const {
  return p.factor_a && !transposed && extension(p.columns) > 0;
}

// Makes outputs first .. first + count of the perturbed (or extended) weights in the next piece, on
// the second stream.
void Forward::make_piece(const Multiplication& m, int64_t first, int64_t count,
                         const Product& product) {
  const int piece = static_cast<int>(pieces_ % 2);
  if (pieces_ == 0) {
    check(cudaEventRecord(forked_, main_), "cudaEventRecord");
    check(cudaStreamWaitEvent(noise_, forked_, 0), "cudaStreamWaitEvent");
  }
  if (pieces_ >= 2) check(cudaStreamWaitEvent(noise_, consumed_[piece], 0), "cudaStreamWaitEvent");
  std::byte* to = scratch_[piece].data();
  const int64_t stride = product.w_stride;
  for (const Factor& weight : m.weights) {
    const int64_t begin = std::max<int64_t>(first, 0);
    const int64_t here = std::min(first + count, weight.outputs.count) - begin;
    first -= weight.outputs.count;  // as the next weight counts
    if (here <= 0) continue;
    const Parameter p = points_->parameter(weight.parameter);
    RowChoice choice{weight.outputs.index, begin, here};
    if (weight.outputs.index) choice.index += begin;
    if (m.transposed) choice = {nullptr, 0, p.rows, begin, here};
    if (is_extended(p, m.transposed)) {
      extend_weights(points_->plan(), points_->terms(), weights_.type(), p, choice, to, stride,
                     noise_);
    } else {
      make_rows(p, choice, product.batch, {to, weights_.type(), stride, product.w_batch}, noise_);
    }
    to += choice.count * stride * static_cast<int64_t>(element_bytes(weights_.type()));
  }
  check(cudaEventRecord(ready_[piece], noise_), "cudaEventRecord");
  check(cudaStreamWaitEvent(main_, ready_[piece], 0), "cudaStreamWaitEvent");
}

void Forward::product(const Multiplication& m) {
  const Factor& leading = m.weights.front();
  const Parameter p = points_->parameter(leading.parameter);
  const int64_t depth = m.transposed ? p.rows : p.columns;
  int64_t outputs = 0;
  bool direct = !leading.outputs.index, quantized = true;
  for (const Factor& weight : m.weights) {
    const Parameter each = points_->parameter(weight.parameter);
    outputs += weight.outputs.count;
    direct = direct && is_read_directly(each);
    quantized = quantized && is_quantized(each.blocks);
  }
  Product product;
  product.x = m.x.data;
  product.x_stride = m.x.stride;
  product.y = m.y.data;
  product.y_stride = m.y.stride;
  product.y_type = m.y.type;
  product.scale = m.scale;
  product.add = m.add;
  product.transposed = m.transposed;
  product.type = weights_.type();
  if (direct) {  // several lie one after the other (Weights)
    product.w = p.data;
    product.w_stride = p.columns;
    product.rows = passes_ * m.rows;
    product.outputs = outputs;
    product.depth = depth;
    products_.multiply(product, main_);
    return;
  }
  const bool extended = is_extended(p, m.transposed), shared = extended || quantized;
  product.depth = extended ? depth + extension(depth) : depth;
  product.rows = shared ? passes_ * m.rows : m.rows;
  product.batch = shared ? 1 : passes_;
  product.x_batch = m.rows * m.x.stride;
  product.y_batch = m.rows * m.y.stride;
  if (extended) extend_inputs(p, m.x, m.rows);
  const int64_t at_once = outputs_a_piece(
      scratch_bytes_,
      product.batch * padded8(product.depth) * static_cast<int64_t>(element_bytes(weights_.type())),
      m.transposed);
  const auto y_element = static_cast<int64_t>(element_bytes(m.y.type));
  for (int64_t first = 0; first < outputs; first += at_once) {
    const int64_t count = std::min(at_once, outputs - first);
    product.w_stride = padded8(m.transposed ? count : product.depth);
    product.w_batch = (m.transposed ? depth : count) * product.w_stride;
    make_piece(m, first, count, product);
    const int piece = static_cast<int>(pieces_ % 2);
    product.w = scratch_[piece].data();
    product.y = static_cast<std::byte*>(m.y.data) + first * y_element;
    product.outputs = count;
    products_.multiply(product, main_);
    check(cudaEventRecord(consumed_[piece], main_), "cudaEventRecord");
    ++pieces_;
  }
}

// With the adapter, if there is one: Y = X W^T + adapter_scale (X A^T) B^T (+ Y) (Hu et al. 2021).
void Forward::multiply(const LinearRoles& linear, Outputs outputs, const Operand& x, int64_t rows,
                       const Operand& y, bool add) {
  product({{{linear.weight, outputs}}, linear.transposed, x, rows, y, 1, add});
  add_adapter(linear, outputs, x, rows, y);
}

void Forward::add_adapter(const LinearRoles& linear, Outputs outputs, const Operand& x,
                          int64_t rows, const Operand& y) {
  if (linear.adapter_a < 0) return;
  const int64_t rank = weights_.parameter(linear.adapter_a).rows;
  const Operand inner = operand(adapter_, rank);
  product({{{linear.adapter_a, {nullptr, rank}}}, false, x, rows, inner});
  product({{{linear.adapter_b, outputs}}, false, inner, rows, y, spec_.adapter_scale, true});
}

std::vector<Operand> Forward::side_by_side(Linears linears,
                                           const DeviceMemory<std::byte>& product) const {
  int64_t stride = 0;
  for (const LinearRoles* linear : linears) stride += padded8(all_outputs(*linear).count);
  std::vector<Operand> products;
  std::byte* at = product.data();
  for (const LinearRoles* linear : linears) {
    products.push_back({at, weights_.type(), stride});
    at +=
        padded8(all_outputs(*linear).count) * static_cast<int64_t>(element_bytes(weights_.type()));
  }
  return products;
}

// Whether one product makes the outputs of several layers: their weights lie one after the other,
// or are made in pieces. Low rank appends columns to the inputs that are each weight's own, and
// pieces of transposed weights are columns.
bool Forward::are_one_product(Linears linears) const {
  bool direct = true, adjacent = true, possible = true;
  for (size_t i = 0; i < linears.size(); ++i) {
    const Parameter p = points_->parameter(linears[i]->weight);
    possible = possible && !linears[i]->transposed && !is_extended(p, false);
    direct = direct && is_read_directly(p);
    if (i + 1 == linears.size()) continue;
    const size_t bytes = weights_.byte_count(linears[i]->weight);
    const Parameter& next = weights_.parameter(linears[i + 1]->weight);
    possible = possible && p.rows % 8 == 0;
    adjacent = adjacent && static_cast<std::byte*>(p.data) + bytes == next.data;
  }
  return possible && (!direct || adjacent);
}

void Forward::multiply(Linears linears, const Operand& x, int64_t rows,
                       std::span<const Operand> products) {
  if (are_one_product(linears)) {
    Multiplication all{{}, false, x, rows, products.front()};
    for (const LinearRoles* linear : linears)
      all.weights.push_back({linear->weight, all_outputs(*linear)});
    product(all);
    for (size_t i = 0; i < linears.size(); ++i)
      add_adapter(*linears[i], all_outputs(*linears[i]), x, rows, products[i]);
  } else {
    for (size_t i = 0; i < linears.size(); ++i) multiply(*linears[i], x, rows, products[i]);
  }
}

}  // namespace zest::cuda
