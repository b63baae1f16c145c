// Linear layers at the points of a group: the perturbation is added while a panel of the weight is
// packed, once for all points.
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "core/bfloat16.h"
#include "core/blocks.h"
#include "core/parameters.h"
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
  multiply_base(
      std::initializer_list<Linear>{{a, {nullptr, 0, rank}, l.input, l.rows, &adapter_inner_}});
  multiply_base(
      std::initializer_list<Linear>{{b, l.outputs, &adapter_inner_, l.rows, &adapter_output_}});
  const int64_t stride = row_stride(l.outputs.count);
  for_rows(l.rows, [&](int p, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      kernels().accumulate((*l.output)[p] + i * stride, adapter_output_[p] + i * stride,
                           spec_.adapter_scale, l.activation, l.outputs.count);
    }
  });
}

// Outputs of one item of work: a panel, or as many columns as noise comes in.
int64_t Forward::outputs_at_once(const Linear& l) const {
  return l.roles.transposed ? packed_columns : kernels().panel_width;
}

// Of one item, at all points.
int64_t Forward::packed_floats(const Linear& l) const {
  const int width = kernels().panel_width;
  return panel_floats(spec_.inputs(l.roles), width) * (outputs_at_once(l) / width) * points_;
}

void Forward::multiply_base(std::span<const Linear> linears) {
  check_abort(*abort_);
  int64_t floats = 0;
  for (const Linear& l : linears) {
    floats = std::max(floats, packed_floats(l));
    for (int p = 0; p < points_; ++p) l.output->reserve(p, l.rows * row_stride(l.outputs.count));
  }
  const auto run = [&](std::span<const Linear> some, auto body) {
    int64_t items = 0;
    for (const Linear& l : some) items += parts(l.outputs.count, outputs_at_once(l));
    pool_.run(items, [&](int64_t item, int thread) {
      const Linear* l = some.data();
      for (int64_t own; item >= (own = parts(l->outputs.count, outputs_at_once(*l))); ++l)
        item -= own;
      body(*l, item, thread);
    });
  };
  // Panels of other types than float32 take longer to multiply with, a tile of rows at a time.
  constexpr int64_t few_rows = 16;
  const bool keeps = keeps_packed_ && std::ranges::all_of(linears, [&](const Linear& l) {
                       return l.rows <= few_rows || kept_type(l) == PanelType{};
                     });
  if (keeps) {
    for (const Linear& l : linears) {
      const Kept& kept = kept_panels(l);
      run({&l, 1}, [&](const Linear&, int64_t item, int) {
        multiply_outputs(l, item * outputs_at_once(l), kept.panels.data() + item * kept.item_bytes,
                         kept.type);
      });
    }
    return;
  }
  panels_.reserve(static_cast<size_t>(floats * pool_.threads()));
  const auto pack_and_multiply = [&](const Linear& l, int64_t item, int thread) {
    float* panels = panels_.data() + thread * floats;
    pack_outputs(l, item * outputs_at_once(l), panels);
    multiply_outputs(l, item * outputs_at_once(l), panels);
  };
  if (shortcuts_.fuse_perturbation) return run(linears, pack_and_multiply);
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
    run({&l, 1}, pack_and_multiply);
  }
}

PanelType Forward::kept_type(const Linear& l) const {
  if (perturbation_->of(l.roles.weight).count > 0) return {};
  const Matrix& w = weights_.matrix(l.roles.weight);
  if (!is_quantized(w.blocks)) return {w.type, FileType::float32};
  return l.roles.transposed ? PanelType{} : PanelType{StorageType::float32, w.blocks};
}

// Packed now or by an earlier run.
const Forward::Kept& Forward::kept_panels(const Linear& l) {
  const int64_t first = l.outputs.index ? l.outputs.index[0] : l.outputs.first;
  Kept& kept = kept_[{l.roles.weight, first}];
  if (kept.panels.size() > 0) return kept;
  kept.type = kept_type(l);
  const Matrix& w = weights_.matrix(l.roles.weight);
  const bool quantized = is_quantized(kept.type.quantized);
  const int64_t items = parts(l.outputs.count, outputs_at_once(l)), floats = packed_floats(l);
  kept.item_bytes =
      quantized ? quantized_panel_bytes(kept.type.quantized, w.columns, kernels().panel_width)
                : floats * static_cast<int64_t>(element_bytes(kept.type.stored));
  std::byte* panels = kept.panels.reserve(static_cast<size_t>(items * kept.item_bytes));
  panels_.reserve(static_cast<size_t>(floats * pool_.threads()));
  pool_.run(items, [&](int64_t item, int thread) {
    std::byte* to = panels + item * kept.item_bytes;
    const int64_t output = item * outputs_at_once(l);
    if (quantized) return pack_quantized(w, outputs_from(l, output), kernels().panel_width, to);
    if (kept.type.stored == StorageType::float32)
      return pack_outputs(l, output, reinterpret_cast<float*>(to));
    float* packed = panels_.data() + thread * floats;
    pack_outputs(l, output, packed);
    for (int64_t i = 0; i < floats; ++i) {
      const uint16_t half = to_bfloat16(packed[i]);
      std::memcpy(to + 2 * i, &half, sizeof half);
    }
  });
  return kept;
}

// The outputs of one item.
Rows Forward::outputs_from(const Linear& l, int64_t first) const {
  const int64_t count = std::min(outputs_at_once(l), l.outputs.count - first);
  return l.outputs.index ? Rows{l.outputs.index + first, 0, count}
                         : Rows{nullptr, l.outputs.first + first, count};
}

// Packs the outputs of one item, from `first` on, at all points.
void Forward::pack_outputs(const Linear& l, int64_t first, float* panels) {
  const Rows outputs = outputs_from(l, first);
  const auto pack = [&](const Matrix& w, const Noise& noise, float* const* to) {
    if (l.roles.transposed) {
      kernels().pack_columns(w, noise, outputs.first, outputs.count, to);
    } else {
      kernels().pack(w, noise, outputs, to);
    }
  };
  float* packed[most_points];
  for (int p = 0; p < points_; ++p) packed[p] = panels + p * (packed_floats(l) / points_);
  Matrix w = weights_.matrix(l.roles.weight);
  if (shortcuts_.fuse_perturbation) return pack(w, perturbation_->of(l.roles.weight), packed);
  w.type = StorageType::float32;  // the perturbed matrix itself
  w.blocks = FileType::float32;
  for (int p = 0; p < points_; ++p) {
    w.data = whole_[p].data();
    pack(w, Noise{}, packed + p);
  }
}

// Multiplies each point's rows with the outputs of one item.
void Forward::multiply_outputs(const Linear& l, int64_t first, const void* panels, PanelType type) {
  const int64_t count = std::min(outputs_at_once(l), l.outputs.count - first);
  const int64_t depth = spec_.inputs(l.roles), width = kernels().panel_width;
  const int64_t panel = panel_floats(depth, static_cast<int>(width)) *
                        static_cast<int64_t>(element_bytes(type.stored));
  const int64_t point =
      packed_floats(l) / points_ * static_cast<int64_t>(element_bytes(type.stored));
  const Rows outputs{l.outputs.index, l.outputs.first, l.outputs.count};
  for (int p = 0; p < points_; ++p) {
    float biases[packed_columns];
    const float* bias = vector(p, l.roles.bias);
    for (int64_t j = 0; bias && j < count; ++j) biases[j] = bias[outputs[first + j]];
    const auto* data = static_cast<const std::byte*>(panels) + p * point;
    for (int64_t column = 0; column < count; column += width) {
      kernels().multiply(
          {(*l.input)[p], row_stride(depth), l.rows, depth, data + column / width * panel,
           static_cast<int>(std::min(width, count - column)), bias ? biases + column : nullptr,
           l.roles.adapter_a < 0 ? l.activation : no_activation, (*l.output)[p] + first + column,
           row_stride(l.outputs.count), type});
    }
  }
}

}  // namespace zest::cpu
