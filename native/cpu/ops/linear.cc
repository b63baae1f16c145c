// Linear layers at the points of a group: the perturbation is added while a panel of the weight is
// packed, once for all points.
#include <algorithm>
#include <initializer_list>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

Forward::Linear Forward::whole(const LinearRoles& roles, const Activations& input, int64_t rows,
                               Activations& output, int activation) const {
  Rows outputs{nullptr, roles.outputs.first, spec_.outputs_of(roles)};
  if (const auto slice = slices_.find({roles.weight, roles.outputs.first}); slice != slices_.end())
    outputs = {slice->second.data(), 0, outputs.count};
  return {roles, outputs, &input, rows, &output, activation};
}

void Forward::multiply(std::span<const Linear> linears) {
  multiply_base(linears);
  for (const Linear& linear : linears) {
    if (linear.roles.adapter_a >= 0) add_adapter(linear);
  }
}

// LoRA (Hu et al. 2021): Y = activation(X W^T + bias + scale (X A^T) B^T).
void Forward::add_adapter(const Linear& l) {
  const int64_t rank = weights_.matrix(l.roles.adapter_a).rows;
  LinearRoles a, b;
  a.weight = l.roles.adapter_a;
  b.weight = l.roles.adapter_b;
  multiply_base(std::initializer_list<Linear>{
      {a, {nullptr, 0, rank}, l.input, l.rows, &adapter_inner_, -1}});
  multiply_base(std::initializer_list<Linear>{
      {b, l.outputs, &adapter_inner_, l.rows, &adapter_output_, -1}});
  const int64_t stride = row_stride(l.outputs.count);
  for_rows(l.rows, [&](int p, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      kernels().accumulate((*l.output)[p] + i * stride, adapter_output_[p] + i * stride,
                           spec_.adapter_scale, l.activation, l.outputs.count);
    }
  });
}

void Forward::multiply_base(std::span<const Linear> linears) {
  check_abort();
  const int width = kernels().panel_width;
  // Outputs of one item: a panel, or as many columns as noise comes in.
  const auto at_once = [&](const Linear& l) { return l.roles.transposed ? packed_columns : width; };
  int64_t floats = 0;
  for (const Linear& l : linears) {
    floats = std::max(floats, panel_floats(spec_.inputs(l.roles), width) * at_once(l) / width);
    for (int p = 0; p < points_; ++p) l.output->reserve(p, l.rows * row_stride(l.outputs.count));
  }
  panels_.reserve(static_cast<size_t>(floats * points_ * pool_.threads()));
  const auto run = [&](std::span<const Linear> some) {
    int64_t items = 0;
    for (const Linear& l : some) items += parts(l.outputs.count, at_once(l));
    pool_.run(items, [&](int64_t item, int thread) {
      const Linear* l = some.data();
      for (int64_t own; item >= (own = parts(l->outputs.count, at_once(*l))); ++l) item -= own;
      multiply_outputs(*l, item * at_once(*l), at_once(*l), panels_.data() + thread * points_ * floats,
                       floats);
    });
  };
  if (shortcuts_.fuse_perturbation) return run(linears);
  for (const Linear& l : linears) {
    const Matrix& w = weights_.matrix(l.roles.weight);
    for (int p = 0; p < points_; ++p) whole_[p].reserve(static_cast<size_t>(w.rows * w.columns));
    pool_.run(parts(w.rows, rows_at_once), [&](int64_t item, int) {
      const int64_t first = item * rows_at_once;
      float* out[most_points];
      for (int p = 0; p < points_; ++p) out[p] = whole_[p].data() + first * w.columns;
      kernels().perturb(w, perturbation_->of(l.roles.weight),
                        {nullptr, first, std::min(rows_at_once, w.rows - first)}, out, w.columns);
    });
    run({&l, 1});
  }
}

// Packs outputs first .. first + at_once of a layer at all points, and multiplies each point's rows
// with them.
void Forward::multiply_outputs(const Linear& l, int64_t first, int64_t at_once, float* panels,
                               int64_t point_floats) {
  const int64_t count = std::min(at_once, l.outputs.count - first);
  const Rows outputs = l.outputs.index ? Rows{l.outputs.index + first, 0, count}
                                       : Rows{nullptr, l.outputs.first + first, count};
  const auto pack = [&](const Matrix& w, const Noise& noise, float* const* to) {
    if (l.roles.transposed) {
      kernels().pack_columns(w, noise, outputs.first, count, to);
    } else {
      kernels().pack(w, noise, outputs, to);
    }
  };
  float* packed[most_points];
  for (int p = 0; p < points_; ++p) packed[p] = panels + p * point_floats;
  Matrix w = weights_.matrix(l.roles.weight);
  if (shortcuts_.fuse_perturbation) {
    pack(w, perturbation_->of(l.roles.weight), packed);
  } else {
    // The perturbed matrix itself.
    w.type = StorageType::float32;
    for (int p = 0; p < points_; ++p) {
      w.data = whole_[p].data();
      pack(w, Noise{}, packed + p);
    }
  }
  const int64_t depth = spec_.inputs(l.roles), width = kernels().panel_width;
  for (int p = 0; p < points_; ++p) {
    float biases[packed_columns];
    const float* bias = vector(p, l.roles.bias);
    for (int64_t j = 0; bias && j < count; ++j) biases[j] = bias[outputs[j]];
    for (int64_t column = 0; column < count; column += width) {
      kernels().multiply({(*l.input)[p], row_stride(depth), l.rows, depth,
                          packed[p] + column / width * panel_floats(depth, static_cast<int>(width)),
                          static_cast<int>(std::min(width, count - column)),
                          bias ? biases + column : nullptr,
                          l.roles.adapter_a < 0 ? l.activation : -1,
                          (*l.output)[p] + first + column, row_stride(l.outputs.count)});
    }
  }
}

}  // namespace zest::cpu
