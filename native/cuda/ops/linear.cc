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

int64_t outputs_a_piece(int64_t bytes_an_output, bool transposed) {
  const int64_t fit = std::min(scratch_bytes / 2 / bytes_an_output, most_outputs_a_piece);
  const int64_t step = fit >= 128 ? 128 : least_outputs(transposed);
  return std::max<int64_t>(fit / step, 1) * step;
}

}  // namespace

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

// Elements of the smallest piece of a weight, at one point.
int64_t Forward::least_piece(int64_t depth, bool transposed) const {
  return least_outputs(transposed) * padded8(depth + extension(depth));
}

void Forward::make_rows(const Parameter& p, const RowChoice& choice, int64_t points,
                        const PerturbedRows& out, cudaStream_t stream) {
  if (is_quantized(p.blocks)) {
    dequantize_rows(p, choice, points, out, stream);
  } else {
    perturb_rows(points_->plan(), weights_.type(), p, choice, out, stream);
  }
}

// Makes what is chosen of the perturbed (or extended) weight in the next piece, on the second
// stream.
void Forward::make_piece(int parameter, const RowChoice& choice, bool extended, int64_t points,
                         int64_t stride) {
  const int piece = static_cast<int>(pieces_ % 2);
  if (pieces_ == 0) {
    check(cudaEventRecord(forked_, main_), "cudaEventRecord");
    check(cudaStreamWaitEvent(noise_, forked_, 0), "cudaStreamWaitEvent");
  }
  if (pieces_ >= 2) check(cudaStreamWaitEvent(noise_, consumed_[piece], 0), "cudaStreamWaitEvent");
  const Parameter p = points_->parameter(parameter);
  if (extended) {
    extend_weights(points_->plan(), points_->terms(), weights_.type(), p, choice,
                   scratch_[piece].data(), stride, noise_);
  } else {
    make_rows(p, choice, points,
              {scratch_[piece].data(), weights_.type(), stride, choice.count * stride}, noise_);
  }
  check(cudaEventRecord(ready_[piece], noise_), "cudaEventRecord");
  check(cudaStreamWaitEvent(main_, ready_[piece], 0), "cudaStreamWaitEvent");
}

void Forward::product(const Multiplication& m) {
  const Parameter p = points_->parameter(m.parameter);
  const int64_t depth = m.transposed ? p.rows : p.columns;
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
  const bool perturbed = p.trainable && points_->terms() > 0, quantized = is_quantized(p.blocks);
  if (!perturbed && !quantized && !m.outputs.index && p.columns % 8 == 0) {
    product.w = p.data;
    product.w_stride = p.columns;
    product.rows = passes_ * m.rows;
    product.outputs = m.outputs.count;
    product.depth = depth;
    products_.multiply(product, main_);
    return;
  }
  const bool extended = p.factor_a && !m.transposed && extension(depth) > 0;
  const bool shared = extended || quantized;  // by all points
  product.depth = extended ? depth + extension(depth) : depth;
  product.rows = shared ? passes_ * m.rows : m.rows;
  product.batch = shared ? 1 : passes_;
  product.x_batch = m.rows * m.x.stride;
  product.y_batch = m.rows * m.y.stride;
  if (extended) extend_inputs(p, m.x, m.rows);
  const int64_t at_once = outputs_a_piece(
      product.batch * padded8(product.depth) * static_cast<int64_t>(element_bytes(weights_.type())),
      m.transposed);
  const auto y_element = static_cast<int64_t>(element_bytes(m.y.type));
  for (int64_t first = 0; first < m.outputs.count; first += at_once) {
    const int64_t count = std::min(at_once, m.outputs.count - first);
    RowChoice choice{m.outputs.index, first, count};
    if (m.outputs.index) choice.index += first;
    if (m.transposed) choice = {nullptr, 0, depth, first, count};
    product.w_stride = padded8(m.transposed ? count : product.depth);
    make_piece(m.parameter, choice, extended, product.batch, product.w_stride);
    const int piece = static_cast<int>(pieces_ % 2);
    product.w = scratch_[piece].data();
    product.w_batch = choice.count * product.w_stride;
    product.y = static_cast<std::byte*>(m.y.data) + first * y_element;
    product.outputs = count;
    products_.multiply(product, main_);
    check(cudaEventRecord(consumed_[piece], main_), "cudaEventRecord");
    ++pieces_;
  }
}

// With the adapter, if there is one: Y = X W^T + adapter_scale (X A^T) B^T (Hu et al. 2021).
void Forward::multiply(const LinearRoles& linear, Outputs outputs, const Operand& x, int64_t rows,
                       const Operand& y) {
  product({linear.weight, linear.transposed, outputs, x, rows, y});
  if (linear.adapter_a < 0) return;
  const int64_t rank = weights_.parameter(linear.adapter_a).rows;
  const Operand inner = operand(adapter_, rank);
  product({linear.adapter_a, false, {nullptr, rank}, x, rows, inner});
  product({linear.adapter_b, false, outputs, inner, rows, y, spec_.adapter_scale, true});
}

}  // namespace zest::cuda
