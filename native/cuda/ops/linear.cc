// Linear layers at all points of a pass: perturbed weights are made a piece at a time, or low-rank
// directions appended to both factors of the product.
#include <algorithm>

#include "cuda/device/check.h"
#include "cuda/kernels/low_rank.h"
#include "cuda/ops/forward.h"

namespace zest::cuda {
namespace {

constexpr int64_t most_chunk_rows = 4096;

}  // namespace

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

}  // namespace zest::cuda
