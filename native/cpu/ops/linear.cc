// Linear layers at the points of a group: the perturbation is added while a panel of the weight is
// packed, once for all points.
#include <algorithm>
#include <initializer_list>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

Forward::Linear Forward::whole(const LinearRoles& roles, const Activations& input, int64_t rows,
                               Activations& output, int activation) const {
  return {roles,     {nullptr, 0, weights_.matrix(roles.weight).rows}, &input, rows, &output,
          activation};
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
  multiply_base(std::initializer_list<Linear>{
      {{l.roles.adapter_a, -1}, {nullptr, 0, rank}, l.input, l.rows, &adapter_inner_, -1}});
  multiply_base(std::initializer_list<Linear>{
      {{l.roles.adapter_b, -1}, l.outputs, &adapter_inner_, l.rows, &adapter_output_, -1}});
  const int64_t stride = row_stride(l.outputs.count), row_parts = parts(l.rows, rows_at_once);
  pool_.run(points_ * row_parts, [&](int64_t item, int) {
    const int p = static_cast<int>(item / row_parts);
    const int64_t first = item % row_parts * rows_at_once;
    for (int64_t i = first; i < std::min(first + rows_at_once, l.rows); ++i) {
      kernels().accumulate((*l.output)[p] + i * stride, adapter_output_[p] + i * stride,
                           spec_.adapter_scale, l.activation, l.outputs.count);
    }
  });
}

void Forward::multiply_base(std::span<const Linear> linears) {
  check_abort();
  const int width = kernels().panel_width;
  int64_t deepest = 0, items = 0;
  for (const Linear& l : linears) {
    deepest = std::max(deepest, columns(l.roles.weight));
    items += parts(l.outputs.count, width);
    for (int p = 0; p < points_; ++p) l.output->reserve(p, l.rows * row_stride(l.outputs.count));
  }
  const int64_t panel = panel_floats(deepest, width);
  panels_.reserve(static_cast<size_t>(panel * points_ * pool_.threads()));

  // Without the fused packing: the perturbed matrix itself.
  const auto perturbed = [&](const Linear& l, int p) {
    Matrix matrix = weights_.matrix(l.roles.weight);
    matrix.data = whole_[p].data();
    matrix.type = StorageType::float32;
    return matrix;
  };
  const auto run = [&](std::span<const Linear> some, int64_t count) {
    pool_.run(count, [&](int64_t item, int thread) {
      const Linear* l = some.data();
      while (item >= parts(l->outputs.count, width)) item -= parts((l++)->outputs.count, width);
      const int64_t first = item * width;
      const int64_t n = std::min<int64_t>(width, l->outputs.count - first);
      const Rows rows = l->outputs.index ? Rows{l->outputs.index + first, 0, n}
                                         : Rows{nullptr, l->outputs.first + first, n};
      float* packed[most_points];
      for (int p = 0; p < points_; ++p) packed[p] = panels_.data() + (thread * points_ + p) * panel;
      if (shortcuts_.fuse_perturbation) {
        kernels().pack(weights_.matrix(l->roles.weight), perturbation_->of(l->roles.weight), rows,
                       packed);
      } else {
        for (int p = 0; p < points_; ++p)
          kernels().pack(perturbed(*l, p), Noise{}, rows, packed + p);
      }
      const int64_t depth = columns(l->roles.weight);
      for (int p = 0; p < points_; ++p) {
        const float* bias = l->bias ? (*l->bias)[p] : vector(p, l->roles.bias);
        kernels().multiply({(*l->input)[p], row_stride(depth), l->rows, depth, packed[p],
                            static_cast<int>(n), bias ? bias + first : nullptr,
                            l->roles.adapter_a < 0 ? l->activation : -1, (*l->output)[p] + first,
                            row_stride(l->outputs.count)});
      }
    });
  };
  if (shortcuts_.fuse_perturbation) {
    run(linears, items);
    return;
  }
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
    run({&l, 1}, parts(l.outputs.count, width));
  }
}

}  // namespace zest::cpu
